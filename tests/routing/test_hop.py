"""What the connection manager adds in its own name. The expectations were seen on Envoy 1.40."""

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from meshio.errors import NoRoute
from meshio.matching import PathPrefix
from meshio.message import Body, Request, Response
from meshio.routing.hop import ENVOY, Hop, compile_greeting, compile_signature, new_id
from meshio.routing.internal import INTERNAL
from meshio.routing.local_reply import local_reply
from meshio.routing.prepare import shown
from meshio.routing.route import DirectResponse, Route

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
PLAIN = Hop(makes_ids=False)


def greeted(*headers, hop=PLAIN, scheme=b"http"):
    request = Request(b"GET", b"svc", b"/", list(headers), scheme=scheme)
    compile_greeting(hop)(request)
    return request.headers


def signed(*headers, hop=ENVOY, asked=()):
    response = Response(200, list(headers), Body())
    compile_signature(hop)(Request(b"GET", b"svc", b"/", list(asked)), response)
    return response.headers


def test_ids_are_uuids_of_version_4_and_differ():
    ids = [new_id() for _ in range(2000)]
    assert all(UUID.fullmatch(each) for each in ids)
    assert len(set(ids)) == 2000
    assert {each[19:20] for each in ids} == {b"8", b"9", b"a", b"b"}


def test_a_request_without_an_id_gets_one_and_the_callers_list_stays():
    mine = [(b"x-user", b"ann")]
    request = Request(b"GET", b"svc", b"/", mine)
    compile_greeting(ENVOY)(request)
    assert [name for name, _ in request.headers] == [b"x-user", b"x-forwarded-proto", b"x-request-id"]
    assert UUID.fullmatch(request.headers[2][1])
    assert mine == [(b"x-user", b"ann")]


@pytest.mark.parametrize(
    ("given", "kept"), [([b"abc"], b"abc"), ([b"a", b"b"], b"a,b"), ([b"a", b""], b"a"), ([b"", b"b"], b"b")]
)
def test_the_callers_own_id_is_kept(given, kept):
    headers = greeted(*((b"x-request-id", value) for value in given), hop=ENVOY)
    assert [value for name, value in headers if name == b"x-request-id"] == [kept]


def test_an_empty_id_is_none():
    ((_, made),) = [each for each in greeted((b"x-request-id", b""), hop=ENVOY) if each[0] == b"x-request-id"]
    assert UUID.fullmatch(made)


def test_without_ids_none_is_made():
    assert greeted() == [(b"x-forwarded-proto", b"http")]
    assert greeted((b"x-envoy-internal", b"true")) == [(b"x-forwarded-proto", b"http")]


def test_the_scheme_is_told_unless_the_caller_told_it():
    assert greeted(scheme=b"https") == [(b"x-forwarded-proto", b"https")]
    assert greeted((b"x-forwarded-proto", b"ftp")) == [(b"x-forwarded-proto", b"ftp")]
    with pytest.raises(NoRoute):
        greeted((b"x-forwarded-proto", b""))


@pytest.mark.parametrize("name", sorted(INTERNAL))
def test_internal_headers_are_taken_off(name):
    assert greeted((b"x-user", b"ann"), (name, b"1")) == [(b"x-user", b"ann"), (b"x-forwarded-proto", b"http")]


@pytest.mark.parametrize(
    ("given", "said"), [([], b"me"), ([b""], b"me"), ([b"1.0 x"], b"1.0 x, me"), ([b"a", b"b"], b"a,b, me")]
)
def test_via_gets_one_more_name_both_ways(given, said):
    hop, headers = replace(PLAIN, via="me"), [(b"via", value) for value in given]
    assert (b"via", said) in greeted(*headers, hop=hop)
    assert (b"via", said) in signed(*headers, hop=hop)


@pytest.mark.parametrize(
    ("mode", "given", "said"),
    [
        ("overwrite", [], [b"me"]),
        ("overwrite", [b"nginx"], [b"me"]),
        ("append_if_absent", [], [b"me"]),
        ("append_if_absent", [b"nginx"], [b"nginx"]),
        ("append_if_absent", [b""], [b""]),
        ("pass_through", [], []),
        ("pass_through", [b"nginx"], [b"nginx"]),
    ],
)
def test_the_server_header(mode, given, said):
    headers = signed(*((b"server", value) for value in given), hop=Hop(server=mode, server_name="me"))
    assert [value for name, value in headers if name == b"server"] == said


def test_the_id_comes_back_where_it_is_asked_for():
    hop, asked = Hop(answers_id=True, server="pass_through"), [(b"x-request-id", b"abc")]
    assert signed((b"x-request-id", b"theirs"), asked=asked, hop=hop) == [(b"x-request-id", b"abc")]
    assert signed((b"x-request-id", b"theirs"), hop=hop) == [(b"x-request-id", b"theirs")]


def test_an_upstreams_name_of_its_operation_stays_between_proxies():
    theirs = (b"x-envoy-decorator-operation", b"theirs")
    assert signed(theirs, hop=Hop(server="pass_through", names_routes=True)) == []
    assert signed(theirs, hop=Hop(server="pass_through")) == [theirs]


def test_only_a_traced_listener_shows_decorators():
    route = Route((PathPrefix(b"/"),), DirectResponse(200), decorator="op")
    assert shown(route, Hop(names_routes=True)).decorator == "op"
    assert shown(route, ENVOY).decorator == ""
    assert shown(replace(route, decorates=False), Hop(names_routes=True)).decorator == ""


def test_local_replies_are_signed_as_the_connection_manager_says():
    error = NoRoute("no route")
    request = Request(b"GET", b"svc", b"/", [])
    assert local_reply(error, request).header(b"server") == b"envoy"
    request.sign = compile_signature(Hop(server_name="mine"))
    assert local_reply(error, request).header(b"server") == b"mine"


FORK = """
import os
from meshio.routing.hop import new_id
new_id()
if os.fork():
    os.wait()
print(new_id().decode(), flush=True)
"""


def test_a_process_and_its_fork_make_ids_of_their_own() -> None:
    told = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True).stdout.split()
    assert len(told) == len(set(told)) == 2
