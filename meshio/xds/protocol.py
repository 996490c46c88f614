"""Which HTTP a cluster speaks, and with which limits -> `HttpOptions`."""

from typing import Literal

from meshio.upstream.cluster import HttpOptions
from meshio.xds.duration import seconds
from meshio.xds.error_match import translate_errors
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster, ClusterClusterProtocolSelection
from meshio.xds.proto.envoy.config.core.v3 import (
    Http1ProtocolOptions,
    Http1ProtocolOptionsHeaderKeyFormat,
    Http2ProtocolOptions,
    HttpProtocolOptions,
)
from meshio.xds.proto.envoy.extensions.http.header_formatters.preserve_case.v3 import PreserveCaseFormatterConfig
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions as UpstreamOptions
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptionsExplicitHttpConfig as Explicit
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptionsUseDownstreamHttpConfig as Downstream

PRESERVED = "envoy.extensions.http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig"
UPSTREAM_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
Version = Literal["http/1.1", "h2", "auto", "downstream"]


def upstream_options(place: Place, cluster: Cluster) -> UpstreamOptions:
    """The extension that says everything, or what the older fields of the cluster say in its words."""
    for name, config in cluster.typed_extension_protocol_options.items():
        here = place.at("typed_extension_protocol_options", name)
        if type_of(here, config) != UPSTREAM_OPTIONS:
            raise here.rejected(f"{config.type_url!r} is not supported")
        options = open_message(here, UpstreamOptions, config.value)
        if options.explicit_http_config is None and options.use_downstream_protocol_config is None:
            if options.auto_config is None:
                raise here.rejected("says no protocol")
        return options
    return older_options(cluster)


def older_options(cluster: Cluster) -> UpstreamOptions:
    """The fields that `typed_extension_protocol_options` replaced. Without any, HTTP/1.1."""
    h1, h2 = cluster.http_protocol_options, cluster.http2_protocol_options
    options = UpstreamOptions(
        common_http_protocol_options=cluster.common_http_protocol_options,
        upstream_http_protocol_options=cluster.upstream_http_protocol_options,
    )
    if cluster.protocol_selection == ClusterClusterProtocolSelection.USE_DOWNSTREAM_PROTOCOL:
        options.use_downstream_protocol_config = Downstream(h1, h2)
    else:
        options.explicit_http_config = Explicit(h1) if h2 is None else Explicit(None, h2)
    return options


def http_options(place: Place, cluster: Cluster, options: UpstreamOptions) -> HttpOptions:
    """Protocol version and limits of connections."""
    version, h2 = protocol(options)
    h1 = http1(options)
    common, default = options.common_http_protocol_options or HttpProtocolOptions(), HttpOptions()
    requests = common.max_requests_per_connection
    idle = seconds(place.at("common_http_protocol_options.idle_timeout"), common.idle_timeout)
    longest = seconds(place.at("common_http_protocol_options"), common.max_connection_duration)
    return HttpOptions(
        version=version,
        idle_timeout=default.idle_timeout if idle is None else idle or None,
        max_requests_per_connection=(cluster.max_requests_per_connection if requests is None else requests) or 0,
        max_connection_duration=longest or None,
        max_concurrent_streams=(h2.max_concurrent_streams or 0) if h2 is not None else 0,
        max_headers_kb=common.max_response_headers_kb or default.max_headers_kb,
        max_headers=common.max_headers_count or default.max_headers,
        max_stream_duration=seconds(
            place.at("common_http_protocol_options.max_stream_duration"), common.max_stream_duration
        )
        or None,
        errors=translate_errors(place.at("outlier_detection"), options.outlier_detection),
        proper_case=proper_case(place.at("http_protocol_options.header_key_format"), h1.header_key_format),
        whole_urls=h1.send_fully_qualified_url,
    )


def http1(options: UpstreamOptions) -> Http1ProtocolOptions:
    """The settings of HTTP/1.1, wherever they are."""
    parts = (options.explicit_http_config, options.use_downstream_protocol_config, options.auto_config)
    found = [part.http_protocol_options for part in parts if part is not None]
    return next((each for each in found if each is not None), Http1ProtocolOptions())


def proper_case(place: Place, form: Http1ProtocolOptionsHeaderKeyFormat | None) -> bool:
    """Whether header names are written in capital letters. What keeps the caller's spelling changes nothing."""
    if form is None:
        return False
    if form.stateful_formatter is not None:
        kind = type_of(place.at("stateful_formatter"), form.stateful_formatter.typed_config)
        if kind != PRESERVED or form.stateful_formatter.typed_config is None:
            raise place.rejected(f"{kind or 'a formatter without a type'} is not supported", "stateful_formatter")
        open_message(place, PreserveCaseFormatterConfig, form.stateful_formatter.typed_config.value)
        return False
    if form.proper_case_words is None:
        raise place.rejected("says nothing")
    return True


def protocol(options: UpstreamOptions) -> tuple[Version, Http2ProtocolOptions | None]:
    """Version, and the settings of HTTP/2 where it may be spoken."""
    if (auto := options.auto_config) is not None:
        return "auto", auto.http2_protocol_options
    if (downstream := options.use_downstream_protocol_config) is not None:
        return "downstream", downstream.http2_protocol_options
    explicit = options.explicit_http_config
    if explicit is not None and explicit.http2_protocol_options is not None:
        return "h2", explicit.http2_protocol_options
    return "http/1.1", None
