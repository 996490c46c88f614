"""What routes say about HTTP filters."""

import pytest

from meshio.errors import Rejected
from meshio.matching import Exact
from meshio.resilience.fault import Fault, Fraction
from meshio.routing.cors import Cors
from meshio.xds.proto.envoy.config.route.v3 import FilterConfig, Route
from meshio.xds.proto.envoy.extensions.filters.http.cors.v3 import CorsPolicy
from meshio.xds.proto.envoy.extensions.filters.http.fault.v3 import HttpFault
from meshio.xds.proto.google.protobuf import Any
from tests.xds.routes import ABORT, ANY, ASKED, CORS, FAULT, OTHER, TO_A, decode, only_route, packed, table


def test_the_fault_of_the_most_specific_level_counts() -> None:
    one = Route(match=ANY, route=TO_A, typed_per_filter_config=packed(ABORT))
    two = Route(match=ANY, route=TO_A)
    message = table(one, two, typed_per_filter_config=packed(FAULT))
    message.typed_per_filter_config = packed(HttpFault())
    first, second = decode(message).hosts[0].routes
    assert first.layers == (Fault(abort=503, abort_share=Fraction(100)),)
    assert second.layers == (Fault(1.0, Fraction(10)),)


@pytest.mark.parametrize("nothing", [HttpFault(), FilterConfig(disabled=True)])
def test_a_route_can_switch_the_listener_s_fault_off(nothing: HttpFault | FilterConfig) -> None:
    route = only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=packed(nothing))))
    assert route.layers == (Fault(),)


def test_a_wrapped_filter_config_is_opened() -> None:
    wrapped = FilterConfig(config=Any.pack(ABORT))
    route = only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=packed(wrapped))))
    assert route.layers == (Fault(abort=503, abort_share=Fraction(100)),)


def test_a_cross_origin_policy_comes_inside_of_faults() -> None:
    both = {CORS: Any.pack(ASKED), **packed(ABORT)}
    route = only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=both)))
    policy = Cors((Exact(b"http://ok"),), "GET,PUT", "x-a", "x-b", "60", True, False, Fraction(50))
    assert route.layers == (Fault(abort=503, abort_share=Fraction(100)), policy)


def test_a_cross_origin_policy_that_is_switched_off_leaves_faults_alone() -> None:
    off = {CORS: Any.pack(FilterConfig(disabled=True))}
    assert only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=off))).layers == ()


def test_cross_origin_headers_cannot_smuggle() -> None:
    bad = {CORS: Any.pack(CorsPolicy(allow_methods="GET\r\nx: y"))}
    with pytest.raises(Rejected, match="allow_methods: holds NUL, CR or LF"):
        decode(table(Route(match=ANY, route=TO_A, typed_per_filter_config=bad)))


def test_an_unknown_filter_config_that_is_optional_is_left_out() -> None:
    optional = {"x": Any.pack(FilterConfig(config=OTHER, is_optional=True))}
    assert only_route(table(Route(match=ANY, route=TO_A, typed_per_filter_config=optional))).layers == ()
