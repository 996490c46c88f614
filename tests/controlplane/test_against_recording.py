"""The same YAML leads to the same decisions: what a real istiod sent for it, value by value.

    lab      the lab of tests/golden/istiod, as its node productpage-v1-0 in r1/z1 sees it
    wide     nearly everything else that VirtualService, DestinationRule and ServiceEntry can say, seen by a pod of
             namespace shop and by one of namespace pay
    strict   the same under a MeshConfig that changes every default

The recordings in `recorded` were made with istiod 86c9f01 (1.32-dev) against a stand-in for the Kubernetes API that
held wide/kubernetes.yaml and wide/nodes.yaml.
"""

import dataclasses
import gzip
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from meshio.controlplane.compile import compile_snapshot
from meshio.controlplane.documents import load
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.upstream.endpoint import Locality
from meshio.xds.decode import Decoder
from meshio.xds.envelope import read_reply

HERE = Path(__file__).parent
KINDS = {
    "clusters": "01-Cluster.bin",
    "assignments": "02-ClusterLoadAssignment.bin",
    "listeners": "03-Listener.bin",
    "routes": "04-RouteConfiguration.bin",
    "names": "05-NameTable.bin",
}

# What istiod sends beyond that concerns requests to the node itself, and nobody else's.
SERVER_SIDE = ("inbound|", "InboundPassthroughCluster", "virtualInbound")


@dataclasses.dataclass(frozen=True)
class Case:
    """A recording, and what it was made of."""

    recording: Path
    folders: tuple[str, ...]
    node: Identity
    labels: tuple[tuple[str, str], ...]
    locality: Locality


MUTUAL = ("security.istio.io/tlsMode", "istio")
SHOP = Identity("127.0.1.1", "web-0", "shop", "shop.svc.cluster.local")
PAY = Identity("127.0.2.1", "pay-0", "pay", "pay.svc.cluster.local")
CASES = {
    "lab": Case(
        HERE.parent / "golden" / "istiod" / "sidecar",
        ("lab",),
        Identity("127.0.0.1", "productpage-v1-0", "default", "default.svc.cluster.local"),
        (("app", "productpage"), ("version", "v1"), MUTUAL),
        Locality("r1", "z1"),
    ),
    "wide-shop": Case(
        HERE / "recorded" / "wide-shop",
        ("wide",),
        SHOP,
        (("app", "web"), ("version", "v2"), MUTUAL),
        Locality("r1", "z1", "s1"),
    ),
    "wide-pay": Case(HERE / "recorded" / "wide-pay", ("wide",), PAY, (("app", "pay"),), Locality("r2", "z3")),
    "strict-pay": Case(
        HERE / "recorded" / "strict-pay", ("wide", "strict"), PAY, (("app", "pay"),), Locality("r2", "z3")
    ),
}


@cache
def recorded(case: Case, kind: str) -> Mapping[str, object]:
    """What istiod sent, as values."""
    plain = case.recording / KINDS[kind]
    raw = plain.read_bytes() if plain.exists() else gzip.decompress(plain.with_suffix(".bin.gz").read_bytes())
    decoder, reply = Decoder(), read_reply(raw)
    return {
        each.name: decoder.decode(reply.type_url, each.name, each.raw)
        for each in reply.resources
        if not each.name.startswith(SERVER_SIDE)
    }


@cache
def compiled(case: Case) -> Snapshot:
    """What we make of the YAML."""
    with TemporaryDirectory() as folder:
        for name in case.folders:
            shutil.copytree(HERE / name, Path(folder) / name)
        documents, problems = load(folder)
    assert not [problem for problem in problems if problem.refuses]
    return compile_snapshot(documents, case.node, dict(case.labels), case.locality)[0]


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
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_the_same_yaml_gives_what_istiod_gives(case: Case, kind: str) -> None:
    theirs, ours = recorded(case, kind), getattr(compiled(case), kind)
    assert sorted(ours) == sorted(theirs)
    assert [line for name in theirs for line in differences(name, theirs[name], ours[name])] == []


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_host_names_stand_for_the_addresses_that_istiod_says(case: Case) -> None:
    (table,) = recorded(case, "names").values()
    assert compiled(case).names == table


def test_the_recordings_are_all_there() -> None:
    sizes = {name: tuple(len(recorded(case, kind)) for kind in KINDS) for name, case in CASES.items()}
    assert sizes == {
        "lab": (23, 15, 13, 8, 1),
        "wide-shop": (75, 57, 30, 12, 1),
        "wide-pay": (76, 58, 29, 11, 1),
        "strict-pay": (35, 19, 29, 11, 1),  # no DestinationRule of another namespace, so no subsets
    }
