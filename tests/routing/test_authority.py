"""The authority as routes see it, against answers of Envoy 1.40."""

import pytest

from meshio.message import Request
from meshio.routing.authority import Ports, compile_authority, compile_withhold


@pytest.mark.parametrize(
    ("authority", "any_port", "same_port", "dot", "both"),
    [
        (b"a", b"a", b"a", b"a", b"a"),
        (b"a:80", b"a", b"a:80", b"a:80", b"a"),
        (b"a:9080", b"a", b"a", b"a:9080", b"a"),
        (b"a.", b"a.", b"a.", b"a", b"a"),
        (b"a..", b"a..", b"a..", b"a.", b"a."),
        (b"a.:80", b"a.", b"a.:80", b"a:80", b"a"),
        (b"a.:9080", b"a.", b"a.", b"a:9080", b"a"),
        (b"a:x", b"a:x", b"a:x", b"a:x", b"a:x"),
        (b"a:", b"a:", b"a:", b"a:", b"a:"),
        (b"a:080", b"a", b"a:080", b"a:080", b"a"),
        (b"a:99999", b"a", b"a:99999", b"a:99999", b"a"),
        (b"[::1]", b"[::1]", b"[::1]", b"[::1]", b"[::1]"),
        (b"[::1]:80", b"[::1]", b"[::1]:80", b"[::1]:80", b"[::1]"),
        (b"[::1]:9080", b"[::1]", b"[::1]", b"[::1]:9080", b"[::1]"),
        (b"1.2.3.4:80", b"1.2.3.4", b"1.2.3.4:80", b"1.2.3.4:80", b"1.2.3.4"),
        (b".", b".", b".", b"", b""),
        (b":80", b"", b":80", b":80", b""),
    ],
)
def test_ports_and_dots(authority: bytes, any_port: bytes, same_port: bytes, dot: bytes, both: bytes) -> None:
    ways: list[tuple[Ports, bool]] = [("any", False), ("matching", False), ("keep", True), ("any", True)]
    seen = []
    for ports, strip_dot in ways:
        change = compile_authority(ports, strip_dot)
        assert change is not None
        seen.append(change(Request(b"GET", authority, b"/", [], port=9080)))
    assert seen == [any_port, same_port, dot, both]


def test_nothing_to_do_is_nothing() -> None:
    assert compile_authority("keep", False) is None


def test_headers_are_withheld_from_a_list_of_its_own() -> None:
    given = [(b"x-int", b"1"), (b"y", b"2")]
    request = Request(b"GET", b"h", b"/", given)
    compile_withhold(("x-int",))(request)
    assert (request.headers, given) == ([(b"y", b"2")], [(b"x-int", b"1"), (b"y", b"2")])
    kept = request.headers
    compile_withhold(("x-int",))(request)
    assert request.headers is kept
