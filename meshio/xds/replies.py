"""LocalReplyConfig -> `Rewordings`."""

from meshio.resilience.fault import NONE
from meshio.routing.rewording import (
    PLAIN_WORDS,
    AllOf,
    AnyOf,
    Asked,
    Comparison,
    Condition,
    Flagged,
    GrpcIs,
    Noted,
    Rewording,
    Rewordings,
    Sampled,
    StatusIs,
)
from meshio.routing.words import FLAGS, GRPC_NAMES
from meshio.xds.body_format import translate_form
from meshio.xds.content import content
from meshio.xds.matching import header_matcher, percent
from meshio.xds.mutation import added
from meshio.xds.notes import metadata_matcher
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.accesslog.v3 import (
    AccessLogFilter,
    ComparisonFilter,
    ComparisonFilterOp,
    MetadataFilter,
)
from meshio.xds.proto.envoy.data.accesslog.v3 import AccessLogType
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import (
    LocalReplyConfig,
    ResponseMapper,
)

ALWAYS, NEVER = AllOf(()), AnyOf(())
COMPARISONS: dict[int, Comparison] = {
    ComparisonFilterOp.EQ: "EQ",
    ComparisonFilterOp.GE: "GE",
    ComparisonFilterOp.LE: "LE",
    ComparisonFilterOp.NE: "NE",
}


def translate_replies(place: Place, config: LocalReplyConfig | None) -> Rewordings:
    """What the connection manager makes of local answers. Raises Rejected."""
    if config is None:
        return PLAIN_WORDS
    form = config.body_format
    return Rewordings(
        tuple(mapper(place.at("mappers", index), each) for index, each in enumerate(config.mappers)),
        translate_form(place.at("body_format"), form) if form is not None else None,
    )


def mapper(place: Place, message: ResponseMapper) -> Rewording:
    if message.filter is None:
        raise place.rejected("is required", "filter")
    status, form = message.status_code, message.body_format_override
    if status is not None and not 200 <= status < 600:
        raise place.rejected("must be from 200 to 599", "status_code")
    return Rewording(
        condition(place.at("filter"), message.filter),
        status,
        content(place.at("body"), message.body) if message.body is not None else None,
        translate_form(place.at("body_format_override"), form) if form is not None else None,
        tuple(added(place.at("headers_to_add", index), each) for index, each in enumerate(message.headers_to_add)),
    )


def condition(place: Place, chosen: AccessLogFilter) -> Condition:
    """Which answers."""
    if chosen.status_code_filter is not None:
        return comparison(place.at("status_code_filter.comparison"), chosen.status_code_filter.comparison)
    if chosen.response_flag_filter is not None:
        flags = chosen.response_flag_filter.flags
        unknown = [flag for flag in flags if flag not in FLAGS]
        if unknown:
            raise place.rejected(f"{unknown[0]!r} is no response flag", "response_flag_filter.flags")
        return Flagged(frozenset(flags))
    if chosen.header_filter is not None:
        if chosen.header_filter.header is None:
            raise place.rejected("is required", "header_filter.header")
        return Asked(header_matcher(place.at("header_filter.header"), chosen.header_filter.header))
    if chosen.and_filter is not None:
        return AllOf(several(place.at("and_filter"), chosen.and_filter.filters))
    if chosen.or_filter is not None:
        return AnyOf(several(place.at("or_filter"), chosen.or_filter.filters))
    if chosen.not_health_check_filter is not None:
        return ALWAYS
    return rarer(place, chosen)


def rarer(place: Place, chosen: AccessLogFilter) -> Condition:
    """The conditions that hardly anybody has for local answers."""
    if (grpc := chosen.grpc_status_filter) is not None:
        unknown = [status for status in grpc.statuses if status not in range(len(GRPC_NAMES))]
        if unknown:
            raise place.rejected(f"{int(unknown[0])} is unknown", "grpc_status_filter.statuses")
        return GrpcIs(frozenset(int(status) for status in grpc.statuses), grpc.exclude)
    if (runtime := chosen.runtime_filter) is not None:
        if not runtime.runtime_key:
            raise place.rejected("is required", "runtime_filter.runtime_key")
        share = runtime.percent_sampled
        return Sampled(percent(place.at("runtime_filter.percent_sampled"), share) if share is not None else NONE)
    if chosen.metadata_filter is not None:
        return noted(place.at("metadata_filter"), chosen.metadata_filter)
    if chosen.traceable_filter is not None:
        return NEVER  # no request is traced
    if (log := chosen.log_type_filter) is not None:
        return NEVER if (AccessLogType.NotSet in log.types) is log.exclude else ALWAYS
    raise place.rejected("has no condition")


def noted(place: Place, message: MetadataFilter) -> Condition:
    """What the application says beside the request."""
    otherwise = message.match_if_key_not_found is not False
    if message.matcher is None:
        return ALWAYS if otherwise else NEVER
    matcher = metadata_matcher(place.at("matcher"), message.matcher)
    return Noted((matcher.filter, *matcher.path), matcher.value, otherwise)


def several(place: Place, filters: list[AccessLogFilter]) -> tuple[Condition, ...]:
    if len(filters) < 2:
        raise place.rejected("must have at least two", "filters")
    return tuple(condition(place.at("filters", index), each) for index, each in enumerate(filters))


def comparison(place: Place, message: ComparisonFilter | None) -> StatusIs:
    if message is None:
        raise place.rejected("is required")
    if message.value is None:
        raise place.rejected("is required", "value")
    operator = COMPARISONS.get(message.op)
    if operator is None:
        raise place.rejected(f"{int(message.op)} is unknown", "op")
    return StatusIs(operator, message.value.default_value)
