"""Listeners -> `Listener`. Only outbound ones: this version has no server side."""

from collections.abc import Sequence
from dataclasses import replace

from meshio.balancing.hashing import HashPolicy, HashSourceIp, HashState
from meshio.balancing.labels import Label, Labels
from meshio.naming.cache import NameCache
from meshio.resilience.streams import StreamLimits
from meshio.routing.authority import Ports
from meshio.routing.listener import (
    ChainMatch,
    EscapedSlashes,
    FilterChain,
    HttpChain,
    Listener,
    PathNormalisation,
    TcpChain,
)
from meshio.routing.route import RouteTable, WeightedCluster
from meshio.routing.wishes import STRICT, Router
from meshio.xds.cidr import cidr
from meshio.xds.duration import seconds
from meshio.xds.dynamic_forward import translate_sni
from meshio.xds.extension import open_message, type_of
from meshio.xds.hop import translate_hop
from meshio.xds.labels import wanted_labels
from meshio.xds.layers import ROUTER, translate_filters
from meshio.xds.network import PEERS, refuse_others
from meshio.xds.parse import parse
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import SocketAddress, TrafficDirection
from meshio.xds.proto.envoy.config.listener.v3 import ApiListener, Filter, FilterChainMatch
from meshio.xds.proto.envoy.config.listener.v3 import FilterChain as FilterChainMessage
from meshio.xds.proto.envoy.config.listener.v3 import Listener as ListenerMessage
from meshio.xds.proto.envoy.extensions.filters.http.router.v3 import Router as RouterMessage
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerPathWithEscapedSlashesAction,
)
from meshio.xds.proto.envoy.extensions.filters.network.tcp_proxy.v3 import TcpProxy
from meshio.xds.replies import translate_replies
from meshio.xds.route import translate_table
from meshio.xds.upstream_filters import translate_upstream_filters
from meshio.xds.wire import Malformed

MANAGER = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
SILENCE = 300.0  # seconds
TCP_PROXY = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
BY_SERVER_NAME = "envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig"
NETWORK_FILTERS = PEERS | {"stats.PluginConfig": "Istio's statistics", BY_SERVER_NAME: "clusters look names up, too"}

INBOUND_NAMES = ("xds.istio.io/grpc/lds/inbound/",)  # the GENERATOR grpc profile does not say the direction
Escaped = HttpConnectionManagerPathWithEscapedSlashesAction
ESCAPED_SLASHES: dict[int, EscapedSlashes] = {
    Escaped.IMPLEMENTATION_SPECIFIC_DEFAULT: "keep",
    Escaped.KEEP_UNCHANGED: "keep",
    Escaped.REJECT_REQUEST: "reject",
    Escaped.UNESCAPE_AND_REDIRECT: "redirect",
    Escaped.UNESCAPE_AND_FORWARD: "forward",
}


def translate_listener(name: str, raw: bytes) -> Listener | None:
    """A listener; None for an inbound one, of which nothing is looked at. Raises Rejected."""
    place = Place(name)
    try:
        message = parse(ListenerMessage, raw)
    except Malformed as error:
        raise place.rejected(f"malformed: {error}") from None
    if message.traffic_direction == TrafficDirection.INBOUND or message.name.startswith(INBOUND_NAMES):
        return None
    message = open_message(place, ListenerMessage, raw)
    address, port = bound_address(place, message)
    last, outbound = message.default_filter_chain, message.traffic_direction == TrafficDirection.OUTBOUND
    return Listener(
        name=message.name,
        address=address,
        port=port,
        chains=chains(place, message, outbound),
        default=filter_chain(place.at("default_filter_chain"), last, outbound) if last is not None else None,
        original_destination=bool(message.use_original_dst),
        further=further(place, message),
    )


def further(place: Place, message: ListenerMessage) -> tuple[tuple[str, int], ...]:
    """More addresses of the same listener."""
    found = []
    for index, each in enumerate(message.additional_addresses):
        here = place.at("additional_addresses", index).at("address")
        found.append(address_and_port(here, each.address.socket_address if each.address is not None else None))
    return tuple(found)


def bound_address(place: Place, message: ListenerMessage) -> tuple[str, int]:
    """Where Envoy would listen. An API listener may leave it out and be named `host:port`."""
    if message.address is not None:
        return address_and_port(place.at("address"), message.address.socket_address)
    host, _, port = message.name.rpartition(":")
    if message.api_listener is None or not port.isdecimal():
        raise place.rejected("is required", "address")
    return host, int(port)


def address_and_port(place: Place, address: SocketAddress | None) -> tuple[str, int]:
    """A socket address. Raises Rejected unless it is one with a port."""
    if address is None or not address.address:
        raise place.rejected("is required", "socket_address.address")
    if address.port_value is None or not 0 <= address.port_value <= 65535:
        raise place.rejected(f"{address.port_value} is not a port", "socket_address.port_value")
    return address.address, address.port_value


def chains(place: Place, message: ListenerMessage, outbound: bool) -> tuple[FilterChain, ...]:
    """The filter chains, or the one chain of an API listener."""
    if message.api_listener is not None:
        return (api_chain(place.at("api_listener"), message.api_listener, outbound),)
    each = enumerate(message.filter_chains)
    return tuple(filter_chain(place.at("filter_chains", index), chain, outbound) for index, chain in each)


def api_chain(place: Place, api: ApiListener, outbound: bool) -> FilterChain:
    """What gRPC clients are told instead of filter chains."""
    if type_of(place.at("api_listener"), api.api_listener) != MANAGER or api.api_listener is None:
        raise place.rejected("must be an HTTP connection manager", "api_listener")
    return FilterChain(http_chain(place.at("api_listener"), api.api_listener.value, outbound))


def filter_chain(place: Place, chain: FilterChainMessage, outbound: bool) -> FilterChain:
    """Filters without effect, then exactly one that takes the connection."""
    *before, last = chain.filters or [Filter()]
    refuse_others(place, before, NETWORK_FILTERS)
    target = terminal(place.at("filters", len(before)), last, outbound)
    if isinstance(target, TcpChain):
        target = replace(target, named=named_by(place, before))
    return FilterChain(
        target,
        chain_match(place.at("filter_chain_match"), chain.filter_chain_match),
        chain.name,
    )


def named_by(place: Place, filters: Sequence[Filter]) -> tuple[NameCache, int] | None:
    """What looks up the server name of a connection, if anything does."""
    for index, each in enumerate(filters):
        if each.typed_config is not None and type_of(place, each.typed_config) == BY_SERVER_NAME:
            return translate_sni(place.at("filters", index).at("typed_config"), each.typed_config.value)
    return None


def terminal(place: Place, last: Filter, outbound: bool) -> HttpChain | TcpChain:
    """The filter that takes the connection."""
    kind = type_of(place.at("typed_config"), last.typed_config)
    raw = last.typed_config.value if last.typed_config is not None else b""
    if kind == MANAGER:
        return http_chain(place.at("typed_config"), raw, outbound)
    if kind == TCP_PROXY:
        return tcp_chain(place.at("typed_config"), raw)
    raise place.rejected(f"filter {last.name!r} ({kind or 'without a type'}) is not supported as the last one")


def chain_match(place: Place, match: FilterChainMatch | None) -> ChainMatch:
    """Which connections the chain takes."""
    if match is None:
        return ChainMatch()
    return ChainMatch(
        port=match.destination_port,
        prefixes=tuple(cidr(place.at("prefix_ranges", i), each) for i, each in enumerate(match.prefix_ranges)),
        server_names=tuple(match.server_names),
        transport_protocol=match.transport_protocol,
        application_protocols=tuple(match.application_protocols),
    )


def http_chain(place: Place, raw: bytes, outbound: bool) -> HttpChain:
    """An HTTP connection manager, as far as it concerns a client."""
    manager = open_message(place, HttpConnectionManager, raw)
    escaped = ESCAPED_SLASHES.get(manager.path_with_escaped_slashes_action)
    if escaped is None:
        raise place.rejected("is unknown", "path_with_escaped_slashes_action")
    check_order(place, manager)
    return HttpChain(
        routes=routes(place, manager),
        paths=PathNormalisation(bool(manager.normalize_path), manager.merge_slashes, escaped),
        filters=translate_filters(place, manager.http_filters),
        upgrades=frozenset(each.upgrade_type for each in manager.upgrade_configs if each.enabled is not False),
        stat_prefix=manager.stat_prefix,
        ports=ports(place, manager),
        strip_dot=manager.strip_trailing_host_dot,
        hop=translate_hop(place, manager, outbound),
        replies=translate_replies(place.at("local_reply_config"), manager.local_reply_config),
        limits=stream_limits(place, manager),
        router=translate_router(place, manager),
    )


def ports(place: Place, manager: HttpConnectionManager) -> Ports:
    """Which ports are taken off the authority."""
    if manager.strip_any_host_port and manager.strip_matching_host_port:
        raise place.rejected("excludes strip_matching_host_port", "strip_any_host_port")
    if manager.strip_any_host_port:
        return "any"
    return "matching" if manager.strip_matching_host_port else "keep"


def stream_limits(place: Place, manager: HttpConnectionManager) -> StreamLimits:
    """How long a stream may last, and be silent; Envoy's default for silence is five minutes."""
    common = manager.common_http_protocol_options
    longest = common.max_stream_duration if common is not None else None
    idle = seconds(place.at("stream_idle_timeout"), manager.stream_idle_timeout)
    return StreamLimits(
        (SILENCE if idle is None else idle) or None,
        seconds(place.at("common_http_protocol_options.max_stream_duration"), longest) or None,
    )


def translate_router(place: Place, manager: HttpConnectionManager) -> Router:
    """The settings of the router filter, which is the last."""
    last = len(manager.http_filters) - 1
    here, config = place.at("http_filters", last).at("typed_config"), manager.http_filters[last].typed_config
    message = open_message(here, RouterMessage, config.value if config is not None else b"")
    strict = frozenset(name.encode() for name in message.strict_check_headers)
    if unknown := sorted(strict - STRICT):
        raise here.rejected(f"{unknown[0].decode()!r} is none that can be checked", "strict_check_headers")
    filters = translate_upstream_filters(here, "upstream_http_filters", message.upstream_http_filters)
    return Router(message.respect_expected_rq_timeout, message.suppress_envoy_headers, strict, filters)


def check_order(place: Place, manager: HttpConnectionManager) -> None:
    """The router comes last, and nowhere else (Envoy refuses anything else)."""
    kinds = [type_of(place.at("http_filters", i), each.typed_config) for i, each in enumerate(manager.http_filters)]
    if kinds.count(ROUTER) != 1 or kinds[-1] != ROUTER:
        raise place.rejected("must end with the router, and have only one", "http_filters")


def routes(place: Place, manager: HttpConnectionManager) -> str | RouteTable:
    """The name of a route table, or the table itself."""
    if manager.rds is not None:
        if not manager.rds.route_config_name:
            raise place.rejected("has no name", "rds.route_config_name")
        return manager.rds.route_config_name
    if manager.route_config is not None:
        return translate_table(place.at("route_config"), manager.route_config)
    raise place.rejected("has no routes", "rds")


def tcp_chain(place: Place, raw: bytes) -> TcpChain:
    """A TCP proxy: one cluster or several by weight."""
    proxy = open_message(place, TcpProxy, raw)
    hashes = hash_policies(place, proxy)
    if proxy.cluster:
        entry = WeightedCluster(proxy.cluster, wanted=wanted_labels(proxy.metadata_match))
        return TcpChain((entry,), proxy.stat_prefix, hashes)
    if proxy.weighted_clusters is None:
        raise place.rejected("names no cluster", "cluster")
    here = place.at("weighted_clusters")
    weighted = [each for each in proxy.weighted_clusters.clusters if each.weight]
    shared = dict(wanted_labels(proxy.metadata_match))
    clusters = tuple(
        WeightedCluster(each.name, each.weight, wanted=merged(shared, wanted_labels(each.metadata_match)))
        for each in weighted
    )
    if not clusters or not all(each.name for each in clusters):
        raise here.rejected("must name clusters, with a weight", "clusters")
    return TcpChain(clusters, proxy.stat_prefix, hashes)


def merged(shared: dict[str, Label], own: Labels) -> Labels:
    """What a cluster says of its hosts goes before what the proxy says of all of them."""
    return tuple(sorted((shared | dict(own)).items(), key=lambda pair: pair[0]))


def hash_policies(place: Place, proxy: TcpProxy) -> tuple[HashPolicy, ...]:
    """What a connection is hashed by: one thing at most, as in Envoy."""
    if len(proxy.hash_policy) > 1:
        raise place.rejected("must have at most one", "hash_policy")
    for policy in proxy.hash_policy:
        if policy.source_ip is not None:
            return (HashSourceIp(),)
        if policy.filter_state is None or not policy.filter_state.key:
            raise place.at("hash_policy", 0).rejected("names nothing to hash")
        return (HashState(policy.filter_state.key),)
    return ()
