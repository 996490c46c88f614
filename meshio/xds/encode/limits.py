"""Rate limits: the filter, and what routes say requests are counted by."""

from meshio.errors import Rejected
from meshio.resilience.bucket import TokenBucket
from meshio.resilience.descriptors import (
    Action,
    Descriptor,
    Fixed,
    Limit,
    OfAddress,
    OfCluster,
    OfHeader,
    OfMatch,
    OfMetadata,
    OfQuery,
)
from meshio.routing.rate_limit import HostLimits, LocalRateLimit
from meshio.xds.encode.matching import encode_question
from meshio.xds.encode.parts import headers_to_add, runtime_share, seconds, text
from meshio.xds.proto.envoy.config.route.v3 import (
    HeaderMatcher,
    QueryParameterMatcher,
    RateLimit,
    RateLimitAction,
    RateLimitActionDestinationCluster,
    RateLimitActionGenericKey,
    RateLimitActionHeaderValueMatch,
    RateLimitActionMaskedRemoteAddress,
    RateLimitActionMetaData,
    RateLimitActionQueryParameters,
    RateLimitActionQueryParameterValueMatch,
    RateLimitActionRemoteAddress,
    RateLimitActionRequestHeaders,
    RateLimitHitsAddend,
)
from meshio.xds.proto.envoy.extensions.common.ratelimit.v3 import (
    LocalRateLimitDescriptor,
    RateLimitDescriptorEntry,
    VhRateLimitsOptions,
    XRateLimitHeadersRfcVersion,
)
from meshio.xds.proto.envoy.extensions.filters.http.local_ratelimit.v3 import LocalRateLimit as LocalRateLimitMessage
from meshio.xds.proto.envoy.type.metadata.v3 import MetadataKey, MetadataKeyPathSegment
from meshio.xds.proto.envoy.type.v3 import HttpStatus, StatusCode
from meshio.xds.proto.envoy.type.v3 import TokenBucket as TokenBucketMessage

HOST_LIMITS: dict[HostLimits, VhRateLimitsOptions] = {
    "override": VhRateLimitsOptions.OVERRIDE,
    "include": VhRateLimitsOptions.INCLUDE,
    "ignore": VhRateLimitsOptions.IGNORE,
}
SHOWN = {False: XRateLimitHeadersRfcVersion.OFF, True: XRateLimitHeadersRfcVersion.DRAFT_VERSION_03}


def encode_rate_limit(limit: LocalRateLimit) -> LocalRateLimitMessage:
    return LocalRateLimitMessage(
        stat_prefix="local",
        token_bucket=encode_bucket(limit.bucket) if limit.bucket is not None else None,
        descriptors=[encode_descriptor(descriptor, bucket) for descriptor, bucket in limit.descriptors],
        max_dynamic_descriptors=limit.remembered,
        rate_limits=[encode_limit(each, own=True) for each in limit.limits],
        stage=limit.stage,
        vh_rate_limits=HOST_LIMITS[limit.host_limits],
        always_consume_default_token_bucket=limit.always,
        filter_enabled=runtime_share(limit.enabled),
        filter_enforced=runtime_share(limit.enforced),
        status=HttpStatus(code=StatusCode(limit.status)),
        rate_limited_as_resource_exhausted=limit.exhausted,
        response_headers_to_add=headers_to_add(limit.refused),
        request_headers_to_add_when_not_enforced=headers_to_add(limit.passed),
        enable_x_ratelimit_headers=SHOWN[limit.shown],
    )


def encode_bucket(bucket: TokenBucket) -> TokenBucketMessage:
    return TokenBucketMessage(
        max_tokens=bucket.size, tokens_per_fill=bucket.fill, fill_interval=seconds(bucket.interval)
    )


def encode_descriptor(descriptor: Descriptor, bucket: TokenBucket) -> LocalRateLimitDescriptor:
    entries = [RateLimitDescriptorEntry(key=key, value=text(value)) for key, value in descriptor]
    return LocalRateLimitDescriptor(entries=entries, token_bucket=encode_bucket(bucket))


def encode_limit(limit: Limit, own: bool = False) -> RateLimit:
    """A limit; one of the filter's own has no stage."""
    return RateLimit(
        stage=None if own else limit.stage,
        actions=[encode_action(each) for each in limit.actions],
        hits_addend=encode_hits(limit),
    )


def encode_hits(limit: Limit) -> RateLimitHitsAddend | None:
    return RateLimitHitsAddend(limit.hits, limit.form) if limit.hits is not None or limit.form else None


def encode_action(action: Action) -> RateLimitAction:
    """Raises Rejected for an action of our own."""
    match action:
        case Fixed(key, value):
            return RateLimitAction(
                generic_key=RateLimitActionGenericKey(descriptor_key=key, descriptor_value=text(value))
            )
        case OfMetadata((filter_name, *steps), key, default, optional):
            path = [MetadataKeyPathSegment(key=step) for step in steps]
            metadata = RateLimitActionMetaData(
                descriptor_key=key,
                metadata_key=MetadataKey(key=filter_name, path=path),
                default_value=default,
                skip_if_absent=optional,
            )
            return RateLimitAction(metadata=metadata)
        case OfHeader(name, key, optional):
            header = RateLimitActionRequestHeaders(header_name=text(name), descriptor_key=key, skip_if_absent=optional)
            return RateLimitAction(request_headers=header)
        case OfQuery(name, key, optional):
            query = RateLimitActionQueryParameters(
                query_parameter_name=text(name), descriptor_key=key, skip_if_absent=optional
            )
            return RateLimitAction(query_parameters=query)
        case OfAddress(None):
            return RateLimitAction(remote_address=RateLimitActionRemoteAddress())
        case OfAddress((v4, v6)):
            mask = RateLimitActionMaskedRemoteAddress(v4_prefix_mask_len=v4, v6_prefix_mask_len=v6)
            return RateLimitAction(masked_remote_address=mask)
        case OfCluster():
            return RateLimitAction(destination_cluster=RateLimitActionDestinationCluster())
        case OfMatch():
            return encode_condition(action)
    raise Rejected(type(action).__name__, "rate_limits", "xDS has no such action")


def encode_condition(action: OfMatch) -> RateLimitAction:
    asked = [encode_question(question) for question in action.questions]
    headers = [each for each in asked if isinstance(each, HeaderMatcher)]
    queries = [each for each in asked if isinstance(each, QueryParameterMatcher)]
    key, value = action.key, text(action.value)
    if headers:
        by_header = RateLimitActionHeaderValueMatch(
            descriptor_key=key, descriptor_value=value, expect_match=action.expected, headers=headers
        )
        return RateLimitAction(header_value_match=by_header)
    by_query = RateLimitActionQueryParameterValueMatch(
        descriptor_key=key, descriptor_value=value, expect_match=action.expected, query_parameters=queries
    )
    return RateLimitAction(query_parameter_value_match=by_query)
