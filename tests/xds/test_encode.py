"""What is encoded is what decoding gives back: for generated values, for recordings of istiod, for the lab."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings

from meshio.balancing.policy import Policy
from meshio.controlplane.compile import compile_snapshot
from meshio.controlplane.documents import load
from meshio.errors import Rejected
from meshio.matching import Matcher, PathPrefix
from meshio.matching.tree import Tree
from meshio.mesh.snapshot import Name
from meshio.routing.cors import Cors
from meshio.routing.filters import Override
from meshio.routing.listener import Listener
from meshio.routing.rewrite import HostOfEndpoint
from meshio.routing.route import DirectResponse, Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import LoadAssignment
from meshio.xds.decode import Decoder
from meshio.xds.encode import Encodable, encode
from meshio.xds.proto.envoy.config.route.v3 import RedirectActionRedirectResponseCode
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES
from tests.xds.recordings import GOLDEN, read
from tests.xds.values import ASSIGNED, CLUSTERS, LISTENERS, NAMES_TABLE, POLICY, RARE, ROUTE, TABLE, TREE


def kind_and_name(value: Encodable) -> tuple[str, str]:
    match value:
        case Listener():
            return LISTENER, value.name
        case RouteTable():
            return ROUTES, value.name
        case Cluster():
            return CLUSTER, value.name
        case LoadAssignment():
            return ASSIGNMENT, value.cluster
    return NAMES, ""


NOWHERE = Forward((WeightedCluster(""),), timeout=None)


def there_and_back(value: Encodable) -> object:
    return Decoder().decode(*kind_and_name(value), encode(value))


@given(ROUTE)
def test_routes_survive(value: Route):
    table = RouteTable("80", (VirtualHost("any", ("*",), (value,)),))
    assert there_and_back(table) == table


@settings(max_examples=50)
@given(RARE)
def test_rare_conditions_survive(value: tuple[Matcher, ...]):
    route = Route(value, DirectResponse(200))
    table = RouteTable("80", (VirtualHost("any", ("*",), (route,)),))
    assert there_and_back(table) == table


@settings(max_examples=50)
@given(TREE)
def test_trees_survive(value: Tree[tuple[Route, ...]]):
    table = RouteTable("80", (VirtualHost("any", ("*",), (), tree=value),))
    assert there_and_back(table) == table


def test_a_route_to_nowhere_survives():
    table = RouteTable("80", (VirtualHost("any", ("*",), (Route((PathPrefix(b"/"),), NOWHERE),)),))
    assert there_and_back(table) == table


def test_cross_origin_policies_in_the_older_fields_survive():
    older, newer = (Override("envoy.filters.http.cors", Cors(methods="GET", older=old)) for old in (True, False))
    route = Route((PathPrefix(b"/"),), Forward((WeightedCluster("a"),)), overrides=(newer, older))
    table = RouteTable("80", (VirtualHost("any", ("*",), (route,), overrides=(older,)),))
    assert there_and_back(table) == table


@given(POLICY)
def test_policies_survive(value: Policy):
    cluster = Cluster("a", Eds("a"), value)
    assert there_and_back(cluster) == cluster


@settings(max_examples=40)
@given(TABLE)
def test_route_tables_survive(value: RouteTable):
    assert there_and_back(value) == value


@given(ASSIGNED)
def test_load_assignments_survive(value: LoadAssignment):
    assert there_and_back(value) == value


@settings(max_examples=60)
@given(CLUSTERS)
def test_clusters_survive(value: Cluster):
    assert there_and_back(value) == value


@settings(max_examples=40)
@given(LISTENERS)
def test_listeners_survive(value: Listener):
    assert there_and_back(value) == value


@given(NAMES_TABLE)
def test_name_tables_survive(value: Mapping[str, Name]):
    assert there_and_back(value) == value


# ---- recordings and the lab ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", sorted((GOLDEN / "istiod").rglob("*.bin*")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_what_istiod_sent_says_the_same_after_we_encoded_it(path: Path):
    reply = read(path)
    decoder, again = Decoder(), Decoder()
    for resource in reply.resources[:200]:
        value = decoder.decode(reply.type_url, resource.name, resource.raw)
        if value is not None:
            assert again.decode(reply.type_url, resource.name, encode(value)) == value


def test_the_lab_survives():
    documents, _ = load(GOLDEN.parent / "lab")
    snapshot, _ = compile_snapshot(documents)
    for values in (snapshot.listeners, snapshot.routes, snapshot.clusters, snapshot.assignments, {"": snapshot.names}):
        for value in values.values():
            assert there_and_back(value) == value


# ---- what has no words -----------------------------------------------------------------------------------------------


class Lunar:
    """A matcher of somebody's own."""

    def test(self):
        return lambda request: True

    def __str__(self) -> str:
        return "the moon is full"


def test_a_matcher_of_ones_own_is_refused_by_name():
    table = RouteTable("80", (VirtualHost("any", ("*",), (Route((Lunar(),), DirectResponse(200)),)),))
    with pytest.raises(Rejected, match=r"the moon is full: match: xDS has no such matcher"):
        encode(table)


class Whim:
    """A policy and a layer of somebody's own."""

    def over(self, candidates):
        return lambda request: candidates[0]

    def around(self, send):
        return send

    def __str__(self) -> str:
        return "whim"


def test_a_policy_of_ones_own_is_refused_by_name():
    with pytest.raises(Rejected, match=r"a: policy: xDS has no name for whim"):
        encode(Cluster("a", Eds("a"), Whim()))


def test_a_layer_of_ones_own_is_refused_by_name():
    route = Route((), DirectResponse(200), overrides=(Override("whim", Whim()),))
    with pytest.raises(Rejected, match=r"Whim: layers: xDS has no such filter"):
        encode(RouteTable("80", (VirtualHost("any", ("*",), (route,)),)))


def test_a_weighted_cluster_takes_only_a_literal_host():
    forward = Forward((WeightedCluster("a", host_rewrite=HostOfEndpoint()),))
    with pytest.raises(Rejected, match="a: host_rewrite"):
        encode(RouteTable("80", (VirtualHost("any", ("*",), (Route((), forward),)),)))


def test_every_redirect_status_has_its_code():
    assert len(RedirectActionRedirectResponseCode) == len({301, 302, 303, 307, 308})
