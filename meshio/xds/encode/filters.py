"""HTTP filters, and what route tables say of them."""

from collections.abc import Sequence
from typing import TypeVar

from betterproto2 import Message

from meshio.access.rules import Access
from meshio.errors import Rejected
from meshio.message import Layer
from meshio.naming.cache import NameCache
from meshio.resilience.admission import Admission
from meshio.resilience.buffering import Buffer
from meshio.resilience.concurrency import Concurrency
from meshio.resilience.fault import Fault
from meshio.resilience.named_host import NamedHost
from meshio.routing.alteration import Alteration
from meshio.routing.conditional import Conditional, Skipping
from meshio.routing.cors import Cors
from meshio.routing.filters import Filter, Override, Overrides
from meshio.routing.rate_limit import LocalRateLimit
from meshio.routing.session import StatefulSession
from meshio.xds.conditional import SKIP
from meshio.xds.encode.access import encode_access, encode_asked
from meshio.xds.encode.alteration import encode_mutations
from meshio.xds.encode.dns import encode_cache
from meshio.xds.encode.limits import encode_rate_limit
from meshio.xds.encode.parts import packed, runtime_share, seconds, share
from meshio.xds.encode.session import encode_route_session, encode_session
from meshio.xds.encode.shedding import encode_admission, encode_concurrency
from meshio.xds.encode.text import encode_text
from meshio.xds.encode.tree import encode_tree
from meshio.xds.extension import PREFIX
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.config.route.v3 import CorsPolicy as OlderCorsPolicy
from meshio.xds.proto.envoy.config.route.v3 import FilterConfig
from meshio.xds.proto.envoy.extensions.common.matching.v3 import ExtensionWithMatcher, ExtensionWithMatcherPerRoute
from meshio.xds.proto.envoy.extensions.filters.common.fault.v3 import (
    FaultDelay,
    FaultDelayHeaderDelay,
    FaultRateLimit,
    FaultRateLimitFixedLimit,
    FaultRateLimitHeaderLimit,
)
from meshio.xds.proto.envoy.extensions.filters.http.buffer.v3 import Buffer as BufferMessage
from meshio.xds.proto.envoy.extensions.filters.http.buffer.v3 import BufferPerRoute
from meshio.xds.proto.envoy.extensions.filters.http.cors.v3 import Cors as CorsMessage
from meshio.xds.proto.envoy.extensions.filters.http.cors.v3 import CorsPolicy
from meshio.xds.proto.envoy.extensions.filters.http.dynamic_forward_proxy.v3 import FilterConfig as NamedConfig
from meshio.xds.proto.envoy.extensions.filters.http.dynamic_forward_proxy.v3 import PerRouteConfig
from meshio.xds.proto.envoy.extensions.filters.http.fault.v3 import FaultAbort, FaultAbortHeaderAbort, HttpFault
from meshio.xds.proto.envoy.extensions.filters.http.header_mutation.v3 import HeaderMutation, HeaderMutationPerRoute
from meshio.xds.proto.envoy.extensions.filters.http.rbac.v3 import RbacPerRoute
from meshio.xds.proto.envoy.extensions.filters.http.router.v3 import Router
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.proto.udpa.type.v1 import TypedStruct
from meshio.xds.upstream_filters import CODEC

WITHOUT_LAYER = {
    "envoy.filters.http.router": packed(Router()),
    "envoy.filters.http.grpc_stats": Any(
        type_url="type.googleapis.com/envoy.extensions.filters.http.grpc_stats.v3.FilterConfig"
    ),
}
Policy = TypeVar("Policy", CorsPolicy, OlderCorsPolicy)


def encode_filter(each: Filter) -> HttpFilter:
    """A filter of a listener. Those without effect on a client are optional, so that a plain Envoy passes over them."""
    if each.layer is not None:
        return HttpFilter(name=each.name, typed_config=packed(encode_config(each.layer)), disabled=each.disabled)
    config = WITHOUT_LAYER.get(each.name)
    if config is not None:
        return HttpFilter(name=each.name, typed_config=config, disabled=each.disabled)
    stand_in = packed(TypedStruct(type_url=f"meshio/{each.name}"))
    return HttpFilter(name=each.name, typed_config=stand_in, is_optional=True, disabled=each.disabled)


def encode_upstream_filters(filters: Sequence[Filter]) -> list[HttpFilter]:
    """Those behind the choice of a host, and the codec that they have to end with."""
    if not filters:
        return []
    return [*map(encode_filter, filters), HttpFilter("envoy.filters.http.upstream_codec", Any(type_url=PREFIX + CODEC))]


def encode_config(layer: Layer) -> Message:
    """What a listener says of a filter. Raises Rejected for a layer of our own."""
    match layer:
        case Fault():
            return encode_fault(layer)
        case Cors():
            return CorsMessage()
        case Buffer(limit):
            return BufferMessage(max_request_bytes=limit)
        case Alteration():
            return HeaderMutation(
                mutations=encode_mutations(layer), most_specific_header_mutations_wins=layer.most_specific_wins
            )
        case LocalRateLimit():
            return encode_rate_limit(layer)
        case Access():
            return encode_access(layer)
        case Admission():
            return encode_admission(layer)
        case Concurrency():
            return encode_concurrency(layer)
        case StatefulSession():
            return encode_session(layer)
        case NamedHost(NameCache() as cache):
            return NamedConfig(dns_cache_config=encode_cache(cache))
        case Conditional(inner, skip):
            tree = encode_tree(skip, encode_skip) if skip is not None else None
            config = TypedExtensionConfig("inner", packed(encode_config(inner)))
            return ExtensionWithMatcher(xds_matcher=tree, extension_config=config)
    raise Rejected(type(layer).__name__, "layers", "xDS has no such filter")


def encode_skip(action: None) -> Any:
    return Any(type_url=PREFIX + SKIP)


def encode_overrides(overrides: Overrides) -> dict[str, Any]:
    return {each.name: encode_override(each) for each in overrides if not is_older(each)}


def is_older(override: Override) -> bool:
    """Whether it has a field of its own in routes and virtual hosts."""
    return isinstance(override.layer, Cors) and override.layer.older


def encode_older(overrides: Overrides) -> OlderCorsPolicy | None:
    layers = [each.layer for each in overrides if is_older(each)]
    return next((encode_cors(layer, OlderCorsPolicy) for layer in layers if isinstance(layer, Cors)), None)


def encode_override(override: Override) -> Any:
    if override.disabled or override.layer is None:
        return packed(FilterConfig(disabled=True))
    return packed(encode_level(override.layer))


def encode_level(layer: Layer) -> Message:
    """What a level of a route table says of a filter. Raises Rejected for a layer that has no levels."""
    match layer:
        case Skipping(skip):
            return ExtensionWithMatcherPerRoute(encode_tree(skip, encode_skip))
        case Fault():
            return encode_fault(layer)
        case Cors():
            return encode_cors(layer, CorsPolicy)
        case Buffer(None):
            return BufferPerRoute(disabled=True)
        case Buffer(limit):
            return BufferPerRoute(buffer=BufferMessage(max_request_bytes=limit))
        case Alteration():
            return HeaderMutationPerRoute(mutations=encode_mutations(layer))
        case LocalRateLimit():
            return encode_rate_limit(layer)
        case Access(None):
            return RbacPerRoute()
        case Access():
            return RbacPerRoute(rbac=encode_access(layer))
        case StatefulSession():
            return encode_route_session(layer)
        case NamedHost(None, host, ""):
            return PerRouteConfig(host_rewrite_literal=host)
        case NamedHost(None, _, header):
            return PerRouteConfig(host_rewrite_header=header)
    raise Rejected(type(layer).__name__, "layers", "xDS has no such filter")


def encode_cors(cors: Cors, message: type[Policy]) -> Policy:
    return message(
        allow_origin_string_match=[encode_text(origin) for origin in cors.origins],
        allow_methods=cors.methods,
        allow_headers=cors.headers,
        expose_headers=cors.exposed,
        max_age=cors.max_age,
        allow_credentials=cors.credentials,
        filter_enabled=runtime_share(cors.share),
        forward_not_matching_preflights=cors.forward_unmatched,
        allow_private_network_access=cors.private_network,
    )


def encode_fault(fault: Fault) -> HttpFault:
    return HttpFault(
        delay=encode_delay(fault),
        abort=encode_abort(fault),
        response_rate_limit=encode_rate(fault),
        upstream_cluster=fault.cluster,
        headers=[encode_asked(each) for each in fault.headers],
        downstream_nodes=sorted(fault.nodes),
        max_active_faults=fault.most,
    )


def encode_delay(fault: Fault) -> FaultDelay | None:
    if fault.delay_asked:
        return FaultDelay(header_delay=FaultDelayHeaderDelay(), percentage=share(fault.delay_share))
    if fault.delay is None:
        return None
    return FaultDelay(fixed_delay=seconds(fault.delay), percentage=share(fault.delay_share))


def encode_abort(fault: Fault) -> FaultAbort | None:
    percentage = share(fault.abort_share)
    if fault.abort_asked:
        return FaultAbort(header_abort=FaultAbortHeaderAbort(), percentage=percentage)
    if fault.grpc_abort is not None:
        return FaultAbort(grpc_status=fault.grpc_abort, percentage=percentage)
    return FaultAbort(http_status=fault.abort, percentage=percentage) if fault.abort is not None else None


def encode_rate(fault: Fault) -> FaultRateLimit | None:
    percentage = share(fault.rate_share)
    if fault.rate_asked:
        return FaultRateLimit(header_limit=FaultRateLimitHeaderLimit(), percentage=percentage)
    if fault.rate is None:
        return None
    return FaultRateLimit(fixed_limit=FaultRateLimitFixedLimit(limit_kbps=fault.rate), percentage=percentage)
