"""HTTP filters: which are known, what they become, and how a route overrides them.

Every filter in the list of the connection manager is in this table, is optional, or rejects the listener:
a filter that is left out may be the one that denies a request.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from meshio.message import Layer
from meshio.routing.filters import Filter, Override, Overrides
from meshio.xds import access, admission, alteration, buffering, conditional, dynamic_forward, rate_limit
from meshio.xds.cors import translate_cors, translate_policy
from meshio.xds.extension import TYPED_STRUCTS, open_message, type_of
from meshio.xds.fault import translate_fault
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.config.route.v3 import FilterConfig
from meshio.xds.proto.envoy.extensions.filters.http.router.v3 import Router
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.stateful import translate_route_session, translate_session
from meshio.xds.typed_struct import message_of

Translate = Callable[[Place, bytes], Layer | None]

ROUTER = "envoy.extensions.filters.http.router.v3.Router"
SESSION = "envoy.extensions.filters.http.stateful_session.v3.StatefulSession"
FAULT = "envoy.extensions.filters.http.fault.v3.HTTPFault"
RATE_LIMIT = "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit"
NAMED = "envoy.extensions.filters.http.dynamic_forward_proxy.v3"
FILTER_CONFIG = "envoy.config.route.v3.FilterConfig"


def check_router(place: Place, raw: bytes) -> None:
    """The last filter, which is what meshio is; its options are in the field table."""
    open_message(place, Router, raw)


class Known(NamedTuple):
    """A filter that is accepted: translated, or without effect for `reason`."""

    translate: Translate | None = None
    reason: str = ""


FILTERS: dict[str, Known] = {
    "envoy.extensions.filters.http.adaptive_concurrency.v3.AdaptiveConcurrency": Known(admission.translate_concurrency),
    "envoy.extensions.filters.http.admission_control.v3.AdmissionControl": Known(admission.translate_admission),
    ROUTER: Known(check_router),
    f"{NAMED}.FilterConfig": Known(dynamic_forward.translate_named),
    FAULT: Known(translate_fault),
    "envoy.extensions.filters.http.buffer.v3.Buffer": Known(buffering.translate_buffer),
    "envoy.extensions.filters.http.cors.v3.Cors": Known(translate_cors),
    "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation": Known(alteration.translate_alteration),
    RATE_LIMIT: Known(rate_limit.translate_rate_limit),
    "envoy.extensions.filters.http.rbac.v3.RBAC": Known(access.translate_access),
    SESSION: Known(translate_session),
    "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig": Known(reason="statistics"),
    "envoy.extensions.filters.http.grpc_web.v3.GrpcWeb": Known(reason="translates for browsers"),
    "io.istio.http.peer_metadata.Config": Known(reason="tells proxies about each other, for telemetry"),
    "stats.PluginConfig": Known(reason="Istio's statistics"),
    "istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig": Known(reason="ALPN is the transport's own choice"),
}
"""HTTP filters by the name of their config message."""

REFUSED: dict[str, str] = {
    "envoy.extensions.filters.http.composite.v3.Composite": "filters that a condition chooses are not supported",
}
"""HTTP filters that are refused, optional or not, and why."""

OVERRIDES: dict[str, Known] = {
    "envoy.extensions.filters.http.rbac.v3.RBACPerRoute": Known(access.translate_override),
    FAULT: Known(translate_fault),
    "envoy.extensions.filters.http.buffer.v3.BufferPerRoute": Known(buffering.translate_override),
    "envoy.extensions.filters.http.cors.v3.CorsPolicy": Known(translate_policy),
    RATE_LIMIT: Known(rate_limit.translate_override),
    "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute": Known(alteration.translate_override),
    f"{NAMED}.PerRouteConfig": Known(dynamic_forward.translate_override),
    f"{SESSION}PerRoute": Known(translate_route_session),
    f"{conditional.KIND}PerRoute": Known(conditional.translate_override),
}
"""What `typed_per_filter_config` may hold."""


def translate_filters(place: Place, filters: Iterable[HttpFilter]) -> tuple[Filter, ...]:
    """The filters of a connection manager, outermost first."""
    return tuple(translate_filter(place.at("http_filters", index), each) for index, each in enumerate(filters))


def translate_filter(place: Place, each: HttpFilter) -> Filter:
    """One filter; without a layer when it has no effect here."""
    if not each.name:
        raise place.rejected("has no name", "name")
    kind = type_of(place.at("typed_config"), each.typed_config)
    known = FILTERS.get(kind)
    if kind == conditional.KIND and each.typed_config is not None:
        here = place.at("typed_config")
        layer = conditional.translate_conditional(here, plain(here, each.typed_config), inner_layer)
        return Filter(each.name, layer, each.disabled)
    if known is None:
        if kind in REFUSED:
            raise place.rejected(f"filter {each.name!r}: {REFUSED[kind]}")
        if each.is_optional:
            return Filter(each.name, disabled=each.disabled)
        raise place.rejected(f"filter {each.name!r} ({kind or 'without a type'}) is not supported")
    if known.translate is None or each.typed_config is None:
        return Filter(each.name, disabled=each.disabled)
    layer = known.translate(place.at("typed_config"), plain(place.at("typed_config"), each.typed_config))
    return Filter(each.name, layer, each.disabled)


def inner_layer(place: Place, config: TypedExtensionConfig) -> Layer | None:
    """The filter that a condition is put in front of; None for one without effect."""
    return translate_filter(place, HttpFilter(config.name, config.typed_config)).layer


def plain(place: Place, config: Any) -> bytes:
    """The config's own message, also where a TypedStruct stands in for it."""
    kind = config.type_url.rpartition("/")[2]
    if kind not in TYPED_STRUCTS:
        return config.value
    stand_in = open_message(place, TYPED_STRUCTS[kind], config.value)
    return message_of(place, stand_in.type_url.rpartition("/")[2], stand_in.value)


def translate_overrides(place: Place, configs: Mapping[str, Any]) -> Overrides:
    """What one level of a route table says in `typed_per_filter_config`."""
    found = (translate_override(place.at("typed_per_filter_config", name), name, configs[name]) for name in configs)
    return tuple(sorted((each for each in found if each is not None), key=lambda each: each.name))


def translate_override(place: Place, name: str, config: Any) -> Override | None:
    """One filter's config at a level; `FilterConfig` wraps it or switches the filter off."""
    kind, optional = type_of(place, config), False
    if kind == FILTER_CONFIG:
        wrapper = open_message(place, FilterConfig, plain(place, config))
        if wrapper.disabled:
            return Override(name, disabled=True)
        if wrapper.config is None:
            raise place.rejected("is neither there nor disabled", "config")
        config, optional = wrapper.config, wrapper.is_optional
        kind = type_of(place, config)
    known = OVERRIDES.get(kind)
    if known is None:
        if optional:
            return None
        raise place.rejected(f"{kind or 'a config without a type'} is not supported")
    return Override(name, known.translate(place, plain(place, config)) if known.translate is not None else None)
