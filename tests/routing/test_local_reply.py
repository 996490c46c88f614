"""Failures inside the mesh, held to what Envoy answers in the same situation."""

import pytest
from recorded import head, load, only_route, recorded_head, request_of

from meshio import errors
from meshio.routing.commands import Known
from meshio.routing.local_reply import local_reply, stamped
from meshio.routing.prepare import prepare_response
from meshio.routing.router import compile_router


def no_cluster(status):
    error = errors.NoCluster("no such cluster")
    error.status = status
    return error


def per_try():
    error = errors.TimedOut("too slow, each time")
    error.details = "upstream_per_try_timeout"
    return error


ERRORS = {
    "no cluster": lambda: no_cluster(503),
    "no cluster 404": lambda: no_cluster(404),
    "no cluster 500": lambda: no_cluster(500),
    "no host": lambda: errors.NoHealthyHost("nobody"),
    "refused": lambda: errors.ConnectFailed("refused", "delayed connect error: Connection refused"),
    "connect timeout": lambda: errors.ConnectTimedOut("slow"),
    "closed": lambda: errors.Reset("closed"),
    "half a head": lambda: errors.ProtocolBroken("half"),
    "garbage": lambda: errors.ProtocolBroken("garbage"),
    "timeout": lambda: errors.TimedOut("late"),
    "timeout while retrying": lambda: errors.TimedOut("late"),
    "timeout of every try": per_try,
    "no request allowed": lambda: errors.Overloaded("full"),
    "no pending allowed": lambda: errors.Overloaded("full"),
    "no connection allowed": lambda: errors.Overloaded("full"),
    "fault 418": lambda: errors.FaultInjected(418),
    "fault 503": lambda: errors.FaultInjected(503),
}
CASES = [(case, told) for case, told in load("local_replies") if "direct" not in case.name]


def failure(case, request):
    """The error that our mesh raises in this situation, as the layers above the routes leave it."""
    situation = case.name.removeprefix("grpc ").removeprefix("head ").removeprefix("mutated ")
    if situation in ("no virtual host", "no route"):
        with pytest.raises(errors.NoRoute) as raised:
            compile_router(case.table, lambda table, host, route: route)(request)
        return raised.value
    error = ERRORS[situation.removesuffix(", retried")]()
    if situation.endswith(", retried") or situation == "timeout of every try":
        error.retried = True
        request.record.flags.append("URX")
    table, host, route = only_route(case.table)
    error.finish = prepare_response(table, host, route, route.action.clusters[0], Known("r", "up"))
    return error


@pytest.mark.parametrize(("case", "told"), CASES, ids=lambda value: getattr(value, "name", ""))
def test_a_failure_is_answered_as_envoy_answers_it(case, told):
    request = request_of(case.ask)
    response = local_reply(failure(case, request), request)
    status, headers, body = recorded_head(told["answer"])
    assert head(response) == (status, headers, body)
    assert response.record is request.record
    assert ",".join(request.record.flags) == told["flags"]
    assert request.record.details == told["details"]


def test_a_local_answer_carries_the_date():
    request = request_of(CASES[0][0].ask)
    response = stamped(local_reply(errors.NoHealthyHost("nobody"), request), 784111777.0)
    assert response.header(b"date") == b"Sun, 06 Nov 1994 08:49:37 GMT"
