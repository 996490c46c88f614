"""Clusters that the request itself decides about, instead of the route or chance."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from meshio.balancing.hashing import HashCookie, HashPolicy, compile_hash
from meshio.message import Request, Send
from meshio.routing.commands import request_value
from meshio.routing.regex import compile_regex
from meshio.routing.route import ByHash, ByHeader, Forward
from meshio.routing.split import header_number, split_by

Number: TypeAlias = Callable[[Request], int | None]


def chosen(ways: list[tuple[Send, int]], number: Number) -> Send:
    """One of several ways by a number of the request."""
    choose = split_by(ways, number)
    return lambda request: choose(request)(request)


def compile_number(forward: Forward, address: str) -> Number | None:
    """What decides among weighted clusters instead of chance; None for chance alone."""
    match forward.draw:
        case ByHeader(name):
            return header_number(name.encode())
        case ByHash():
            return compile_hash(tuple(map(unbaked, forward.hash_policies)), address, compile_regex)
    return None


def unbaked(policy: HashPolicy) -> HashPolicy:
    """When clusters are chosen no cookie is made yet: without one there is no hash."""
    return replace(policy, ttl=None) if isinstance(policy, HashCookie) else policy


def named_by(header: str, request: Request) -> str:
    """The cluster that a header names; "" where the request has no such header."""
    return (request_value(request, header.encode()) or b"").decode("utf-8", "replace")
