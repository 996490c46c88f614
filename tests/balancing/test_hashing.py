"""Which part of a request decides where it goes."""

from collections.abc import Callable

import pytest
from xxhash import xxh64_intdigest

from meshio.balancing.hashing import (
    HashCookie,
    HashHeader,
    HashPolicy,
    HashQuery,
    HashSourceIp,
    compile_cookies,
    compile_hash,
    set_cookie,
)
from meshio.message import Request

ALICE = 8332761332120969289  # xxh64 of "alice", from Envoy
OWN = "10.1.2.3"


def rewrite(pattern: str, substitution: str) -> Callable[[bytes], bytes]:
    return lambda value: value.replace(pattern.encode(), substitution.encode())


def key(request: Request, *policies: HashPolicy) -> int | None:
    return compile_hash(policies, OWN, rewrite)(request)


def request(*headers: tuple[bytes, bytes], path: bytes = b"/") -> Request:
    return Request(b"GET", b"reviews", path, list(headers), host="reviews", port=9080)


def rotated(value: int) -> int:
    return int(f"{value:064b}"[1:] + f"{value:064b}"[0], 2)


def test_a_header_is_hashed_as_envoy_does() -> None:
    assert key(request((b"x-user", b"alice")), HashHeader("X-User")) == ALICE
    assert key(request(), HashHeader("x-user")) is None
    assert key(request(path=b"alice"), HashHeader(":path")) == ALICE


def test_the_order_of_repeated_headers_does_not_matter() -> None:
    one = request((b"x-user", b"bob"), (b"x-user", b"alice"))
    two = request((b"x-user", b"alice"), (b"x-user", b"bob"))
    assert key(one, HashHeader("x-user")) == key(two, HashHeader("x-user")) == xxh64_intdigest(b"bob", ALICE)


def test_a_header_can_be_rewritten_first() -> None:
    policy = HashHeader("x-user", pattern="ali", substitution="ALI")
    assert key(request((b"x-user", b"alice")), policy) == xxh64_intdigest(b"ALIce")


@pytest.mark.parametrize(
    ("path", "text"),
    [(b"/?user=alice", b"alice"), (b"/?a&user=x%20y&user=z", b"x%20y"), (b"/?user", b""), (b"/", None)],
)
def test_the_first_value_of_a_query_parameter_is_hashed(path: bytes, text: bytes | None) -> None:
    assert key(request(path=path), HashQuery("user")) == (None if text is None else xxh64_intdigest(text))


def test_the_source_address_is_this_instances_own() -> None:
    assert key(request(), HashSourceIp()) == xxh64_intdigest(OWN.encode())


@pytest.mark.parametrize(
    ("header", "value"),
    [(b"sid=alice", b"alice"), (b'a=1;  sid="alice" ; sid=2', b"alice"), (b"sid=a=b", b"a=b"), (b'sid="', b'"')],
)
def test_cookies(header: bytes, value: bytes) -> None:
    assert key(request((b"x", b"y"), (b"cookie", header)), HashCookie("sid")) == xxh64_intdigest(value)


def test_a_missing_cookie_is_made_up_only_if_it_has_a_lifetime() -> None:
    empty = request((b"cookie", b"other=1; sid="))
    assert key(empty, HashCookie("sid")) is None
    made = key(empty, HashCookie("sid", ttl=0.0))
    assert made is not None
    assert made == key(request(), HashCookie("sid", ttl=60.0))


def test_a_made_up_cookie_is_told_to_the_client_and_keeps_its_host() -> None:
    policy = HashCookie("sid", ttl=60.0, path="/shop")
    told = set_cookie(policy, request(), OWN)
    assert told is not None
    pair, _, rest = told.partition(b"; ")
    assert rest == b"Max-Age=60; Path=/shop; HttpOnly"
    back = request((b"cookie", pair))
    assert key(back, policy) == key(request(), policy)
    assert set_cookie(policy, back, OWN) is None
    assert set_cookie(HashCookie("sid"), request(), OWN) is None


@pytest.mark.parametrize(("ttl", "rest"), [(0.0, b"HttpOnly"), (0.9, b"HttpOnly"), (1.7, b"Max-Age=1; HttpOnly")])
def test_ages_are_whole_seconds_and_a_session_has_none(ttl: float, rest: bytes) -> None:
    told = set_cookie(HashCookie("sid", ttl), request(), OWN)
    assert told is not None
    pair, _, attributes = told.partition(b"; ")
    assert attributes == rest
    assert len(pair) == len('sid="0123456789abcdef"')


def told(asked: Request, *policies: HashPolicy) -> list[bytes] | None:
    cookies = compile_cookies(policies, OWN, rewrite)
    return None if cookies is None else [value.partition(b"=")[0] for value in cookies(asked)]


def test_each_missing_cookie_with_a_lifetime_is_told() -> None:
    one, two = HashCookie("one", 60.0), HashCookie("two", 60.0)
    assert told(request(), one, two) == [b"one", b"two"]
    assert told(request((b"cookie", b"two=9")), one, two) == [b"one"]
    assert told(request(), HashCookie("one"), HashHeader("x-user")) is None


def test_behind_a_terminal_policy_that_decides_no_cookie_is_made() -> None:
    header, cookie = HashHeader("x-user", terminal=True), HashCookie("sid", 60.0)
    assert told(request((b"x-user", b"alice")), header, cookie) == []
    assert told(request(), header, cookie) == [b"sid"]


def test_several_policies_are_combined() -> None:
    both = request((b"x-user", b"alice"), path=b"/?q=1")
    header, query = HashHeader("x-user"), HashQuery("q")
    assert key(both, header, query) == rotated(ALICE) ^ xxh64_intdigest(b"1")
    assert key(both, HashHeader("x-user", terminal=True), query) == ALICE
    assert key(both, HashHeader("x-none", terminal=True), query) == xxh64_intdigest(b"1")
    assert key(request(), header, query) is None


def test_a_terminal_policy_ends_it_as_soon_as_any_policy_had_a_say() -> None:
    """Envoy 1.40: the terminal policy need not be the one that had it."""
    asked = request((b"x-user", b"alice"), path=b"/?q=1")
    silent = HashHeader("x-none", terminal=True)
    assert key(asked, HashQuery("q"), silent, HashHeader("x-user")) == xxh64_intdigest(b"1")
