"""Answers without an upstream: redirects and direct responses, held to what Envoy answered."""

import pytest
from recorded import head, load, only_route, recorded_head, request_of

from meshio.routing.commands import Known
from meshio.routing.redirect import redirect
from meshio.routing.respond import respond


@pytest.mark.parametrize(("case", "told"), load("redirects"), ids=lambda value: getattr(value, "name", ""))
def test_a_redirect_points_where_envoys_does(case, told):
    request = request_of(case.ask)
    assert head(redirect(*only_route(case.table), Known("r", "up"))(request)) == recorded_head(told["answer"])
    assert request.record.details == told["details"]


@pytest.mark.parametrize(("case", "told"), load("direct_responses"), ids=lambda value: getattr(value, "name", ""))
def test_a_direct_response_says_what_envoys_does(case, told):
    request = request_of(case.ask)
    assert head(respond(*only_route(case.table), Known("r", "up"))(request)) == recorded_head(told["answer"])
    assert request.record.details == told["details"]
