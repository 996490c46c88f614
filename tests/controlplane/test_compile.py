"""What a caller gets: who sees what, what changes when nothing changed, and the odd corners of discovery."""

from dataclasses import replace
from textwrap import dedent

import pytest

from meshio.balancing.hashing import HashCookie
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.policy import Policy
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.uniform import Random
from meshio.controlplane.compile import compile_snapshot, reuse
from meshio.controlplane.documents import Documents, load_text
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.routing.listener import TcpChain
from meshio.routing.route import DirectResponse, Forward
from meshio.upstream.cluster import Dns, OriginalDestination
from meshio.upstream.endpoint import Locality

ANN = Identity("10.9.0.1", "ann-0", "default", "default.svc.cluster.local")

REVIEWS = """\
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80, targetPort: web}], selector: {app: reviews}}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-1, namespace: default, labels: {app: reviews, version: v1}}
spec: {containers: [{name: app, ports: [{name: web, containerPort: 9080}]}]}
status: {podIP: 10.1.0.1}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-2, namespace: default, labels: {app: reviews, version: v2}}
spec: {containers: [{name: app, ports: [{name: web, containerPort: 9081}]}]}
status: {podIP: 10.1.0.2, conditions: [{type: Ready, status: "False"}]}
---
"""
CLUSTER = "outbound|80||reviews.default.svc.cluster.local"


def documents_of(text: str) -> Documents:
    documents, problems = load_text(dedent(text))
    assert not [problem for problem in problems if problem.refuses], problems
    return documents


def snapshot_of(text: str, node: Identity = ANN, labels: dict[str, str] | None = None) -> Snapshot:
    return compile_snapshot(documents_of(text), node, labels, Locality("r1", "z1"))[0]


def hosts_of(snapshot: Snapshot, table: str) -> dict[str, tuple[str, ...]]:
    return {host.name: host.domains for host in snapshot.routes[table].hosts}


def test_pods_that_a_selector_finds_need_no_endpoint_slices() -> None:
    found = snapshot_of(REVIEWS).assignments[CLUSTER].localities[0].endpoints
    assert [(endpoint.address, endpoint.health) for endpoint in found] == [
        (("10.1.0.1", 9080), "healthy"),
        (("10.1.0.2", 9081), "unhealthy"),
    ]


def test_nothing_changed_means_the_same_objects() -> None:
    documents = documents_of(REVIEWS)
    first, again = (compile_snapshot(documents, ANN)[0] for _ in range(2))
    kept = reuse(first, again)
    for kind in ("listeners", "routes", "clusters", "assignments", "names"):
        before, after = getattr(first, kind), getattr(kept, kind)
        assert before.keys() == after.keys() and all(before[name] is after[name] for name in before)


def test_a_changed_route_leaves_everything_else_as_it_was() -> None:
    rule = """\
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata: {name: reviews, namespace: default}
    spec: {hosts: [reviews], http: [{timeout: %s, route: [{destination: {host: reviews}}]}]}
    """
    before = snapshot_of(REVIEWS + dedent(rule % "1s"))
    after = reuse(before, snapshot_of(REVIEWS + dedent(rule % "2s")))
    assert after.routes["80"] is not before.routes["80"]
    assert all(after.clusters[name] is value for name, value in before.clusters.items())
    assert all(after.assignments[name] is value for name, value in before.assignments.items())


def test_where_a_document_stands_makes_no_difference() -> None:
    assert documents_of(REVIEWS) == documents_of("# a comment\n\n" + REVIEWS)


def test_a_service_has_its_short_name_in_its_own_namespace_only() -> None:
    other = replace(ANN, namespace="other", domain="other.svc.cluster.local")
    here, there = snapshot_of(REVIEWS), snapshot_of(REVIEWS, other)
    name = "reviews.default.svc.cluster.local:80"
    assert "reviews" in hosts_of(here, "80")[name]
    assert "reviews" not in hosts_of(there, "80")[name]
    assert "reviews.default" in hosts_of(there, "80")[name]


def test_another_cluster_domain_is_honoured() -> None:
    node = replace(ANN, domain="default.svc.corp.example")
    assert "outbound|80||reviews.default.svc.corp.example" in snapshot_of(REVIEWS, node).clusters


def test_unknown_hosts_go_out_or_get_502_as_the_mesh_says() -> None:
    out = snapshot_of(REVIEWS).routes["80"].hosts[-1].routes[0].action
    assert isinstance(out, Forward) and out.clusters[0].name == "PassthroughCluster"
    documents = documents_of(REVIEWS)
    mode = replace(documents.mesh.outbound_traffic_policy, mode="REGISTRY_ONLY")
    closed = replace(documents, mesh=replace(documents.mesh, outbound_traffic_policy=mode))
    refused = compile_snapshot(closed, ANN)[0].routes["80"].hosts[-1]
    assert (refused.name, refused.routes[0].action) == ("block_all", DirectResponse(502))


def test_endpoints_that_shut_down_or_whose_pod_is_gone_get_nothing() -> None:
    text = """\
    apiVersion: v1
    kind: Service
    metadata: {name: a, namespace: default}
    spec: {clusterIP: 10.0.0.2, ports: [{name: http, port: 80}]}
    ---
    apiVersion: discovery.k8s.io/v1
    kind: EndpointSlice
    metadata: {name: a-1, namespace: default, labels: {kubernetes.io/service-name: a}}
    ports: [{name: http, port: 8080}]
    endpoints:
    - {addresses: [10.1.0.1]}
    - {addresses: [10.1.0.2], conditions: {ready: false, terminating: true}}
    - {addresses: [10.1.0.3], targetRef: {kind: Pod, name: gone}}
    """
    (group,) = snapshot_of(text).assignments["outbound|80||a.default.svc.cluster.local"].localities
    assert [endpoint.address for endpoint in group.endpoints] == [("10.1.0.1", 8080)]


def test_a_deployment_is_the_workload_of_its_pods() -> None:
    text = REVIEWS.replace(
        "name: reviews-1, namespace: default, labels: {app: reviews,",
        "name: reviews-1, namespace: default, ownerReferences: [{kind: ReplicaSet, name: front-5f}],"
        " labels: {pod-template-hash: 5f, app: reviews,",
    )
    endpoint = snapshot_of(text).assignments[CLUSTER].localities[0].endpoints[0]
    assert endpoint.workload == "front;default;reviews;v1;Kubernetes"


def test_a_service_by_dns_name_is_resolved_by_the_client() -> None:
    text = """\
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: api, namespace: default}
    spec:
      hosts: [api.example.com]
      resolution: DNS
      ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]
    """
    cluster = snapshot_of(text).clusters["outbound|80||api.example.com"]
    assert isinstance(cluster.discovery, Dns) and cluster.external
    assert cluster.discovery.assignment.localities[0].endpoints[0].address == ("api.example.com", 8080)


def test_tcp_and_http_services_share_a_port() -> None:
    text = REVIEWS + dedent(
        """\
        apiVersion: networking.istio.io/v1
        kind: ServiceEntry
        metadata: {name: raw, namespace: default}
        spec: {hosts: [raw.example.com], resolution: NONE, ports: [{number: 80, name: tcp, protocol: TCP}]}
        """
    )
    snapshot = snapshot_of(text)
    listener = snapshot.listeners["0.0.0.0_80"]
    assert listener.default is not None and isinstance(listener.default.target, TcpChain)
    assert listener.default.target.clusters[0].name == "outbound|80||raw.example.com"
    assert [chain.match.application_protocols for chain in listener.chains] == [("http/1.1", "h2c")]
    assert isinstance(snapshot.clusters["outbound|80||raw.example.com"].discovery, OriginalDestination)


def test_a_service_that_finds_its_port_taken_is_told() -> None:
    text = """\
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: one, namespace: default}
    spec: {hosts: [one.example.com], resolution: NONE, ports: [{number: 7000, name: tcp, protocol: TCP}]}
    ---
    apiVersion: networking.istio.io/v1
    kind: ServiceEntry
    metadata: {name: two, namespace: default}
    spec: {hosts: [two.example.com], resolution: NONE, ports: [{number: 7000, name: tcp, protocol: TCP}]}
    """
    (problem,) = compile_snapshot(documents_of(text), ANN)[1]
    assert (problem.line, problem.severity) == (9, "warning")
    assert problem.text == "two.example.com: connections to 0.0.0.0_7000 go to another service already"


PLACES = """\
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: far, namespace: default}
spec:
  hosts: [far.example.com]
  resolution: STATIC
  location: MESH_INTERNAL
  ports: [{number: 80, name: http, protocol: HTTP}]
  endpoints:
  - {address: 10.2.0.1, locality: r1/z1}
  - {address: 10.2.0.2, locality: r1/z2}
  - {address: 10.2.0.3, locality: r2/z1}
  - {address: 10.2.0.4, locality: r3/z1}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: far, namespace: default}
spec:
  host: far.example.com
  trafficPolicy:
    outlierDetection: {}
    loadBalancer: {consistentHash: {httpCookie: {name: s, ttl: 5s}}, localityLbSetting: %s}
"""


def priorities(setting: str) -> list[tuple[str, int]]:
    found = snapshot_of(PLACES % setting).assignments["outbound|80||far.example.com"].localities
    return [(str(group.locality), group.priority) for group in found]


def test_the_nearest_endpoints_come_first() -> None:
    assert priorities("{}") == [("r1/z1", 0), ("r1/z2", 1), ("r2/z1", 2), ("r3/z1", 2)]


def test_traffic_fails_over_to_the_region_that_was_named() -> None:
    wanted = "{failover: [{from: r1, to: r3}]}"
    assert priorities(wanted) == [("r1/z1", 0), ("r1/z2", 1), ("r2/z1", 3), ("r3/z1", 2)]


def test_locality_can_be_switched_off() -> None:
    assert {priority for _, priority in priorities("{enabled: false}")} == {0}


def test_a_hash_by_cookie_reaches_the_routes_of_a_service_without_virtual_service() -> None:
    hosts = {host.name: host for host in snapshot_of(PLACES % "{}").routes["80"].hosts}
    action = hosts["far.example.com:80"].routes[0].action
    assert isinstance(action, Forward) and action.hash_policies == (HashCookie("s", 5.0),)


def test_ipv6_services_are_matched_in_brackets() -> None:
    domains = hosts_of(snapshot_of(REVIEWS.replace("10.0.0.1", '"fd00::1"')), "80")
    assert "[fd00::1]" in domains["reviews.default.svc.cluster.local:80"]


WARM = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec: {host: reviews, trafficPolicy: {loadBalancer: {%s}}}
"""


@pytest.mark.parametrize(
    ("balancer", "policy"),
    [
        ("simple: ROUND_ROBIN, warmup: {duration: 30s}", RoundRobin(SlowStart(30.0))),
        (
            "warmup: {duration: 30s, minimumPercent: 25, aggression: 1.5}, warmupDurationSecs: 9s",
            LeastRequest(slow_start=SlowStart(30.0, 1.5, 25.0)),
        ),
        ("simple: LEAST_REQUEST, warmupDurationSecs: 9s", LeastRequest(slow_start=SlowStart(9.0))),
        ("simple: RANDOM, warmup: {duration: 30s}", Random()),
    ],
)
def test_new_endpoints_start_as_slowly_as_the_rule_says(balancer: str, policy: Policy) -> None:
    assert snapshot_of(REVIEWS + WARM % balancer).clusters[CLUSTER].policy == policy
