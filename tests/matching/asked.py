"""A request, and what a matcher says to it."""

from meshio.matching import Matcher
from meshio.message import Request


def request(path: bytes = b"/", *headers: tuple[bytes, bytes]) -> Request:
    return Request(b"GET", b"reviews:9080", path, list(headers))


def matches(matcher: Matcher, path: bytes = b"/", *values: bytes) -> bool:
    return matcher.test()(request(path, *((b"x-a", value) for value in values)))
