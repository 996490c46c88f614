"""What happens to each field of the messages that several kinds of resources share."""

from betterproto2 import Message

from meshio.xds.proto.envoy.config.core.v3 import (
    Address,
    AggregatedConfigSource,
    CidrRange,
    ConfigSource,
    DataSource,
    EnvoyInternalAddress,
    HeaderValue,
    HeaderValueOption,
    JsonFormatOptions,
    Metadata,
    Pipe,
    RuntimeDouble,
    RuntimeFractionalPercent,
    RuntimeUInt32,
    SocketAddress,
    SubstitutionFormatString,
    TcpKeepalive,
    TransportSocket,
    TypedExtensionConfig,
)
from meshio.xds.proto.envoy.type.v3 import Percent
from meshio.xds.proto.udpa.type.v1 import TypedStruct as OldTypedStruct
from meshio.xds.proto.xds.type.v3 import TypedStruct
from meshio.xds.rule import Rules, ignored, only, read, rejected

NO_RUNTIME = "meshio has no runtime layer: the default value always holds"

CORE_FIELDS: dict[type[Message], Rules] = {
    Address: {
        **read("socket_address"),
        **read("pipe"),
        **rejected("only addresses that the system can connect to", "envoy_internal_address"),
    },
    SocketAddress: {
        **read("address", "port_value"),
        **only((0,), "only TCP is spoken", "protocol"),
        **rejected("named ports are not resolved", "named_port"),
        **rejected("custom resolvers are not supported", "resolver_name"),
        **ignored("addresses are used as they are written", "ipv4_compat"),
        **rejected("one network namespace per process", "network_namespace_filepath"),
    },
    Pipe: {**read("path"), **ignored("of sockets that are listened to", "mode")},
    EnvoyInternalAddress: rejected("there are no listeners inside of a client", "server_listener_name", "endpoint_id"),
    ConfigSource: {
        **read("ads"),
        **rejected("everything comes over the one ADS stream", "path", "path_config_source", "api_config_source"),
        **rejected("everything comes over the one ADS stream", "authorities"),
        **ignored("the same stream under another name", "self"),
        **ignored("a snapshot waits for what it names, within `ready_timeout`", "initial_fetch_timeout"),
        **only((0, 2), "only version 3 of the API is spoken", "resource_api_version"),
    },
    AggregatedConfigSource: {},
    CidrRange: read("address_prefix", "prefix_len"),
    DataSource: {
        **read("filename", "inline_bytes", "inline_string", "environment_variable"),
        **ignored("files are read once, when the resource arrives", "watched_directory"),
    },
    HeaderValueOption: read("header", "append", "append_action", "keep_empty_value"),
    HeaderValue: read("key", "value", "raw_value"),
    Metadata: {
        **read("filter_metadata"),
        **ignored("read by filters that meshio does not have", "typed_filter_metadata"),
    },
    RuntimeDouble: {**read("default_value"), **ignored(NO_RUNTIME, "runtime_key")},
    RuntimeFractionalPercent: {**read("default_value"), **ignored(NO_RUNTIME, "runtime_key")},
    RuntimeUInt32: {**read("default_value"), **ignored(NO_RUNTIME, "runtime_key")},
    SubstitutionFormatString: {
        **read("text_format", "json_format", "text_format_source", "omit_empty_values", "content_type"),
        **rejected("commands of extensions", "formatters"),
        **ignored("keys of JSON are sorted in any case, as Envoy does it", "json_format_options"),
    },
    JsonFormatOptions: ignored("keys of JSON are sorted in any case, as Envoy does it", "sort_properties"),
    TcpKeepalive: read("keepalive_probes", "keepalive_time", "keepalive_interval"),
    TransportSocket: read("name", "typed_config"),
    TypedExtensionConfig: read("name", "typed_config"),
    Percent: read("value"),
    OldTypedStruct: read("type_url", "value"),
    TypedStruct: read("type_url", "value"),
}
