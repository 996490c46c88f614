"""What rate limits count by: `rate_limits` of routes, virtual hosts and of the filter itself -> `Limit`."""

from meshio.resilience.descriptors import (
    MOST_HITS,
    Action,
    Fixed,
    Limit,
    OfAddress,
    OfCluster,
    OfHeader,
    OfMatch,
    OfMetadata,
    OfQuery,
)
from meshio.routing.substitution import COMMAND, compile_format
from meshio.xds.matching import header_matcher, query_matcher
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.route.v3 import (
    RateLimit,
    RateLimitAction,
    RateLimitActionHeaderValueMatch,
    RateLimitActionMaskedRemoteAddress,
    RateLimitActionMetaData,
    RateLimitActionMetaDataSource,
    RateLimitActionQueryParameterValueMatch,
    RateLimitHitsAddend,
)
from meshio.xds.proto.envoy.type.metadata.v3 import MetadataKey
from meshio.xds.text import token

LAST_STAGE = 10
WHOLE = (32, 128)  # bits of an address


def translate_limits(place: Place, field: str, limits: list[RateLimit]) -> tuple[Limit, ...]:
    """Those of a route or a virtual host. One with a `disable_key` is for runtimes that say otherwise: Envoy's local
    rate limit passes over it."""
    found = [(translate_limit(place.at(field, index), each), each) for index, each in enumerate(limits)]
    return tuple(limit for limit, each in found if not each.disable_key)


def translate_own(place: Place, field: str, limits: list[RateLimit]) -> tuple[Limit, ...]:
    """Those of the filter itself, which have no stage and no key."""
    for index, each in enumerate(limits):
        if each.stage is not None or each.disable_key:
            raise place.at(field, index).rejected("stage and disable_key are for routes")
        if each.apply_on_stream_done:
            raise place.at(field, index).rejected("limits at the end of a request are not supported")
    return tuple(translate_limit(place.at(field, index), each) for index, each in enumerate(limits))


def translate_limit(place: Place, limit: RateLimit) -> Limit:
    if not limit.actions:
        raise place.rejected("says nothing to count by", "actions")
    stage = limit.stage or 0
    if stage > LAST_STAGE:
        raise place.rejected(f"must be at most {LAST_STAGE}", "stage")
    hits, form = translate_hits(place.at("hits_addend"), limit.hits_addend)
    actions = tuple(translate_action(place.at("actions", i), each) for i, each in enumerate(limit.actions))
    return Limit(actions, stage, hits, form)


def translate_hits(place: Place, given: RateLimitHitsAddend | None) -> tuple[int | None, str]:
    """How many tokens a request takes: a number, or one substitution command that says it."""
    if given is None:
        return None, ""
    if given.number is not None and given.number > MOST_HITS:
        raise place.rejected(f"must be at most {MOST_HITS}", "number")
    if given.format:
        command = COMMAND.fullmatch(given.format)
        if given.number is not None or command is None or command[1] is None:
            raise place.rejected("must be one command and nothing else, without a number beside it", "format")
        compile_format("rate limit", "format", given.format)
    return given.number, given.format


def translate_action(place: Place, action: RateLimitAction) -> Action:
    """One entry of a descriptor."""
    if action.destination_cluster is not None:
        return OfCluster()
    if (header := action.request_headers) is not None:
        name = token(place.at("request_headers.header_name"), header.header_name)
        key = needed(place, "request_headers.descriptor_key", header.descriptor_key)
        return OfHeader(name.encode(), key, header.skip_if_absent)
    if (query := action.query_parameters) is not None:
        name = needed(place, "query_parameters.query_parameter_name", query.query_parameter_name)
        key = needed(place, "query_parameters.descriptor_key", query.descriptor_key)
        return OfQuery(name.encode(), key, query.skip_if_absent)
    if action.remote_address is not None:
        return OfAddress()
    if (generic := action.generic_key) is not None:
        value = needed(place, "generic_key.descriptor_value", generic.descriptor_value)
        return Fixed(generic.descriptor_key or "generic_key", value.encode())
    return translate_condition(place, action)


def translate_condition(place: Place, action: RateLimitAction) -> Action:
    """The rarer ones."""
    if (match := action.header_value_match) is not None:
        return of_headers(place.at("header_value_match"), match)
    if (match_query := action.query_parameter_value_match) is not None:
        return of_queries(place.at("query_parameter_value_match"), match_query)
    if (mask := action.masked_remote_address) is not None:
        return masked(place.at("masked_remote_address"), mask)
    if (metadata := action.metadata) is not None:
        return of_metadata(place.at("metadata"), metadata)
    raise place.rejected("says nothing to count by")


def of_headers(place: Place, match: RateLimitActionHeaderValueMatch) -> OfMatch:
    if not match.headers:
        raise place.rejected("must not be empty", "headers")
    questions = tuple(header_matcher(place.at("headers", i), each) for i, each in enumerate(match.headers))
    value = needed(place, "descriptor_value", match.descriptor_value)
    return OfMatch(match.descriptor_key or "header_match", value.encode(), questions, match.expect_match is not False)


def of_queries(place: Place, match: RateLimitActionQueryParameterValueMatch) -> OfMatch:
    if not match.query_parameters:
        raise place.rejected("must not be empty", "query_parameters")
    here = enumerate(match.query_parameters)
    questions = tuple(query_matcher(place.at("query_parameters", i), each) for i, each in here)
    value = needed(place, "descriptor_value", match.descriptor_value)
    return OfMatch(match.descriptor_key or "query_match", value.encode(), questions, match.expect_match is not False)


def masked(place: Place, mask: RateLimitActionMaskedRemoteAddress) -> OfAddress:
    v4 = WHOLE[0] if mask.v4_prefix_mask_len is None else mask.v4_prefix_mask_len
    v6 = WHOLE[1] if mask.v6_prefix_mask_len is None else mask.v6_prefix_mask_len
    if v4 > WHOLE[0]:
        raise place.rejected("must be at most 32", "v4_prefix_mask_len")
    if v6 > WHOLE[1]:
        raise place.rejected("must be at most 128", "v6_prefix_mask_len")
    return OfAddress((v4, v6))


def of_metadata(place: Place, metadata: RateLimitActionMetaData) -> Action:
    """Of the request's metadata, not the route's."""
    if metadata.source != RateLimitActionMetaDataSource.DYNAMIC:
        raise place.rejected("a route's metadata is not counted by", "source")
    key = needed(place, "descriptor_key", metadata.descriptor_key)
    if metadata.metadata_key is None:
        raise place.rejected("is required", "metadata_key")
    path = metadata_path(place.at("metadata_key"), metadata.metadata_key)
    return OfMetadata(path, key, metadata.default_value, metadata.skip_if_absent)


def metadata_path(place: Place, key: MetadataKey) -> tuple[str, ...]:
    """The filter, and the way to a value in its metadata."""
    steps = (key.key, *(step.key or "" for step in key.path))
    if len(steps) < 2 or not all(steps):
        raise place.rejected("must have a key and a path, and nothing empty in it")
    return steps


def needed(place: Place, field: str, value: str) -> str:
    if not value:
        raise place.rejected("is required", field)
    return value
