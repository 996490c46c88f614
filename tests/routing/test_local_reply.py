"""Answers to failures. What they say in each situation is held to Envoy: tests/parity/cases/local_replies.yaml."""

from meshio.errors import NoHealthyHost
from meshio.message import Request
from meshio.routing.local_reply import local_reply, stamped


def test_a_local_answer_has_the_record_of_its_request():
    request = Request(b"GET", b"svc", b"/", [])
    response = local_reply(NoHealthyHost("nobody"), request)
    assert response.record is request.record
    assert (request.record.flags, request.record.details) == (["UH"], "no_healthy_upstream")
    assert request.record.error == "nobody"


def test_a_local_answer_carries_the_date():
    request = Request(b"GET", b"svc", b"/", [])
    response = stamped(local_reply(NoHealthyHost("nobody"), request), 784111777.0)
    assert response.header(b"date") == b"Sun, 06 Nov 1994 08:49:37 GMT"
