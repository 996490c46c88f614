"""BodyFormat and Rewordings -> protobuf."""

import json

from meshio.errors import Rejected
from meshio.matching import Metadata
from meshio.routing.body_format import BodyFormat
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
from meshio.xds.encode.matching import encode_match
from meshio.xds.encode.notes import encode_metadata
from meshio.xds.encode.parts import header_to_add, share
from meshio.xds.proto.envoy.config.accesslog.v3 import (
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    ComparisonFilterOp,
    GrpcStatusFilter,
    GrpcStatusFilterStatus,
    HeaderFilter,
    MetadataFilter,
    NotHealthCheckFilter,
    OrFilter,
    ResponseFlagFilter,
    RuntimeFilter,
    StatusCodeFilter,
    TraceableFilter,
)
from meshio.xds.proto.envoy.config.core.v3 import DataSource, RuntimeUInt32, SubstitutionFormatString
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import (
    LocalReplyConfig,
    ResponseMapper,
)
from meshio.xds.proto.google.protobuf import Struct

OPERATORS: dict[Comparison, ComparisonFilterOp] = {
    "EQ": ComparisonFilterOp.EQ,
    "GE": ComparisonFilterOp.GE,
    "LE": ComparisonFilterOp.LE,
    "NE": ComparisonFilterOp.NE,
}


def encode_form(form: BodyFormat | None) -> SubstitutionFormatString | None:
    if form is None:
        return None
    encoded = SubstitutionFormatString(omit_empty_values=form.omit_empty, content_type=form.content_type)
    if form.text is not None:
        encoded.text_format_source = DataSource(inline_string=form.text)
    else:
        encoded.json_format = Struct.from_dict(json.loads(form.json))
    return encoded


def encode_replies(replies: Rewordings) -> LocalReplyConfig | None:
    if replies == PLAIN_WORDS:
        return None
    return LocalReplyConfig([encode_mapper(each) for each in replies.mappers], encode_form(replies.form))


def encode_mapper(mapper: Rewording) -> ResponseMapper:
    return ResponseMapper(
        filter=encode_condition(mapper.condition),
        status_code=mapper.status,
        body=DataSource(inline_bytes=mapper.body) if mapper.body is not None else None,
        body_format_override=encode_form(mapper.form),
        headers_to_add=[header_to_add(each) for each in mapper.headers],
    )


def encode_condition(condition: Condition) -> AccessLogFilter:
    """Raises Rejected for a condition of our own."""
    match condition:
        case StatusIs(comparison, value):
            compared = ComparisonFilter(OPERATORS[comparison], RuntimeUInt32(value, "meshio"))
            return AccessLogFilter(status_code_filter=StatusCodeFilter(compared))
        case Flagged(flags):
            return AccessLogFilter(response_flag_filter=ResponseFlagFilter(sorted(flags)))
        case Asked(header):
            return AccessLogFilter(header_filter=HeaderFilter(encode_match((header,)).headers[0]))
        case GrpcIs(statuses, exclude):
            named = [GrpcStatusFilterStatus(status) for status in sorted(statuses)]
            return AccessLogFilter(grpc_status_filter=GrpcStatusFilter(named, exclude))
        case Sampled(fraction):
            return AccessLogFilter(runtime_filter=RuntimeFilter("meshio", share(fraction)))
        case Noted((name, *path), value, otherwise):
            matcher = encode_metadata(Metadata(name, tuple(path), value))
            return AccessLogFilter(metadata_filter=MetadataFilter(matcher, otherwise))
        case AllOf(()):
            return AccessLogFilter(not_health_check_filter=NotHealthCheckFilter())
        case AnyOf(()):
            return AccessLogFilter(traceable_filter=TraceableFilter())
        case AllOf(conditions):
            return AccessLogFilter(and_filter=AndFilter([encode_condition(each) for each in conditions]))
        case AnyOf(conditions):
            return AccessLogFilter(or_filter=OrFilter([encode_condition(each) for each in conditions]))
    raise Rejected("local_reply_config", "filter", f"{type(condition).__name__} is not known to xDS")
