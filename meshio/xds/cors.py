"""The cross-origin filter -> `Cors`."""

from meshio.routing.cors import ALL
from meshio.routing.cors import Cors as CorsLayer
from meshio.xds.extension import open_message
from meshio.xds.matching import fraction, text
from meshio.xds.place import Place
from meshio.xds.proto.envoy.extensions.filters.http.cors.v3 import Cors, CorsPolicy
from meshio.xds.text import one_line


def translate_cors(place: Place, raw: bytes) -> CorsLayer:
    """The filter itself has no settings; the rules are with the routes."""
    open_message(place, Cors, raw)
    return CorsLayer()


def translate_policy(place: Place, raw: bytes) -> CorsLayer:
    """What one level of a route table says."""
    policy = open_message(place, CorsPolicy, raw)
    matches, enabled = policy.allow_origin_string_match, policy.filter_enabled
    return CorsLayer(
        origins=tuple(text(place.at("allow_origin_string_match", i), each) for i, each in enumerate(matches)),
        methods=one_line(place.at("allow_methods"), policy.allow_methods),
        headers=one_line(place.at("allow_headers"), policy.allow_headers),
        exposed=one_line(place.at("expose_headers"), policy.expose_headers),
        max_age=one_line(place.at("max_age"), policy.max_age),
        credentials=policy.allow_credentials,
        forward_unmatched=policy.forward_not_matching_preflights,
        share=fraction(place.at("filter_enabled"), enabled) if enabled is not None else ALL,
        private_network=policy.allow_private_network_access,
    )
