"""What a connection manager adds in its own name -> `Hop`."""

from meshio.routing.hop import Hop, ServerHeader
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerServerHeaderTransformation,
    RequestIdExtension,
)
from meshio.xds.proto.envoy.extensions.request_id.uuid.v3 import UuidRequestIdConfig
from meshio.xds.text import one_line

UUIDS = "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig"
SERVER: dict[int, ServerHeader] = {
    HttpConnectionManagerServerHeaderTransformation.OVERWRITE: "overwrite",
    HttpConnectionManagerServerHeaderTransformation.APPEND_IF_ABSENT: "append_if_absent",
    HttpConnectionManagerServerHeaderTransformation.PASS_THROUGH: "pass_through",
}


def translate_hop(place: Place, manager: HttpConnectionManager, outbound: bool) -> Hop:
    """The settings of a connection manager that requests and answers show. Raises Rejected."""
    server = SERVER.get(manager.server_header_transformation)
    if server is None:
        raise place.rejected("is unknown", "server_header_transformation")
    if manager.request_id_extension is not None:
        check_ids(place.at("request_id_extension"), manager.request_id_extension)
    return Hop(
        makes_ids=manager.generate_request_id is not False,
        answers_id=manager.always_set_request_id_in_response,
        server=server,
        server_name=one_line(place.at("server_name"), manager.server_name) or "envoy",
        via=one_line(place.at("via"), manager.via),
        names_routes=outbound and manager.tracing is not None,
    )


def check_ids(place: Place, extension: RequestIdExtension) -> None:
    """Request ids are UUIDs; where their bits tell of tracing, ours say that there is none."""
    kind = type_of(place.at("typed_config"), extension.typed_config)
    if kind != UUIDS or extension.typed_config is None:
        raise place.rejected(f"{kind or 'an extension without a type'} is not supported", "typed_config")
    open_message(place.at("typed_config"), UuidRequestIdConfig, extension.typed_config.value)
