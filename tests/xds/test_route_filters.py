"""What route tables say about HTTP filters, on four levels."""

import pytest

from meshio.errors import Rejected
from meshio.matching import Exact
from meshio.resilience.fault import Fault, Fraction
from meshio.routing.cors import Cors
from meshio.routing.filters import Override
from meshio.routing.route import Forward
from meshio.xds.proto.envoy.config.route.v3 import FilterConfig, Route, RouteAction, WeightedCluster
from meshio.xds.proto.envoy.config.route.v3 import WeightedClusterClusterWeight as ClusterWeight
from meshio.xds.proto.envoy.extensions.filters.http.cors.v3 import CorsPolicy
from meshio.xds.proto.envoy.extensions.filters.http.fault.v3 import HttpFault
from meshio.xds.proto.google.protobuf import Any
from tests.xds.routes import ABORT, ANY, ASKED, CORS, FAULT, OTHER, TO_A, decode, only_route, packed, table

FAULT_NAME = "envoy.filters.http.fault"
ABORTING = (Override(FAULT_NAME, Fault(abort=503, abort_share=Fraction(100))),)


def test_each_level_keeps_what_it_says() -> None:
    message = table(Route(match=ANY, route=TO_A, typed_per_filter_config=packed(ABORT)))
    message.typed_per_filter_config = packed(HttpFault())
    message.virtual_hosts[0].typed_per_filter_config = packed(FAULT)
    found = decode(message)
    assert found.overrides == (Override(FAULT_NAME, Fault()),)
    assert found.hosts[0].overrides == (Override(FAULT_NAME, Fault(1.0, Fraction(10))),)
    assert found.hosts[0].routes[0].overrides == ABORTING


def test_a_weighted_cluster_has_its_own() -> None:
    clusters = [ClusterWeight("a", weight=1, typed_per_filter_config=packed(ABORT))]
    action = RouteAction(weighted_clusters=WeightedCluster(clusters=clusters))
    route = only_route(table(Route(match=ANY, route=action)))
    assert isinstance(route.action, Forward)
    assert route.action.clusters[0].overrides == ABORTING


def test_a_level_can_switch_a_filter_off() -> None:
    off = FilterConfig(disabled=True, config=Any.pack(ABORT))
    route = only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=packed(off))))
    assert route.overrides == (Override(FAULT_NAME, disabled=True),)


def test_a_wrapped_filter_config_is_opened() -> None:
    wrapped = FilterConfig(config=Any.pack(ABORT))
    route = only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=packed(wrapped))))
    assert route.overrides == ABORTING


def test_a_cross_origin_policy_is_read_whole() -> None:
    route = only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config={CORS: Any.pack(ASKED)})))
    policy = Cors((Exact(b"http://ok"),), "GET,PUT", "x-a", "x-b", "60", True, False, Fraction(50))
    assert route.overrides == (Override(CORS, policy),)


def test_cross_origin_headers_cannot_smuggle() -> None:
    bad = {CORS: Any.pack(CorsPolicy(allow_methods="GET\r\nx: y"))}
    with pytest.raises(Rejected, match="allow_methods: holds NUL, CR or LF"):
        decode(table(Route(match=ANY, route=TO_A, typed_per_filter_config=bad)))


def test_an_unknown_filter_config_that_is_optional_is_left_out() -> None:
    optional = {"x": Any.pack(FilterConfig(config=OTHER, is_optional=True))}
    assert only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=optional))).overrides == ()


def test_a_wrapper_of_nothing_is_refused() -> None:
    with pytest.raises(Rejected, match=r"typed_per_filter_config\[x\].config: is neither there nor disabled"):
        decode(table(Route(match=ANY, route=TO_A, typed_per_filter_config={"x": Any.pack(FilterConfig())})))
