"""Where the configuration comes from, as the environment says. The first that is set wins:

    MESHIO_CONFIG=DIR                               Istio YAML; the control plane is part of the process, no network
    MESHIO_DISCOVERY_ADDRESS=host:port              a control plane, by its address
    GRPC_XDS_BOOTSTRAP, GRPC_XDS_BOOTSTRAP_CONFIG   the file that Istio's agent writes for gRPC clients, or its text
    PROXY_CONFIG                                    what an injected pod has anyway, with POD_NAME and the like

The last three are read by `xds/bootstrap.py`. What each source needs is imported when it is asked for.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from meshio.errors import ConfigError
from meshio.mesh.source import Source

CONFIG = "MESHIO_CONFIG"


def sources_from(environ: Mapping[str, str] | None = None) -> tuple[Source, ...]:
    """The sources that an environment (None: this process's) describes.

    Raises ConfigError that lists what was looked for, or says what is wrong with what was found.
    """
    environ = os.environ if environ is None else environ
    return (embedded(environ) if environ.get(CONFIG) else discovery(environ),)


def embedded(environ: Mapping[str, str]) -> Source:
    """A folder of Istio YAML. Who this process is comes from the pod's environment, where there is one."""
    from meshio.controlplane.embedded import EmbeddedSource
    from meshio.xds.bootstrap import identity_of, pod_node
    from meshio.xds.pod import Files

    directory = Path(environ[CONFIG])
    if not directory.is_dir():
        raise ConfigError(f"{CONFIG}={directory}: not a folder")
    node = pod_node(environ, Files())
    found = node.metadata.get("LABELS")
    labels = found if isinstance(found, dict) else {}
    return EmbeddedSource(directory, identity_of(node), labels, node.locality)


def discovery(environ: Mapping[str, str]) -> Source:
    """A control plane over the network."""
    from meshio.xds.bootstrap import bootstrap

    if not asks_for_discovery(environ):
        raise ConfigError(nothing_found())
    found = bootstrap(environ)
    from meshio.xds.source import XdsSource

    return XdsSource(found)


def asks_for_discovery(environ: Mapping[str, str]) -> bool:
    from meshio.xds.bootstrap import ADDRESS, FILE, INLINE, PROXY_CONFIG

    return any(environ.get(name) for name in (ADDRESS, FILE, INLINE, PROXY_CONFIG))


def nothing_found() -> str:
    """The message of an environment that says nothing."""
    from meshio.xds.bootstrap import LOOKED_FOR

    looked = "\n".join(f"  {each}" for each in (f"{CONFIG} (a folder of Istio YAML)", *LOOKED_FOR))
    return f"no mesh is configured; looked for, in this order:\n{looked}"
