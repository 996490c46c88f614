"""What the connection manager adds in its own name: to a request before routes see it, to every answer at the end.

Envoy: conn_manager_utility.cc `mutateRequestHeaders` and `mutateResponseHeaders`, conn_manager_impl.cc
`encodeHeaders`, uuid_impl.cc (all seen on Envoy 1.40, with istiod's `use_remote_address: false`).
"""

from binascii import hexlify
from collections.abc import Callable, Set
from dataclasses import dataclass
from os import register_at_fork
from random import getrandbits
from struct import Struct
from typing import Literal, TypeAlias

from meshio.errors import Finish, NoRoute
from meshio.message import Header, Headers, Request, Response
from meshio.routing.internal import INTERNAL
from meshio.routing.trust import INTERNAL_REQUEST, NOBODY, Trust, marked
from meshio.routing.upgrade import UPGRADE
from meshio.routing.words import grpc_content

ServerHeader: TypeAlias = Literal["overwrite", "append_if_absent", "pass_through"]
Underscores: TypeAlias = Literal["allow", "refuse", "drop"]
Greet: TypeAlias = Callable[[Request], bool]

CONTENT_TYPE, GRPC_TIMEOUT = b"content-type", b"grpc-timeout"
SAYING = frozenset((CONTENT_TYPE, GRPC_TIMEOUT, UPGRADE))
ASKING = frozenset((GRPC_TIMEOUT, UPGRADE))
XFCC = b"x-forwarded-client-cert"
REQUEST_ID, FORWARDED_PROTO, VIA, SERVER = b"x-request-id", b"x-forwarded-proto", b"via", b"server"
DECORATOR = b"x-envoy-decorator-operation"
PROTOS: dict[bytes, Header] = {scheme: (FORWARDED_PROTO, scheme) for scheme in (b"http", b"https")}

# A UUID of version 4 is random but for six bits. Version 4 is also how Envoy's ids say "not traced".
AT_ONCE = 64  # ids that are made together
EACH = sum(1 << 128 * number for number in range(AT_ONCE))
RANDOM, VERSION_4 = ~((0xF << 76 | 0b11 << 62) * EACH) & (1 << 128 * AT_ONCE) - 1, (4 << 76 | 0b10 << 62) * EACH
groups = Struct("8s4s4s4s12s").iter_unpack


@dataclass(frozen=True, slots=True)
class Hop:
    """The settings of a connection manager that a request and its answer show.

    makes_ids       give a request without `x-request-id` one
    answers_id      the answer carries the request's id, too
    server          what happens to the answer's `server` header, with `server_name`
    via             a name to add to `via` both ways; "" adds none
    names_routes    the upstream is told the route's decorator, as an outbound listener with tracing does
    trust           whose requests may say how they want to be sent
    scheme          what the request's scheme is said to be, "http" or "https"; "" leaves it
    tells_port      the port that the request goes to stands in x-forwarded-port
    underscores     what becomes of requests with header names that hold one
    """

    makes_ids: bool = True
    answers_id: bool = False
    server: ServerHeader = "overwrite"
    server_name: str = "envoy"
    via: str = ""
    names_routes: bool = False
    trust: Trust = NOBODY
    scheme: str = ""
    tells_port: bool = False
    underscores: Underscores = "allow"


ENVOY = Hop()


IDS: list[bytes] = []  # that nobody has yet
register_at_fork(after_in_child=IDS.clear)  # else parent and child would give the same


def new_id() -> bytes:
    """A random UUID in text, 0.2 us; uuid.uuid4 takes 2.7."""
    if not IDS:
        bits = getrandbits(128 * AT_ONCE) & RANDOM | VERSION_4
        IDS.extend(map(b"-".join, groups(hexlify(bits.to_bytes(16 * AT_ONCE, "big")))))
    return IDS.pop()


def compile_greeting(hop: Hop, address: str = "") -> Greet:
    """What happens to a request before routes see it; the caller's own header list stays as it is.

    Internal headers are not taken at an application's word (`internal.py`) unless it is trusted, the scheme is told,
    and the request gets an id. True for a request that has a say in how it is sent (`mesh/special.py`). Raises
    NoRoute for an empty `x-forwarded-proto`, as Envoy's router finds no route then. `address` is the instance's own.
    """
    makes_ids, via = hop.makes_ids, hop.via.encode()
    noted = INTERNAL | {FORWARDED_PROTO} | ({REQUEST_ID} if makes_ids else set()) | ({VIA} if via else set())
    looked_at, examine = noted | SAYING, compile_examination(makes_ids, via)
    more: Headers = [(VIA, via)] if via else []

    def greet(request: Request) -> bool:
        special = False
        for name, value in request.headers:
            if name in looked_at:
                if name in noted:
                    return examine(request, noted)
                special = special or name in ASKING or grpc_content(value)
        if makes_ids:
            request.headers = [*request.headers, *more, PROTOS[request.scheme], (REQUEST_ID, new_id())]
        else:
            request.headers = [*request.headers, *more, PROTOS[request.scheme]]
        return special

    if hop.trust == NOBODY:
        return greet
    trust, judge = hop.trust, hop.trust.judge(address)
    listened = noted - INTERNAL | {INTERNAL_REQUEST, XFCC}

    def meet(request: Request) -> bool:
        internal = judge(request)
        if trust.use_remote:
            request.headers = [header for header in request.headers if header[0] != FORWARDED_PROTO]
        asks = internal and any(name in INTERNAL for name, _ in request.headers)
        special = examine(request, listened if internal else noted)
        request.headers = marked(request.headers, trust, internal, address)
        return special or asks

    return meet


def compile_examination(makes_ids: bool, via: bytes) -> Callable[[Request, Set[bytes]], bool]:
    """For a request that brings some of the headers in `noted`: what it says itself stays, as one value each."""

    def examine(request: Request, noted: Set[bytes]) -> bool:
        kept: Headers = []
        protos, ids, vias, special = None, b"", b"", False
        for header in request.headers:
            name, value = header
            if name not in noted:
                kept.append(header)
                special = special or name in ASKING or (name == CONTENT_TYPE and grpc_content(value))
            elif name == REQUEST_ID:
                ids = listed(ids, value)
            elif name == FORWARDED_PROTO:
                protos = listed(protos or b"", value)
            elif name == VIA:
                vias = listed(vias, value)
        if protos == b"":
            raise NoRoute("x-forwarded-proto is empty: no route is looked for")
        kept.append((FORWARDED_PROTO, protos) if protos else PROTOS[request.scheme])
        if makes_ids:
            kept.append((REQUEST_ID, ids or new_id()))
        if via:
            kept.append((VIA, named_last(vias, via)))
        request.headers = kept
        return special

    return examine


def listed(before: bytes, value: bytes) -> bytes:
    """Two values of a header that Envoy keeps as one; an empty one adds nothing."""
    return before + b"," + value if before and value else before or value


def named_last(before: bytes, via: bytes) -> bytes:
    """One more name at the end of `via`."""
    return before + b", " + via if before else via


def compile_signature(hop: Hop) -> Finish:
    """What happens to every answer at the very end, local ones included."""
    replaced = {SERVER} if hop.server == "overwrite" else set()
    replaced |= {DECORATOR} if hop.names_routes else set()
    added = [(SERVER, hop.server_name.encode())] if hop.server == "overwrite" else []
    further = compile_further(hop)

    def sign(request: Request, response: Response) -> None:
        response.headers = [header for header in response.headers if header[0] not in replaced]
        response.headers += added
        for step in further:
            step(request, response)

    return sign


def compile_further(hop: Hop) -> list[Finish]:
    """What only some connection managers are asked for."""
    server, via = (SERVER, hop.server_name.encode()), hop.via.encode()
    steps: list[Finish] = []

    def name_server(request: Request, response: Response) -> None:
        if response.header(SERVER) is None:
            response.headers.append(server)

    def tell_id(request: Request, response: Response) -> None:
        if given := request.header(REQUEST_ID):
            kept = [header for header in response.headers if header[0] != REQUEST_ID]
            response.headers = [*kept, (REQUEST_ID, given)]

    def name_hop(request: Request, response: Response) -> None:
        before = b",".join(value for name, value in response.headers if name == VIA and value)
        response.headers = [header for header in response.headers if header[0] != VIA]
        response.headers.append((VIA, named_last(before, via)))

    if hop.server == "append_if_absent":
        steps.append(name_server)
    if hop.answers_id:
        steps.append(tell_id)
    if via:
        steps.append(name_hop)
    return steps


sign_as_envoy = compile_signature(ENVOY)
