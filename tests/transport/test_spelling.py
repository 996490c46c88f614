"""Heads for particular peers. What Envoy 1.40 wrote is in the first test, letter by letter."""

from hypothesis import given
from hypothesis import strategies as st

from meshio.message import Request
from meshio.transport.head import encode_head
from meshio.transport.spelling import compile_head, spelt
from meshio.upstream.cluster import HttpOptions

NAMES = ("x-a_b-c.de", "x--y", "9a-b", "x!ab", "etag", "te")
CAPITAL = ("X-A_B-C.De", "X--Y", "9a-B", "X!Ab", "Etag", "Te")


def test_names_in_capital_letters() -> None:
    headers = [(name.encode(), b"trailers") for name in NAMES]
    head = compile_head(HttpOptions(proper_case=True))(Request(b"POST", b"svc", b"/x-a", headers, b"x"))
    first, *lines, end, empty = head.decode().split("\r\n")
    assert (first, end, empty) == ("POST /x-a HTTP/1.1", "", "")
    names = [line.partition(":")[0] for line in lines]
    assert sorted(names) == sorted(("Host", *CAPITAL, "Content-Length"))


def test_whole_urls_have_the_scheme_that_the_request_is_said_to_have() -> None:
    encode = compile_head(HttpOptions(whole_urls=True))
    assert encode(Request(b"GET", b"Svc:80", b"/a?b", [])).startswith(b"GET http://Svc:80/a?b HTTP/1.1\r\nhost: Svc:80")
    told = encode(Request(b"GET", b"svc", b"/", [(b"x-forwarded-proto", b"https")]))
    assert told.startswith(b"GET https://svc/ HTTP/1.1\r\n")


def test_who_asks_for_nothing_pays_for_nothing() -> None:
    assert compile_head(HttpOptions()) is encode_head


@given(st.text("abcABC019-_.!", min_size=1), st.text(st.characters(codec="latin-1", exclude_characters="\r\n")))
def test_spelling_changes_the_case_of_names_and_nothing_else(name: str, value: str) -> None:
    line = f"{name}: {value}".encode("latin-1")
    assert spelt(line).lower() == line.lower()
    assert spelt(line).endswith(b": " + value.encode("latin-1"))
    assert spelt(spelt(line)) == spelt(line)
