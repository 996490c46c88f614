"""HTTP filters: which are known, what they become, and how a route overrides them.

Every filter in the list of the connection manager is in this table, is optional, or rejects the listener:
a filter that is left out may be the one that denies a request.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from meshio.message import Layer
from meshio.resilience.fault import Fault, Fraction
from meshio.routing.cors import ALL
from meshio.routing.cors import Cors as CorsLayer
from meshio.xds.duration import positive
from meshio.xds.extension import open_message, type_of
from meshio.xds.matching import fraction, percent, text
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.route.v3 import FilterConfig
from meshio.xds.proto.envoy.extensions.filters.http.cors.v3 import Cors, CorsPolicy
from meshio.xds.proto.envoy.extensions.filters.http.fault.v3 import FaultAbort, HttpFault
from meshio.xds.proto.envoy.extensions.filters.http.router.v3 import Router
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.text import one_line

Translate = Callable[[Place, bytes], Layer | None]

ROUTER = "envoy.extensions.filters.http.router.v3.Router"
FAULT = "envoy.extensions.filters.http.fault.v3.HTTPFault"
CORS_POLICY = "envoy.extensions.filters.http.cors.v3.CorsPolicy"
FAULT_NAME = "envoy.filters.http.fault"
FILTER_CONFIG = "envoy.config.route.v3.FilterConfig"
NO_FAULT = Fault()
"""What a route says that wants none of the listener's faults."""


def translate_fault(place: Place, raw: bytes) -> Fault | None:
    """A fault filter's config; None when it does nothing."""
    config = open_message(place, HttpFault, raw)
    delay, share = None, Fraction(0)
    if config.delay is not None:
        delay = positive(place.at("delay.fixed_delay"), config.delay.fixed_delay)
        share = percent(place.at("delay.percentage"), config.delay.percentage) if config.delay.percentage else share
    if config.abort is None:
        return Fault(delay, share) if delay is not None else None
    status, abort_share = translate_abort(place.at("abort"), config.abort)
    return Fault(delay, share, status, abort_share)


def translate_abort(place: Place, abort: FaultAbort) -> tuple[int, Fraction]:
    """Status and share of an abort."""
    if abort.http_status is None or not 200 <= abort.http_status < 600:
        raise place.rejected("must be from 200 to 599", "http_status")
    share = percent(place.at("percentage"), abort.percentage) if abort.percentage else Fraction(0)
    return abort.http_status, share


def translate_cors(place: Place, raw: bytes) -> CorsLayer:
    """A route's cross-origin policy."""
    policy = open_message(place, CorsPolicy, raw)
    matches, enabled = policy.allow_origin_string_match, policy.filter_enabled
    return CorsLayer(
        origins=tuple(text(place.at("allow_origin_string_match", i), each) for i, each in enumerate(matches)),
        methods=one_line(place.at("allow_methods"), policy.allow_methods),
        headers=one_line(place.at("allow_headers"), policy.allow_headers),
        exposed=one_line(place.at("expose_headers"), policy.expose_headers),
        max_age=one_line(place.at("max_age"), policy.max_age),
        credentials=bool(policy.allow_credentials),
        forward_unmatched=policy.forward_not_matching_preflights is not False,
        share=fraction(place.at("filter_enabled"), enabled) if enabled is not None else ALL,
    )


def check_router(place: Place, raw: bytes) -> None:
    """The last filter, which is what meshio is; its options are in the field table."""
    open_message(place, Router, raw)


def check_cors(place: Place, raw: bytes) -> None:
    """The filter itself has no settings; the rules are with the routes."""
    open_message(place, Cors, raw)


class Known(NamedTuple):
    """A filter that is accepted: translated, or without effect for `reason`."""

    translate: Translate | None = None
    reason: str = ""


FILTERS: dict[str, Known] = {
    ROUTER: Known(check_router),
    FAULT: Known(translate_fault),
    "envoy.extensions.filters.http.cors.v3.Cors": Known(check_cors),
    "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig": Known(reason="statistics"),
    "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb": Known(reason="translates for browsers"),
    "io.istio.http.peer_metadata.Config": Known(reason="tells proxies about each other, for telemetry"),
    "stats.PluginConfig": Known(reason="Istio's statistics"),
    "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig": Known(reason="ALPN is the transport's own choice"),
}
"""HTTP filters by the name of their config message."""

OVERRIDES: dict[str, Known] = {
    FAULT: Known(translate_fault),
    CORS_POLICY: Known(translate_cors),
}
"""What `typed_per_filter_config` may hold."""

ORDER: tuple[type[Layer], ...] = (Fault, CorsLayer)
"""Outermost first: istiod's order of filters."""


def translate_filters(place: Place, filters: Iterable[HttpFilter]) -> tuple[Layer, ...]:
    """The layers of a connection manager, outermost first."""
    layers = (translate_filter(place.at("http_filters", index), each) for index, each in enumerate(filters))
    return tuple(layer for layer in layers if layer is not None)


def translate_filter(place: Place, each: HttpFilter) -> Layer | None:
    """One filter: its layer, or None when it has no effect here."""
    kind = type_of(place.at("typed_config"), each.typed_config)
    known = FILTERS.get(kind)
    if known is None:
        if each.is_optional:
            return None
        raise place.rejected(f"filter {each.name!r} ({kind or 'without a type'}) is not supported")
    if known.translate is None or each.typed_config is None:
        return None
    layer = known.translate(place.at("typed_config"), each.typed_config.value)
    return None if each.disabled else layer


def translate_overrides(place: Place, *levels: dict[str, Any]) -> tuple[Layer, ...]:
    """The layers of a route from `typed_per_filter_config`, most specific level first.

    For each filter one level counts. They replace layers of the same kind that the listener's filters gave.
    """
    chosen: dict[str, Any] = {}
    for level in levels:
        for name, config in level.items():
            chosen.setdefault(name, config)
    here = place.at
    layers = (translate_override(here("typed_per_filter_config", name), name, chosen[name]) for name in sorted(chosen))
    return tuple(sorted((layer for layer in layers if layer is not None), key=lambda layer: ORDER.index(type(layer))))


def translate_override(place: Place, name: str, config: Any) -> Layer | None:
    """One filter's config at a route; `FilterConfig` wraps it or switches the filter off."""
    kind, raw, optional = type_of(place, config), config.value, False
    if kind == FILTER_CONFIG:
        wrapper = open_message(place, FilterConfig, raw)
        if wrapper.config is None or wrapper.disabled:
            return NO_FAULT if name == FAULT_NAME else None
        kind, raw, optional = type_of(place, wrapper.config), wrapper.config.value, wrapper.is_optional
    known = OVERRIDES.get(kind)
    if known is None:
        if optional:
            return None
        raise place.rejected(f"{kind or 'a config without a type'} is not supported")
    if known.translate is None:
        return None
    return known.translate(place, raw) or NO_FAULT
