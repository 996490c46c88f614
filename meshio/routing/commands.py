"""Envoy's substitution commands, one by one: what each says in a client.

Envoy: stream_info_formatter.cc, http_formatter.cc. A command that has nothing to say gives b"". What a client cannot
answer truly is in neither table; `reason` says why.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from meshio.message import PSEUDO_HEADERS, Body, Request, Response
from meshio.routing.hop import new_id
from meshio.routing.words import FLAGS, GRPC_STATUS, UNKNOWN, is_grpc

Render: TypeAlias = Callable[[Request, Response | None], bytes]
Command: TypeAlias = bytes | Render


def no_clock() -> float:
    return 0.0


def unsaid(source: str, request: Request, response: Response | None) -> Mapping[str, object]:
    return {}


def itself(name: str) -> str:
    return name


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about every request of a route when it is compiled.

    cluster     where it goes, "" if that cluster does not exist
    address     the instance's own IP: the downstream address of all its requests
    statistic   the name that a cluster has in statistics now, "" for one that does not exist
    recorded    route and cluster are not known: the record of each request says them
    metadata    what a part of the configuration says to filters, by Envoy's word for that part
    chosen      the host is known when request headers are made, as it is behind the choice of one
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
    metadata: Callable[[str, Request, Response | None], Mapping[str, object]] = unsaid
    chosen: bool = False


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


def destination_port(request: Request, response: Response | None) -> bytes:
    """Where the caller's connection goes, as an intercepting proxy sees it."""
    return b"%d" % request.port


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


def of_host(render: Render) -> Callable[[Known], Command]:
    """What is said of the host that was picked."""
    return lambda known: (lambda request, response: render(request, response or CHOSEN)) if known.chosen else render


CHOSEN = Response(0, [], Body())
NOTHING = always(b"")
SECURITY = (
    *("DOWNSTREAM_TLS_VERSION", "DOWNSTREAM_TLS_CIPHER", "DOWNSTREAM_TLS_SESSION_ID", "DOWNSTREAM_HANDSHAKE_DURATION"),
    *("DOWNSTREAM_LOCAL_URI_SAN", "DOWNSTREAM_LOCAL_DNS_SAN", "DOWNSTREAM_LOCAL_IP_SAN", "DOWNSTREAM_LOCAL_SUBJECT"),
    *("DOWNSTREAM_PEER_URI_SAN", "DOWNSTREAM_PEER_DNS_SAN", "DOWNSTREAM_PEER_IP_SAN", "DOWNSTREAM_PEER_SUBJECT"),
    *("DOWNSTREAM_PEER_ISSUER", "DOWNSTREAM_PEER_CERT", "DOWNSTREAM_PEER_SERIAL", "DOWNSTREAM_PEER_FINGERPRINT_256"),
    *("DOWNSTREAM_PEER_FINGERPRINT_1", "DOWNSTREAM_TRANSPORT_FAILURE_REASON", "TLS_JA3_FINGERPRINT"),
    "TLS_JA4_FINGERPRINT",
)
"""Commands about the TLS of the caller's connection: there is none, so that they say nothing."""
PLAIN: dict[str, Callable[[Known], Command]] = {
    "PROTOCOL": always(b"HTTP/1.1"),
    "ROUTE_NAME": route_name,
    "UPSTREAM_CLUSTER": statistic,
    "UPSTREAM_CLUSTER_RAW": cluster,
    "UPSTREAM_HOST": of_host(endpoint),
    "UPSTREAM_HOST_NAME": host_name,
    "UPSTREAM_HOST_NAME_WITHOUT_PORT": bare_host_name,
    "UPSTREAM_REMOTE_ADDRESS": of_host(endpoint),
    "UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": of_host(endpoint_address),
    "UPSTREAM_REMOTE_PORT": of_host(endpoint_port),
    "UPSTREAM_PROTOCOL": always(protocol),
    "UPSTREAM_REQUEST_ATTEMPT_COUNT": always(attempts),
    "DOWNSTREAM_REMOTE_ADDRESS": lambda known: f"{known.address}:0".encode(),
    "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": lambda known: known.address.encode(),
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": lambda known: f"{known.address}:0".encode(),
    "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": lambda known: known.address.encode(),
    "RESPONSE_CODE": always(lambda request, response: b"0" if response is None else b"%d" % response.status),
    "RESPONSE_FLAGS": always(lambda request, response: ",".join(request.record.flags).encode() or b"-"),
    "RESPONSE_FLAGS_LONG": always(long_flags),
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
    "CUSTOM_FLAGS": NOTHING,  # filters of other kinds set them
    "DOWNSTREAM_LOCAL_PORT": always(destination_port),
    "DOWNSTREAM_DIRECT_LOCAL_PORT": always(destination_port),
    **dict.fromkeys(SECURITY, NOTHING),
}
"""Commands that take neither an argument nor a length."""

NUMBERS = frozenset(
    ("RESPONSE_CODE", "BYTES_SENT", "DURATION", "RESPONSE_DURATION", "UPSTREAM_REQUEST_ATTEMPT_COUNT",
     "UPSTREAM_REMOTE_PORT", "GRPC_STATUS_NUMBER", "DOWNSTREAM_LOCAL_PORT", "DOWNSTREAM_DIRECT_LOCAL_PORT")
)  # fmt: skip
"""Commands that are numbers in JSON."""

ALWAYS_TELLING = frozenset(("LOCAL_REPLY_BODY", None))
"""Commands that say something, even if that is empty; None is a percent sign."""


FAMILIES = (
    ("DOWNSTREAM_", "there is no connection from the application to a proxy"),
    ("UPSTREAM_METADATA", "of endpoints only what balancing goes by is kept (envoy.lb), and Istio's workload"),
    ("METADATA", "of this, no metadata is kept"),
    ("UPSTREAM_", "which connection a request takes is the pool's own matter"),
    ("CEL", "there is no expression language"),
    ("BYTES_", "what has passed by so far is not counted"),
    ("REQUEST_HEADERS_BYTES", "sizes on the wire are not counted"),
    ("RESPONSE_HEADERS_BYTES", "sizes on the wire are not counted"),
    ("RESPONSE_TRAILERS_BYTES", "sizes on the wire are not counted"),
    ("REQUEST_", "the stages of a request are not timed"),
    ("RESPONSE_", "the stages of a request are not timed"),
    ("ROUNDTRIP_", "the stages of a request are not timed"),
    ("COMMON_DURATION", "the stages of a request are not timed"),
    ("CONNECTION_ID", "connections have no numbers"),
    ("VIRTUAL_CLUSTER_NAME", "virtual clusters are for statistics only"),
)


def reason(name: str) -> str:
    """Why a command is refused."""
    return next((f", as {why}" for family, why in FAMILIES if name.startswith(family)), "")
