"""The same YAML leads to the same decisions: what a real istiod sent for tests/controlplane/lab, value by value.

The recording (tests/golden/istiod/sidecar) is of the node
sidecar~127.0.0.1~productpage-v1-0.default~default.svc.cluster.local in locality r1/z1.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from meshio.controlplane.compile import compile_snapshot
from meshio.controlplane.documents import load
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.upstream.endpoint import Locality
from meshio.xds.decode import Decoder
from meshio.xds.envelope import read_reply

HERE = Path(__file__).parent
RECORDING = HERE.parent / "golden" / "istiod" / "sidecar"
NODE = Identity("127.0.0.1", "productpage-v1-0", "default", "default.svc.cluster.local")
LABELS = {"app": "productpage", "version": "v1", "security.istio.io/tlsMode": "istio"}

# What istiod sends beyond that concerns requests to this node, and nobody else's.
SERVER_SIDE = {"inbound|18000||", "inbound|18001||", "InboundPassthroughCluster", "virtualInbound"}

FILES = {
    "clusters": "01-Cluster.bin",
    "assignments": "02-ClusterLoadAssignment.bin",
    "listeners": "03-Listener.bin",
    "routes": "04-RouteConfiguration.bin",
    "names": "05-NameTable.bin",
}


@cache
def recorded(kind: str) -> Mapping[str, object]:
    """What istiod sent, as values."""
    decoder = Decoder()
    reply = read_reply((RECORDING / FILES[kind]).read_bytes())
    return {
        each.name: decoder.decode(reply.type_url, each.name, each.raw)
        for each in reply.resources
        if each.name not in SERVER_SIDE
    }


@cache
def compiled() -> Snapshot:
    documents, problems = load(HERE / "lab")
    assert not [problem for problem in problems if problem.refuses]
    return compile_snapshot(documents, NODE, LABELS, Locality("r1", "z1"))[0]


def differences(path: str, theirs: object, ours: object) -> Iterator[str]:
    """The innermost fields that differ, as a reader wants to see them."""
    if theirs == ours:
        return
    if dataclasses.is_dataclass(theirs) and type(theirs) is type(ours):
        for item in dataclasses.fields(theirs):
            yield from differences(f"{path}.{item.name}", getattr(theirs, item.name), getattr(ours, item.name))
    elif isinstance(theirs, tuple) and isinstance(ours, tuple) and len(theirs) == len(ours):
        for index, (one, other) in enumerate(zip(theirs, ours, strict=True)):
            yield from differences(f"{path}[{index}]", one, other)
    else:
        yield f"{path}: istiod {theirs!r}, here {ours!r}"


@pytest.mark.parametrize("kind", ["listeners", "routes", "clusters", "assignments"])
def test_the_same_yaml_gives_what_istiod_gives(kind: str) -> None:
    theirs, ours = recorded(kind), getattr(compiled(), kind)
    assert sorted(ours) == sorted(theirs)
    assert [line for name in theirs for line in differences(name, theirs[name], ours[name])] == []


def test_the_recording_is_all_there() -> None:
    assert {kind: len(recorded(kind)) for kind in FILES if kind != "names"} == {
        "clusters": 23,
        "assignments": 15,
        "listeners": 13,
        "routes": 8,
    }


def test_host_names_stand_for_the_addresses_that_istiod_says() -> None:
    (table,) = recorded("names").values()
    assert compiled().names == table
