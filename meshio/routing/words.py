"""Envoy's words for what the record abbreviates: response flags (stream_info/utility.cc) and gRPC's statuses."""

from meshio.message import Request

GRPC = b"application/grpc"
FLAGS = {
    "DC": "DownstreamConnectionTermination",
    "DF": "DnsResolutionFailed",
    "DI": "DelayInjected",
    "DO": "DropOverload",
    "DPE": "DownstreamProtocolError",
    "DT": "DurationTimeout",
    "FI": "FaultInjected",
    "IH": "InvalidEnvoyRequestHeaders",
    "LH": "FailedLocalHealthCheck",
    "LR": "LocalReset",
    "NC": "NoClusterFound",
    "NFCF": "NoFilterConfigFound",
    "NR": "NoRouteFound",
    "OM": "OverloadManagerTerminated",
    "RL": "RateLimited",
    "RLSE": "RateLimitServiceError",
    "SI": "StreamIdleTimeout",
    "UAEX": "UnauthorizedExternalService",
    "UC": "UpstreamConnectionTermination",
    "UDO": "UnconditionalDropOverload",
    "UF": "UpstreamConnectionFailure",
    "UH": "NoHealthyUpstream",
    "UMSDR": "UpstreamMaxStreamDurationReached",
    "UO": "UpstreamOverflow",
    "UPE": "UpstreamProtocolError",
    "UR": "UpstreamRemoteReset",
    "URX": "UpstreamRetryLimitExceeded",
    "UT": "UpstreamRequestTimeout",
}
# Envoy: grpc/status.cc, httpToGrpcStatus. Any other status is UNKNOWN.
GRPC_STATUS = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
UNKNOWN = 2
NAMES = (
    "OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ResourceExhausted "
    "FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated"
)
SNAKES = (
    "OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED "
    "RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS "
    "UNAUTHENTICATED"
)
GRPC_NAMES: dict[bytes, tuple[bytes, bytes]] = {
    b"%d" % code: names for code, names in enumerate(zip(NAMES.encode().split(), SNAKES.encode().split(), strict=True))
}
"""A status in each of the two spellings, by its number."""


def is_grpc(request: Request) -> bool:
    """Whether the request is gRPC's."""
    return grpc_content(request.header(b"content-type") or b"")


def grpc_content(content_type: bytes) -> bool:
    """True for `application/grpc` and `application/grpc+proto`, not for `application/grpc-web`."""
    return content_type.startswith(GRPC) and content_type[len(GRPC) : len(GRPC) + 1] in (b"", b"+")
