"""meshio: the service mesh inside your asyncio process.

    async with meshio.Mesh.from_env() as mesh:
        reply = await mesh.get("http://reviews:9080/reviews/1")

A map of the rooms, from the top; a room imports only rooms below it:

    cli            the `meshio` command
    environment    Mesh, and where its configuration comes from
    controlplane   the development control plane: Istio YAML to snapshots and xDS
    client         adapters: native client, MeshTransport for httpx, MeshConnector for aiohttp
    xds, registry  edges: istiod over grpclib, DNS
    mesh           publish and compose: Snapshot to plan
    transport      bytes and sockets: HTTP/1.1, pools
    routing        routes, rewrites, local replies        upstream   clusters and hosts, live
    access         who may do what
    matching, balancing, resilience                       the algorithms, mesh-agnostic
    errors, message, naming, record                       what everything else speaks

Where is X? Which route wins: routing/router.py. How a header is matched: matching/header.py. Which host is picked:
balancing/<policy>.py. Why a host is not picked: resilience/outlier.py and upstream/standing.py. When a retry
happens: resilience/retry.py. What a circuit breaker counts: upstream/breaker.py and transport/host_pool.py. What
happens on an xDS push: mesh/dataplane.py. Why istiod got a NACK: every `.rejected(` in xds/, and the tables
xds/*_fields.py. What an Istio YAML means: controlplane/<kind>.py. Peers for tests of one's own: testing/.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meshio.client.aiohttp import MeshConnector, aiohttp_middleware
    from meshio.client.httpx import MeshTransport
    from meshio.client.reply import Reply
    from meshio.environment.mesh import Mesh
    from meshio.environment.run import run
    from meshio.errors import (
        BadRequest,
        Closed,
        ConfigError,
        ConnectFailed,
        MeshError,
        NoHealthyHost,
        NoRoute,
        NotReady,
        Overloaded,
        ProtocolBroken,
        Rejected,
        RequestError,
        Reset,
        TimedOut,
    )
    from meshio.record import Record

__version__ = "0.1.0"

# Loaded on first use: `import meshio` stays cheap, and httpx is only needed by who asks for its adapter.
HOMES = {
    "Mesh": "meshio.environment.mesh",
    "MeshConnector": "meshio.client.aiohttp",
    "MeshTransport": "meshio.client.httpx",
    "Record": "meshio.record",
    "Reply": "meshio.client.reply",
    "aiohttp_middleware": "meshio.client.aiohttp",
    "run": "meshio.environment.run",
    **dict.fromkeys(
        (
            "BadRequest", "Closed", "ConfigError", "ConnectFailed", "MeshError", "NoHealthyHost", "NoRoute",
            "NotReady", "Overloaded", "ProtocolBroken", "Rejected", "RequestError", "Reset", "TimedOut",
        ),
        "meshio.errors",
    ),
}  # fmt: skip

__all__ = [
    "BadRequest",
    "Closed",
    "ConfigError",
    "ConnectFailed",
    "Mesh",
    "MeshConnector",
    "MeshError",
    "MeshTransport",
    "NoHealthyHost",
    "NoRoute",
    "NotReady",
    "Overloaded",
    "ProtocolBroken",
    "Record",
    "Rejected",
    "Reply",
    "RequestError",
    "Reset",
    "TimedOut",
    "aiohttp_middleware",
    "run",
]


def __getattr__(name: str) -> object:
    if name not in HOMES:
        raise AttributeError(f"module 'meshio' has no attribute {name!r}")
    value = getattr(import_module(HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
