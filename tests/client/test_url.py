"""URLs, headers and bodies as callers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.client.native import build
from meshio.client.url import Origin, encode_headers, parse_origin, split_url, take_host
from meshio.errors import BadRequest


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("http://reviews:9080/reviews/1", Origin(b"http", "reviews", 9080, b"reviews:9080"), b"/reviews/1"),
        ("http://reviews", Origin(b"http", "reviews", 0, b"reviews"), b"/"),
        ("http://reviews?a=b", Origin(b"http", "reviews", 0, b"reviews"), b"/?a=b"),
        ("http://reviews/a?u=http://x/y", Origin(b"http", "reviews", 0, b"reviews"), b"/a?u=http://x/y"),
        ("http://reviews/a#part", Origin(b"http", "reviews", 0, b"reviews"), b"/a"),
        ("http://reviews#part", Origin(b"http", "reviews", 0, b"reviews"), b"/"),
        ("https://[fd00::1]:8443/x", Origin(b"https", "fd00::1", 8443, b"[fd00::1]:8443"), b"/x"),
        ("http://Reviews.A/x%2Fb/../c", Origin(b"http", "reviews.a", 0, b"Reviews.A"), b"/x%2Fb/../c"),
        ("http://Bücher.example:81/", Origin(b"http", "xn--bcher-kva.example", 81, b"xn--bcher-kva.example:81"), b"/"),
        ("http://r/sp ace/ä", Origin(b"http", "r", 0, b"r"), b"/sp%20ace/%C3%A4"),
    ],
)  # fmt: skip
def test_the_raw_path_is_the_callers(url, origin, path):
    assert split_url(url, None) == (origin, path)


@pytest.mark.parametrize(
    ("url", "params", "path"),
    [
        ("http://r/a", {"q": "x y"}, b"/a?q=x+y"),
        ("http://r/a?b=1", {"q": 2}, b"/a?b=1&q=2"),
        ("http://r", [("q", 1), ("q", 2)], b"/?q=1&q=2"),
        ("http://r", {"q": [1, 2]}, b"/?q=1&q=2"),
        ("http://r/a", {}, b"/a"),
        ("http://r/a", {"yes": True, "no": [False, None]}, b"/a?yes=true&no=false&no="),
    ],
)
def test_params_join_the_query(url, params, path):
    assert split_url(url, params)[1] == path


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("reviews:9080/x", "http://"),
        ("ftp://reviews/x", "http://"),
        ("http:///x", "host is missing"),
        ("http://a b/", "not a host name"),
        ("http://reviews:99999/", "not a URL"),
        ("http://[::1/", "not a URL"),
        ("http://reviews:0/", "port 0"),
        ("http://bü..cher/", "not a host name"),
        ("http://user:pass@reviews/", "authorization"),
    ],
)
def test_what_is_no_url_says_why(url, complaint):
    with pytest.raises(BadRequest, match=complaint):
        split_url(url, None)


@given(st.text())
def test_any_text_is_a_url_or_a_bad_request(text):
    try:
        origin, path = split_url(text, None)
    except BadRequest:
        return
    assert origin.host and path.startswith(b"/") and b" " not in path and b"\n" not in path


def test_headers_are_lower_case_pairs_in_order():
    assert encode_headers({"X-A": "1", "x-b": "é"}) == [(b"x-a", b"1"), (b"x-b", b"\xe9")]
    assert encode_headers([("A", "1"), (b"a", b"2")]) == [(b"a", b"1"), (b"a", b"2")]
    assert take_host(encode_headers({"Host": "api", "A": "1"})) == (b"api", [(b"a", b"1")])


def test_a_callers_host_header_is_the_authority_and_the_url_picks_the_listener():
    request = build("get", "http://reviews:9080/x", headers={"Host": "api.example.com"})
    assert (request.method, request.authority) == (b"GET", b"api.example.com")
    assert (request.host, request.port) == ("reviews", 9080)
    assert request.headers == [(b"user-agent", b"meshio")]


def test_a_url_without_a_port_says_so():
    assert not build("GET", "http://reviews/").port_given
    assert build("GET", "http://reviews/").port == 80
    assert build("GET", "https://reviews/").port == 443
    assert build("GET", "http://reviews:80/").port_given


def test_json_is_encoded_and_named():
    request = build("POST", "http://r/", json={"a": [1]})
    assert request.body == b'{"a":[1]}'
    assert (b"content-type", b"application/json") in request.headers
    with pytest.raises(BadRequest, match="not both"):
        build("POST", "http://r/", json={}, content=b"x")


def test_parsed_origins_are_remembered():
    assert parse_origin("http://reviews:9080") is parse_origin("http://reviews:9080")
