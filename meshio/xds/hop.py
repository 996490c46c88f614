"""What a connection manager adds in its own name -> `Hop`."""

from meshio.routing.hop import Hop, ServerHeader, Underscores
from meshio.routing.trust import NOBODY, Trust
from meshio.xds.cidr import cidr
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import HttpProtocolOptions, SchemeHeaderTransformation
from meshio.xds.proto.envoy.config.core.v3 import HttpProtocolOptionsHeadersWithUnderscoresAction as Action
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


SCHEMES = ("http", "https")
UNDERSCORES: dict[int, Underscores] = {
    Action.ALLOW: "allow",
    Action.REJECT_REQUEST: "refuse",
    Action.DROP_HEADER: "drop",
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
        trust=translate_trust(place, manager),
        scheme=translate_scheme(place.at("scheme_header_transformation"), manager.scheme_header_transformation),
        tells_port=manager.append_x_forwarded_port,
        underscores=underscores(place.at("common_http_protocol_options"), manager.common_http_protocol_options),
    )


def translate_scheme(place: Place, message: SchemeHeaderTransformation | None) -> str:
    """What the scheme is said to be; HTTP/1.1 does not say what `match_upstream` would make of it."""
    scheme = (message.scheme_to_overwrite or "") if message is not None else ""
    if message is not None and message.scheme_to_overwrite is not None and scheme not in SCHEMES:
        raise place.rejected(f"{scheme!r} is not http or https", "scheme_to_overwrite")
    return scheme


def underscores(place: Place, message: HttpProtocolOptions | None) -> Underscores:
    """What becomes of header names with underscores."""
    found = UNDERSCORES.get(message.headers_with_underscores_action) if message is not None else "allow"
    if found is None:
        raise place.rejected("is unknown", "headers_with_underscores_action")
    return found


def translate_trust(place: Place, manager: HttpConnectionManager) -> Trust:
    """Whose word counts. Without addresses that are internal it is nobody's, as in Envoy."""
    config = manager.internal_address_config
    here = place.at("internal_address_config")
    ranges = enumerate(config.cidr_ranges if config is not None else ())
    networks = tuple(cidr(here.at("cidr_ranges", index), block) for index, block in ranges)
    remote = bool(manager.use_remote_address)
    return Trust(remote, networks, not manager.skip_xff_append) if remote or networks else NOBODY


def check_ids(place: Place, extension: RequestIdExtension) -> None:
    """Request ids are UUIDs; where their bits tell of tracing, ours say that there is none."""
    kind = type_of(place.at("typed_config"), extension.typed_config)
    if kind != UUIDS or extension.typed_config is None:
        raise place.rejected(f"{kind or 'an extension without a type'} is not supported", "typed_config")
    open_message(place.at("typed_config"), UuidRequestIdConfig, extension.typed_config.value)
