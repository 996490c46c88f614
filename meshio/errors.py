"""Everything meshio raises, grouped by who has to act on it.

    MeshError
      ConfigError              the embedding program: environment, bootstrap, YAML, arguments    raised at start
      NotReady                 the operator: no complete snapshot arrived in time                raised at start
      Rejected                 the control plane; becomes the NACK text             never reaches a request
      Closed                   the embedding program used a mesh that is not running
      BadRequest               the caller: not a URL, header or body that can be sent
      RequestError             one request; .flag (Envoy's), .status, .sent
        NoRoute         NR 404
        RefusedHeader   IH 400
        NoCluster       NC 503
        NoHealthyHost   UH 503   Unbuilt: not yet known
        Unnamed
          UnknownName   DF 503
          TooManyNames, TooManyLookUps
          NoHost        -- 400
        Dropped         DO 503   AllDropped UDO
        Overloaded      UO 503
        TimedOut        UT 504   sent
          TryTimedOut, TryIdle
          StreamTimedOut  504 or 408: StreamIdle SI, StreamTooLong, UpstreamTooLong UMSDR
        ConnectFailed   UF 503   not sent: always safe to retry
        Reset           UC 503   sent
        ProtocolBroken  UPE 502  sent
        FaultInjected   FI
        RateLimited     RL 429
        Denied          -- 403
        NotAdmitted     -- 503
        Crowded         -- 503
        TooLarge        -- 413

`Mesh.send` raises no RequestError: it answers as Envoy would. `Mesh.dispatch` raises them.
"""

from collections.abc import Callable
from typing import TypeAlias

from meshio.message import Header, Request, Response

Finish: TypeAlias = Callable[[Request, Response], None]


class MeshError(Exception):
    """Base of every error raised by meshio."""


class ConfigError(MeshError):
    """The program that embeds meshio has to change: environment, bootstrap, YAML, arguments."""


class NotReady(MeshError):
    """No complete snapshot arrived within `ready_timeout`; the text says what is missing."""


class Closed(MeshError):
    """The mesh (or a client built on it) is not running: not entered yet, or left already."""


class BadRequest(MeshError):
    """The caller's request cannot be sent as it is: URL, method, header or body length."""


class Rejected(MeshError):
    """The control plane sent a resource we cannot honour. Its text becomes the NACK."""

    def __init__(self, resource: str, field: str, reason: str) -> None:
        super().__init__(f"{resource}: {field}: {reason}")
        self.resource = resource
        self.field = field
        self.reason = reason


class RequestError(MeshError):
    """One request failed inside the mesh.

    `flag` and `status` are Envoy's response flag and the HTTP status it answers with; `sent` says
    whether the peer may have seen the request: the one fact a retry has to know. `body` is Envoy's
    text for the local reply, `details` its response code details (`%RESPONSE_CODE_DETAILS%`).
    """

    flag = "-"
    status = 503
    sent = False
    details = ""
    headers: tuple[Header, ...] = ()
    grpc_status: int | None = None  # what a gRPC client is told, where it does not follow from `status`
    finish: Finish | None = None  # what the route changes about response headers: local replies, too
    also: Finish | None = None  # what the filter that answers changes about its answer, behind `finish`
    after: tuple[Finish, ...] = ()  # what filters change about the whole local reply, in this order

    @property
    def body(self) -> bytes:
        """The text of the local reply (Envoy's words)."""
        return str(self).encode()


class NoRoute(RequestError):
    """No virtual host or no route matched. Envoy: 404 with an empty body."""

    flag, status, details, body = "NR", 404, "route_not_found", b""


class RefusedHeader(RequestError):
    """A header that was for the router means nothing, and the router filter is strict about it."""

    flag, status = "IH", 400

    def __init__(self, name: bytes, value: bytes) -> None:
        super().__init__(f"invalid header '{name.decode()}' with value '{value.decode('latin-1')}'")
        self.details = f"request_headers_failed_strict_check{{{name.decode()}}}"


class UpgradeRefused(RequestError):
    """The request wants another protocol, which neither its route nor the listener allows."""

    status, details, body = 403, "upgrade_failed", b""


class BadName(RequestError):
    """A request header has a name that the connection manager does not take."""

    flag, status, details, body = "DPE", 400, "http1.unexpected_underscore", b"Bad Request"


class NoCluster(RequestError):
    """The route leads to a cluster that does not exist. Envoy: 503 with an empty body."""

    flag, details, body = "NC", "cluster_not_found", b""


class NoHealthyHost(RequestError):
    """The cluster has no host that may be picked."""

    flag, details, body = "UH", "no_healthy_upstream", b"no healthy upstream"


class Unbuilt(NoHealthyHost):
    """Which host it is will be known in some milliseconds: the table is being built. Whoever picks waits for it."""


class Unnamed(RequestError):
    """The address of the host that the request names is not to be had. `picked`: the details where it is the cluster
    that looks for it, which then has no host."""

    picked = ""


class UnknownName(Unnamed):
    """It was looked up, and nobody knows it. `reason` is why, in Envoy's words."""

    flag, body = "DF", b"DNS resolution failure"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"cannot resolve {name!r}: {reason}")
        self.details = self.picked = f"dns_resolution_failure{{{reason.replace(' ', '_')}}}"


class TooManyNames(Unnamed):
    """The cache of names is full."""

    details = picked = "dns_cache_overflow"
    body = b"DNS cache overflow"


class TooManyLookUps(Unnamed):
    """Too many requests wait for look-ups already."""

    details = "dynamic_forward_proxy_pending_request_overflow"
    picked = "dns_cache_pending_requests_overflow"
    body = b"Dynamic forward proxy pending request overflow"


class NoHost(Unnamed):
    """The request names no host at all."""

    status, details, body = 400, "empty_host_header", b"Empty host header"


class Dropped(RequestError):
    """The control plane asks for a share of the cluster's requests to be dropped (EDS `drop_overloads`)."""

    flag, details, body = "DO", "drop_overload", b"drop overload"
    headers = ((b"x-envoy-drop-overload", b"true"),)


class AllDropped(Dropped):
    """The share is all of them."""

    flag, details, body = "UDO", "unconditional_drop_overload", b"unconditional drop overload"
    headers = ((b"x-envoy-unconditional-drop-overload", b"true"),)


class ResetError(RequestError):
    """The upstream stream ended before a complete response head (Envoy's words for the local reply).

    `reason` is Envoy's reset reason, `failure` its transport failure reason, which only the response code
    details tell. `retried` is set by the retry layer; Envoy's text differs after a retry.
    """

    reason = ""
    retried = False

    def __init__(self, message: str, failure: str = "") -> None:
        super().__init__(message)
        self.failure = failure
        cause = "|".join(part.replace(" ", "_") for part in (self.reason, failure) if part)
        self.details = f"upstream_reset_before_response_started{{{cause}}}"

    @property
    def body(self) -> bytes:
        """Envoy, router.cc: `onUpstreamReset`. Envoy 1.40 keeps the transport failure reason to itself."""
        tale = "retried and the latest reset reason" if self.retried else "reset reason"
        return f"upstream connect error or disconnect/reset before headers. {tale}: {self.reason}".encode()


class Overloaded(ResetError):
    """A circuit breaker of the cluster is open: connections, pending requests, requests or retries."""

    flag, reason = "UO", "overflow"
    headers = ((b"x-envoy-overloaded", b"true"),)


class ConnectFailed(ResetError):
    """No connection to the host could be made. Nothing was sent: always safe to retry."""

    flag, reason = "UF", "remote connection failure"


class ConnectTimedOut(ConnectFailed):
    """The host did not accept the connection within the cluster's connect timeout."""

    reason = "connection timeout"


class Reset(ResetError):
    """The connection closed or was reset after something had been sent."""

    flag, reason, sent = "UC", "connection termination", True


class ProtocolBroken(ResetError):
    """The upstream sent what is not HTTP, or more of it than the limits allow."""

    flag, status, reason, sent = "UPE", 502, "protocol error", True


class TimedOut(RequestError):
    """The route's timeout, or the timeout of the last try, expired."""

    flag, status, sent, details = "UT", 504, True, "response_timeout"
    body = b"upstream request timeout"


class TryTimedOut(TimedOut):
    """One try got no response head within its own timeout."""

    details = "upstream_per_try_timeout"


class TryIdle(TimedOut):
    """Nothing came for one try for too long."""

    details = "upstream_per_try_idle_timeout"


class StreamTimedOut(TimedOut):
    """A limit of the whole stream was reached; 408 where the application had not sent all of its request."""

    def __init__(self, message: str, uploaded: bool = True) -> None:
        super().__init__(message)
        self.status = 504 if uploaded else 408


class StreamIdle(StreamTimedOut):
    """Nothing was sent or received for too long."""

    flag, details, body = "SI", "stream_idle_timeout", b"stream timeout"


class StreamTooLong(StreamTimedOut):
    """The stream has lasted as long as the route or the listener lets it."""

    details, body = "max_duration_timeout", b"downstream duration timeout"
    flag = "-"  # Envoy documents DT, and does not set it
    grpc_status = 4


class UpstreamTooLong(StreamTimedOut):
    """The exchange has lasted as long as the cluster lets it."""

    flag, details, body = "UMSDR", "upstream_max_stream_duration_reached", b"upstream max stream duration reached"


class FaultInjected(RequestError):
    """The fault filter aborted the request. Envoy: 'fault filter abort'."""

    flag, details, body = "FI", "fault_filter_abort", b"fault filter abort"

    def __init__(self, status: int, grpc_status: int | None = None) -> None:
        super().__init__(f"fault filter abort with {status if grpc_status is None else f'gRPC status {grpc_status}'}")
        self.status = status
        self.grpc_status = grpc_status


class RateLimited(RequestError):
    """A local rate limit has no token for the request."""

    flag, status, details, body = "RL", 429, "local_rate_limited", b"local_rate_limited"


class Denied(RequestError):
    """The access rules of the mesh forbid the request. `policy` is the rule that matched, "none" without one."""

    status, body = 403, b"RBAC: access denied"

    def __init__(self, policy: str) -> None:
        super().__init__(f"access denied by policy {policy!r}" if policy != "none" else "no policy allows the access")
        self.details = f"rbac_access_denied_matched_policy[{policy}]"


class NotAdmitted(RequestError):
    """Admission control sheds a share of the requests, as too many of the last ones failed."""

    details, body = "denied_by_admission_control", b""


class Crowded(RequestError):
    """Adaptive concurrency allows no more requests at the same time."""

    details, body = "reached_concurrency_limit", b"reached concurrency limit"

    def __init__(self, status: int) -> None:
        super().__init__("as many requests are under way as adaptive concurrency allows")
        self.status = status


class TooLarge(RequestError):
    """The body is longer than the buffer filter allows."""

    status, details, body = 413, "request_payload_too_large", b"Payload Too Large"
