"""The local rate limit filter -> `LocalRateLimit`."""

from meshio.resilience.bucket import TokenBucket
from meshio.resilience.descriptors import Descriptor
from meshio.resilience.fault import NONE, Fraction
from meshio.routing.mutation import HeaderMutation
from meshio.routing.rate_limit import HostLimits
from meshio.routing.rate_limit import LocalRateLimit as LocalRateLimitLayer
from meshio.xds.descriptors import translate_own
from meshio.xds.extension import open_message
from meshio.xds.matching import fraction
from meshio.xds.mutation import added
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import HeaderValueOption, RuntimeFractionalPercent
from meshio.xds.proto.envoy.extensions.common.ratelimit.v3 import (
    LocalRateLimitDescriptor,
    VhRateLimitsOptions,
    XRateLimitHeadersRfcVersion,
)
from meshio.xds.proto.envoy.extensions.filters.http.local_ratelimit.v3 import LocalRateLimit
from meshio.xds.proto.envoy.type.v3 import HttpStatus, StatusCode
from meshio.xds.proto.envoy.type.v3 import TokenBucket as TokenBucketMessage

SHORTEST = 0.05  # seconds between fills, Envoy's
MOST_HEADERS = 10
LAST_STAGE = 10
TOO_MANY = 429
HOST_LIMITS: dict[int, HostLimits] = {
    VhRateLimitsOptions.OVERRIDE: "override",
    VhRateLimitsOptions.INCLUDE: "include",
    VhRateLimitsOptions.IGNORE: "ignore",
}
SHOWN: dict[int, bool] = {XRateLimitHeadersRfcVersion.OFF: False, XRateLimitHeadersRfcVersion.DRAFT_VERSION_03: True}


def translate_override(place: Place, raw: bytes) -> LocalRateLimitLayer:
    """What one level of a route table says: never without a bucket."""
    limit = translate_rate_limit(place, raw)
    if limit.bucket is None:
        raise place.rejected("is required at a route", "token_bucket")
    return limit


def translate_rate_limit(place: Place, raw: bytes) -> LocalRateLimitLayer:
    """The filter's own config."""
    config = open_message(place, LocalRateLimit, raw)
    if not config.stat_prefix:
        raise place.rejected("is required", "stat_prefix")
    if config.stage > LAST_STAGE:
        raise place.rejected(f"must be at most {LAST_STAGE}", "stage")
    host_limits, shown = HOST_LIMITS.get(config.vh_rate_limits), SHOWN.get(config.enable_x_ratelimit_headers)
    if host_limits is None:
        raise place.rejected("is unknown", "vh_rate_limits")
    if shown is None:
        raise place.rejected("is unknown", "enable_x_ratelimit_headers")
    remembered = 20 if config.max_dynamic_descriptors is None else config.max_dynamic_descriptors
    if not remembered:
        raise place.rejected("must be at least 1", "max_dynamic_descriptors")
    passed = config.request_headers_to_add_when_not_enforced
    return LocalRateLimitLayer(
        bucket=bucket(place.at("token_bucket"), config.token_bucket) if config.token_bucket is not None else None,
        descriptors=descriptors(place, config.descriptors),
        remembered=remembered,
        limits=translate_own(place, "rate_limits", config.rate_limits),
        stage=config.stage,
        host_limits=host_limits,
        always=config.always_consume_default_token_bucket is not False,
        enabled=share(place.at("filter_enabled"), config.filter_enabled),
        enforced=share(place.at("filter_enforced"), config.filter_enforced),
        status=status(place.at("status"), config.status),
        exhausted=config.rate_limited_as_resource_exhausted,
        refused=headers(place, "response_headers_to_add", config.response_headers_to_add),
        passed=headers(place, "request_headers_to_add_when_not_enforced", passed),
        shown=shown,
    )


def bucket(place: Place, message: TokenBucketMessage) -> TokenBucket:
    """Milliseconds count. A bucket of no size never has a token."""
    interval = message.fill_interval.total_seconds() if message.fill_interval is not None else 0.0
    if interval < SHORTEST:
        raise place.rejected(f"must be at least {SHORTEST} s", "fill_interval")
    fill = 1 if message.tokens_per_fill is None else message.tokens_per_fill
    if not fill:
        raise place.rejected("must be more than 0", "tokens_per_fill")
    return TokenBucket(message.max_tokens, fill, round(interval * 1_000_000) // 1000 / 1000)


def descriptors(place: Place, messages: list[LocalRateLimitDescriptor]) -> tuple[tuple[Descriptor, TokenBucket], ...]:
    found: dict[Descriptor, TokenBucket] = {}
    for index, each in enumerate(messages):
        here = place.at("descriptors", index)
        if not each.entries or not all(entry.key for entry in each.entries):
            raise here.rejected("must have entries with keys", "entries")
        if each.token_bucket is None:
            raise here.rejected("is required", "token_bucket")
        descriptor = tuple((entry.key, entry.value.encode()) for entry in each.entries)
        if descriptor in found:
            raise here.rejected("is given twice")
        found[descriptor] = bucket(here.at("token_bucket"), each.token_bucket)
    return tuple(found.items())


def share(place: Place, given: RuntimeFractionalPercent | None) -> Fraction:
    """None is no request at all."""
    return fraction(place, given) if given is not None else NONE


def status(place: Place, given: HttpStatus | None) -> int:
    """A status of success stands for 429, as in Envoy."""
    if given is None:
        return TOO_MANY
    if given.code not in set(StatusCode) or not given.code:
        raise place.rejected("is not the code of a status", "code")
    return int(given.code) if given.code >= 400 else TOO_MANY


def headers(place: Place, field: str, options: list[HeaderValueOption]) -> HeaderMutation:
    if len(options) > MOST_HEADERS:
        raise place.rejected(f"must not be more than {MOST_HEADERS}", field)
    return HeaderMutation(tuple(added(place.at(field, index), each) for index, each in enumerate(options)))
