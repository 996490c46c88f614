"""What only some connection managers do to a request before routes see it: scheme, port, names with underscores.

Envoy: conn_manager_utility.cc `mutateRequestHeaders`, http1/codec_impl.cc `checkHeaderNameForUnderscores`, checked on
1.40.
"""

from collections.abc import Callable

from meshio.errors import BadName
from meshio.message import Request
from meshio.routing.hop import FORWARDED_PROTO, Greet, Hop, compile_greeting

FORWARDED_PORT = b"x-forwarded-port"
Enter = Callable[[Request], None]


def compile_entry(hop: Hop, address: str = "") -> Greet:
    """The greeting of `hop.py`, with what this connection manager does beside it. Raises NoRoute, BadName."""
    greet = compile_greeting(hop, address)
    before: list[Enter] = []
    if hop.underscores != "allow":
        before.append(refuse_underscores if hop.underscores == "refuse" else drop_underscores)
    if hop.scheme:
        before.append(forget_scheme)
    if hop.tells_port:
        before.append(set_port if hop.trust.use_remote else tell_port)
    if not before:
        return greet
    scheme = hop.scheme.encode()

    def enter(request: Request) -> bool:
        for step in before:
            step(request)
        special = greet(request)
        if scheme:
            forget_scheme(request)
            request.headers.append((FORWARDED_PROTO, scheme))
        return special

    return enter


def refuse_underscores(request: Request) -> None:
    if any(b"_" in name for name, _ in request.headers):
        raise BadName("a header name holds an underscore, which the listener does not take")


def drop_underscores(request: Request) -> None:
    request.headers = [header for header in request.headers if b"_" not in header[0]]


def forget_scheme(request: Request) -> None:
    request.headers = [header for header in request.headers if header[0] != FORWARDED_PROTO]


def set_port(request: Request) -> None:
    """The port that the request goes to, whatever it says itself."""
    kept = [header for header in request.headers if header[0] != FORWARDED_PORT]
    request.headers = [*kept, (FORWARDED_PORT, b"%d" % request.port)]


def tell_port(request: Request) -> None:
    """The port that the request goes to, unless it says one itself; several are joined, as Envoy keeps one."""
    told = [value for name, value in request.headers if name == FORWARDED_PORT]
    if not told:
        set_port(request)
    elif len(told) > 1:
        kept = [header for header in request.headers if header[0] != FORWARDED_PORT]
        request.headers = [*kept, (FORWARDED_PORT, b",".join(filter(None, told)))]
