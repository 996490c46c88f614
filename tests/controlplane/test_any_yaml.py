"""Whatever stands in a YAML file, reading and compiling it gives problems, never an exception."""

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshio.controlplane.audit import audit
from meshio.controlplane.compile import compile_snapshot
from meshio.controlplane.documents import load_text
from meshio.controlplane.kinds import KINDS
from meshio.controlplane.schema import slots_of
from meshio.mesh.snapshot import Identity

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 70000),
    st.floats(allow_nan=False),
    st.sampled_from(
        ["", "*", "a", "b.example.com", "*.example.com", "/x", "1s", "10.0.0.1", "10.0.0.0/8", "v1", "STATIC"]
    ),
    st.text(max_size=8),
)
FIELDS = sorted(
    {name for kind in KINDS.values() for name in slots_of(kind.spec)}
    | set("host hosts number name destination subset port route match uri exact prefix regex weight percentage".split())
    | set("value request response set add remove trafficPolicy subsets labels loadBalancer simple tls mode".split())
)
ANY = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)),
    max_leaves=12,
)


def everything(text: str) -> None:
    """Read, check and compile."""
    documents, problems = load_text(text)
    audit(documents)
    snapshot, _ = compile_snapshot(documents, Identity("10.9.9.9", "x", "default", "default.svc.cluster.local"))
    for problem in problems:
        assert problem.text and problem.line >= 0 and str(problem)
    for table in snapshot.routes.values():
        assert table.clusters() <= snapshot.clusters.keys() | {name for name in table.clusters() if "|" in name}


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    everything(text)


@given(st.sampled_from(sorted(KINDS)), ANY, st.dictionaries(st.sampled_from(FIELDS), ANY, max_size=6))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_values_in_any_kind(kind: str, metadata: object, spec: dict[str, object]) -> None:
    group = KINDS[kind].group
    document = {
        "apiVersion": f"{group}/v1" if group else "v1",
        "kind": kind,
        "metadata": metadata if isinstance(metadata, dict) else {"name": "a", "namespace": "default"},
        "spec": spec,
        **(spec if KINDS[kind].whole else {}),
    }
    everything(yaml.safe_dump(document))


VIRTUAL_SERVICE = """\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: a, namespace: default}
spec:
  hosts: [a.example.com]
  http:
  - match: [{uri: {prefix: /a}, headers: {x: {exact: b}}}]
    route: [{destination: {host: a.example.com, subset: v1}, weight: 80}, {destination: {host: b}, weight: 20}]
    retries: {attempts: 3, perTryTimeout: 1s, retryOn: 5xx}
    fault: {delay: {fixedDelay: 1s, percentage: {value: 10}}}
"""


@given(st.integers(0, len(VIRTUAL_SERVICE)), st.integers(0, 12), st.text(max_size=6))
def test_any_slip_of_the_hand(at: int, length: int, instead: str) -> None:
    everything(VIRTUAL_SERVICE[:at] + instead + VIRTUAL_SERVICE[at + length :])
