"""Envoy's substitution commands, one by one: what each says in a client.

Envoy: stream_info_formatter.cc, http_formatter.cc. A command that has nothing to say gives b"". What a client cannot
answer truly is in neither table; `reason` says why.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

from meshio.message import PSEUDO_HEADERS, Request, Response
from meshio.routing.hop import new_id
from meshio.routing.timestamp import compile_time
from meshio.routing.words import FLAGS, GRPC_NAMES, GRPC_STATUS, UNKNOWN, is_grpc

HEADERS = re.compile(r"(?!\?$):?[!#$&'*+.^_`|~0-9A-Za-z-]*(?:\?:?[!#$&'*+.^_`|~0-9A-Za-z-]*)?")

Render: TypeAlias = Callable[[Request, Response | None], bytes]
Command: TypeAlias = bytes | Render


def no_clock() -> float:
    return 0.0


def itself(name: str) -> str:
    return name


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about every request of a route when it is compiled.

    cluster     where it goes, "" if that cluster does not exist
    address     the instance's own IP: the downstream address of all its requests
    statistic   the name that a cluster has in statistics now, "" for one that does not exist
    recorded    route and cluster are not known: the record of each request says them
    hostname    the host name of an endpoint's address; the address itself where it has none
    clock       seconds since the epoch
    """

    route: str = ""
    cluster: str = ""
    address: str = "127.0.0.1"
    statistic: Callable[[str], str] = itself
    hostname: Callable[[str], str] = itself
    clock: Callable[[], float] = no_clock
    recorded: bool = False


NOTHING_KNOWN = Known()


def request_value(request: Request, name: bytes) -> bytes | None:
    """A request header or pseudo-header; `x-envoy-original-path` and the like are plain headers."""
    pseudo = PSEUDO_HEADERS.get(name)
    return request.header(name) if pseudo is None else pseudo(request)


def value_of(response: Response | None, name: bytes) -> bytes | None:
    if response is None:
        return None
    return b"%d" % response.status if name == b":status" else response.header(name)


def endpoint(request: Request, response: Response | None) -> bytes:
    """The last attempt's host; Envoy has not picked one when request headers are made."""
    return b"" if response is None else request.record.endpoint.encode()


def endpoint_address(request: Request, response: Response | None) -> bytes:
    return endpoint(request, response).rpartition(b":")[0]


def endpoint_port(request: Request, response: Response | None) -> bytes:
    return endpoint(request, response).rpartition(b":")[2]


def protocol(request: Request, response: Response | None) -> bytes:
    """Known as soon as there is a connection."""
    record = request.record
    return b"HTTP/1.1" if response is not None and record.endpoint and "UF" not in record.flags else b""


UNATTEMPTED = ("", "cluster_not_found", "direct_response", "fault_filter_abort")


def attempts(request: Request, response: Response | None) -> bytes:
    """From the router on there is a first one, even if no host could be had for it."""
    record = request.record
    begun = response is None or record.details not in UNATTEMPTED
    return b"%d" % (record.attempts or int(begun))


def long_flags(request: Request, response: Response | None) -> bytes:
    return ",".join(FLAGS.get(flag, flag) for flag in request.record.flags).encode() or b"-"


def local_body(request: Request, response: Response | None) -> bytes:
    """What the mesh itself would answer, while a body format is written; headers are made before there is a body."""
    local = response is not None and request.record.details != "via_upstream"
    return response.body.data if local and response is not None else b""


def grpc_status(request: Request, response: Response | None) -> bytes:
    if response is None or not response.status or not is_grpc(request):
        return b""
    told = response.header(b"grpc-status")
    return b"%d" % GRPC_STATUS.get(response.status, UNKNOWN) if told is None else told


def elapsed(known: Known) -> Render:
    """Milliseconds since the request began."""
    clock = known.clock

    def render(request: Request, response: Response | None) -> bytes:
        now = clock()
        return b"%d" % (1000 * (now - request.began_at(now)))

    return render


def response_time(known: Known) -> Render:
    """Milliseconds until the response head came, if one came."""
    whole = elapsed(known)
    return lambda request, response: whole(request, response) if answered(request, response) else b""


def answered(request: Request, response: Response | None) -> bool:
    return response is not None and request.record.details == "via_upstream"


def route_name(known: Known) -> Command:
    if known.recorded:
        return lambda request, response: request.record.route.encode()
    return known.route.encode()


def cluster(known: Known) -> Command:
    if known.recorded:
        exists = known.statistic
        return lambda request, response: request.record.cluster.encode() if exists(request.record.cluster) else b""
    return known.cluster.encode()


def statistic(known: Known) -> Command:
    told = known.statistic
    if known.recorded:
        return lambda request, response: told(request.record.cluster).encode()
    name = known.cluster
    return lambda request, response: told(name).encode()


def host_name(known: Known) -> Render:
    named = known.hostname
    return lambda request, response: named(endpoint(request, response).decode()).encode()


def bare_host_name(known: Known) -> Render:
    """Without the port, where the name is an address."""
    whole = host_name(known)

    def render(request: Request, response: Response | None) -> bytes:
        name = whole(request, response)
        return name.rpartition(b":")[0] if name and name == endpoint(request, response) else name

    return render


def always(text: bytes | Render) -> Callable[[Known], Command]:
    return lambda known: text


NOTHING = always(b"")
PLAIN: dict[str, Callable[[Known], Command]] = {
    "PROTOCOL": always(b"HTTP/1.1"),
    "ROUTE_NAME": route_name,
    "UPSTREAM_CLUSTER": statistic,
    "UPSTREAM_CLUSTER_RAW": cluster,
    "UPSTREAM_HOST": always(endpoint),
    "UPSTREAM_HOST_NAME": host_name,
    "UPSTREAM_HOST_NAME_WITHOUT_PORT": bare_host_name,
    "UPSTREAM_REMOTE_ADDRESS": always(endpoint),
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": always(endpoint_address),
    "UPSTREAM_REMOTE_PORT": always(endpoint_port),
    "UPSTREAM_PROTOCOL": always(protocol),
    "UPSTREAM_REQUEST_ATTEMPT_COUNT": always(attempts),
    "DOWNSTREAM_REMOTE_ADDRESS": lambda known: f"{known.address}:0".encode(),
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": lambda known: known.address.encode(),
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": lambda known: f"{known.address}:0".encode(),
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": lambda known: known.address.encode(),
    "RESPONSE_CODE": always(lambda request, response: b"0" if response is None else b"%d" % response.status),
    "RESPONSE_FLAGS": always(lambda request, response: ",".join(request.record.flags).encode() or b"-"),
    "RESPONSE_FLAGS_LONG": always(long_flags),
    "RESPONSE_CODE_DETAILS": always(lambda request, response: request.record.details.encode()),
    "BYTES_SENT": always(b"0"),  # nothing of a body has been, when headers are made
    "DURATION": elapsed,
    "RESPONSE_DURATION": response_time,
    "HOSTNAME": lambda known: os.uname().nodename.encode(),
    "STREAM_ID": always(lambda request, response: request.header(b"x-request-id") or b""),
    "UNIQUE_ID": always(lambda request, response: new_id()),
    "ACCESS_LOG_TYPE": always(b"NotSet"),
    "GRPC_STATUS_NUMBER": always(grpc_status),
    "LOCAL_REPLY_BODY": always(local_body),
    "CONNECTION_TERMINATION_DETAILS": NOTHING,
    "TRACE_ID": NOTHING,
    "SPAN_ID": NOTHING,
}
"""Commands that take neither an argument nor a length."""

NUMBERS = frozenset(
    ("RESPONSE_CODE", "BYTES_SENT", "DURATION", "RESPONSE_DURATION", "UPSTREAM_REQUEST_ATTEMPT_COUNT",
     "UPSTREAM_REMOTE_PORT", "GRPC_STATUS_NUMBER")
)  # fmt: skip
"""Commands that are numbers in JSON."""

ALWAYS_TELLING = frozenset(("LOCAL_REPLY_BODY", None))
"""Commands that say something, even if that is empty; None is a percent sign."""


Compile: TypeAlias = Callable[[str, Known], Command | None]


class Silence(bytes):
    """Nothing, of which it is known that it is not an empty text."""


SILENT = Silence()
EXACT = frozenset(("REQ", "REQUEST_HEADER", "RESP", "RESPONSE_HEADER"))
"""Commands that tell an empty text from nothing at all."""


def header_of(read: Callable[[Request, Response | None, bytes], bytes | None]) -> Compile:
    """`name?alternative`: the first value of the first of the two headers that is there."""

    def compile_header(argument: str, known: Known) -> Render | None:
        names = [each.lower().encode() for each in argument.split("?")]
        if not argument or not HEADERS.fullmatch(argument):
            return None

        def render(request: Request, response: Response | None) -> bytes:
            return next((value for name in names if (value := read(request, response, name)) is not None), SILENT)

        return render

    return compile_header


REQUEST = header_of(lambda request, response, name: request_value(request, name))
RESPONSE = header_of(lambda request, response, name: value_of(response, name))


def nothing(argument: str, known: Known) -> Command | None:
    """Nothing that a client has says it: b""."""
    return b"" if argument else None


def start_time(argument: str, known: Known) -> Command | None:
    write, clock = compile_time(argument), known.clock
    return None if write is None else lambda request, response: write(request.began_at(clock()))


def emit_time(argument: str, known: Known) -> Command | None:
    write, clock = compile_time(argument), known.clock
    return None if write is None else lambda request, response: write(clock())


def environment(argument: str, known: Known) -> Command | None:
    return os.environb.get(argument.encode(), b"-") if argument else None


ORIGINAL = b"x-envoy-original-path"


def original(request: Request) -> bytes:
    return request.header(ORIGINAL) or b""


PATHS: dict[str, Callable[[Request], bytes]] = {
    "PATH": lambda request: request.path,
    "ORIG": original,
    "ORIG_OR_PATH": lambda request: original(request) or request.path,
}


def path(argument: str, known: Known) -> Command | None:
    """`PATH(WQ|NQ:PATH|ORIG|ORIG_OR_PATH)`: with or without query, as it is or as it was."""
    query, _, which = argument.partition(":")
    read = PATHS.get(which or "ORIG_OR_PATH")
    if read is None or query not in ("", "WQ", "NQ"):
        return None
    chosen = read
    if query == "NQ":
        return lambda request, response: chosen(request).partition(b"?")[0]
    return lambda request, response: chosen(request)


def query_parameter(argument: str, known: Known) -> Command | None:
    """The first value of a query parameter, decoded."""
    name = argument.encode()
    if not name:
        return None
    return lambda request, response: unquote_to_bytes(request.query(name) or b"")


def query_parameters(argument: str, known: Known) -> Command | None:
    """The query, as it is written."""
    if argument not in ("", "ORIG"):
        return None
    return lambda request, response: request.path.partition(b"?")[2]


def grpc_word(argument: str, known: Known) -> Command | None:
    """The gRPC status as a name or a number."""
    form = {"": 0, "CAMEL_STRING": 0, "SNAKE_STRING": 1, "NUMBER": 2}.get(argument)
    if form is None:
        return None
    at = form

    def render(request: Request, response: Response | None) -> bytes:
        status = grpc_status(request, response)
        return GRPC_NAMES[status][at] if status in GRPC_NAMES and at < 2 else status

    return render


TAKING: dict[str, Compile] = {
    "REQ": REQUEST,
    "REQUEST_HEADER": REQUEST,
    "RESP": RESPONSE,
    "RESPONSE_HEADER": RESPONSE,
    "TRAILER": nothing,  # there are none yet, when headers are made
    "RESPONSE_TRAILER": nothing,
    "DYNAMIC_METADATA": nothing,
    "FILTER_STATE": nothing,
    "UPSTREAM_FILTER_STATE": nothing,
    "START_TIME": start_time,
    "EMIT_TIME": emit_time,
    "ENVIRONMENT": environment,
    "PATH": path,
    "QUERY_PARAM": query_parameter,
    "QUERY_PARAMS": query_parameters,
    "GRPC_STATUS": grpc_word,
}
"""Commands that take an argument; None for an argument that they do not take."""

UNCUT = ("START_TIME", "EMIT_TIME", "GRPC_STATUS")
"""Those of them that take no length."""

FAMILIES = (
    ("DOWNSTREAM_", "there is no connection from the application to a proxy"),
    ("UPSTREAM_", "which connection a request takes is the pool's own matter"),
    ("METADATA", "metadata of the configuration is not kept"),
    ("CLUSTER_METADATA", "metadata of the configuration is not kept"),
    ("CEL", "there is no expression language"),
)


def reason(name: str) -> str:
    """Why a command is refused."""
    return next((f", as {why}" for family, why in FAMILIES if name.startswith(family)), "")
