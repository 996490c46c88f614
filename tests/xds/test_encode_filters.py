"""What is encoded of HTTP filters is what is decoded: filters of listeners, and what each level of a table says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import Rejected
from meshio.matching import PathPrefix
from meshio.routing.alteration import Alteration, Alterations
from meshio.routing.filters import Filter, Override, Overrides
from meshio.routing.listener import FilterChain, HttpChain, Listener
from meshio.routing.route import Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.xds.decode import Decoder
from meshio.xds.encode import encode
from meshio.xds.types import LISTENER, ROUTES
from tests.xds.filter_values import ADDED_FILTERS, ADDED_OVERRIDES, LIMITS

ROUTER = Filter("envoy.filters.http.router")


@given(ADDED_FILTERS)
def test_filters_of_a_listener(each: Filter) -> None:
    listener = Listener("l", "10.0.0.1", 80, (FilterChain(HttpChain("r", filters=(each, ROUTER))),))
    assert Decoder().decode(LISTENER, "l", bytes(encode(listener))) == listener


@given(
    st.lists(ADDED_OVERRIDES, max_size=2, unique_by=lambda each: each.name).map(
        lambda found: tuple(sorted(found, key=lambda each: each.name))
    ),
    LIMITS,
    LIMITS,
    st.booleans(),
)
def test_what_each_level_says(overrides: Overrides, own: tuple, shared: tuple, include: bool) -> None:
    forward = Forward((WeightedCluster("a", 1, overrides=overrides),), rate_limits=own, include_host_limits=include)
    route = Route((PathPrefix(b"/"),), forward, overrides=overrides)
    host = VirtualHost("v", ("*",), (route,), overrides=overrides, rate_limits=shared)
    table = RouteTable("r", (host,), overrides=overrides)
    assert Decoder().decode(ROUTES, "r", bytes(encode(table))) == table


def test_what_was_settled_for_a_route_is_no_level_s_word() -> None:
    both = Alteration((Alterations(("a",)), Alterations(("b",))))
    with pytest.raises(Rejected, match="one part in each place"):
        encode(RouteTable("r", (), overrides=(Override("m", both),)))
