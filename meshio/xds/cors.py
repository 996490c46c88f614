"""The cross-origin filter -> `Cors`."""

from meshio.routing.cors import ALL
from meshio.routing.cors import Cors as CorsLayer
from meshio.routing.filters import Override, Overrides
from meshio.xds.extension import open_message
from meshio.xds.matching import fraction, text
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.route.v3 import CorsPolicy as OlderPolicy
from meshio.xds.proto.envoy.extensions.filters.http.cors.v3 import Cors, CorsPolicy
from meshio.xds.text import one_line

CORS = "envoy.filters.http.cors"


def translate_cors(place: Place, raw: bytes) -> CorsLayer:
    """The filter itself has no settings; the rules are with the routes."""
    open_message(place, Cors, raw)
    return CorsLayer()


def translate_policy(place: Place, raw: bytes) -> CorsLayer:
    """What one level of a route table says."""
    return read_policy(place, open_message(place, CorsPolicy, raw), older=False)


def older_policy(place: Place, policy: OlderPolicy | None) -> Overrides:
    """What a route or a virtual host says in a field of its own, as if it had been said of the filter."""
    return () if policy is None else (Override(CORS, read_policy(place, policy, older=True)),)


def read_policy(place: Place, policy: CorsPolicy | OlderPolicy, older: bool) -> CorsLayer:
    """Both messages have the same fields."""
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
        older=older,
    )
