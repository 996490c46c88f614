"""Listener -> Listener, as a proxy would need it: nothing of it is bound but the listener for everything else."""

from meshio.balancing.hashing import HashPolicy, HashSourceIp, HashState
from meshio.naming.cache import NameCache
from meshio.routing.hop import ENVOY, Hop, ServerHeader, Underscores
from meshio.routing.listener import ChainMatch, EscapedSlashes, FilterChain, HttpChain, Listener, TcpChain
from meshio.routing.route import RouteTable
from meshio.routing.trust import Trust
from meshio.routing.wishes import PLAIN_ROUTER, Router
from meshio.xds.encode.dns import encode_cache
from meshio.xds.encode.filters import encode_filter, encode_upstream_filters
from meshio.xds.encode.labels import with_labels
from meshio.xds.encode.parts import address, never_none, over_ads, packed, seconds
from meshio.xds.encode.replies import encode_replies
from meshio.xds.encode.route import encode_table
from meshio.xds.proto.envoy.config.core.v3 import (
    CidrRange,
    HttpProtocolOptions,
    SchemeHeaderTransformation,
    TrafficDirection,
)
from meshio.xds.proto.envoy.config.core.v3 import HttpProtocolOptionsHeadersWithUnderscoresAction as Action
from meshio.xds.proto.envoy.config.listener.v3 import AdditionalAddress, Filter, FilterChainMatch, ListenerFilter
from meshio.xds.proto.envoy.config.listener.v3 import FilterChain as FilterChainMessage
from meshio.xds.proto.envoy.config.listener.v3 import Listener as ListenerMessage
from meshio.xds.proto.envoy.extensions.filters.http.router.v3 import Router as RouterMessage
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerInternalAddressConfig,
    HttpConnectionManagerPathWithEscapedSlashesAction,
    HttpConnectionManagerServerHeaderTransformation,
    HttpConnectionManagerUpgradeConfig,
    Rds,
)
from meshio.xds.proto.envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3 import FilterConfig as SniConfig
from meshio.xds.proto.envoy.extensions.filters.network.tcp_proxy.v3 import (
    TcpProxy,
    TcpProxyWeightedCluster,
    TcpProxyWeightedClusterClusterWeight,
)
from meshio.xds.proto.envoy.type.v3 import HashPolicy as HashPolicyMessage
from meshio.xds.proto.envoy.type.v3 import HashPolicyFilterState, HashPolicySourceIp
from meshio.xds.proto.google.protobuf import Any

EXTENSION = "type.googleapis.com/envoy.extensions.filters."
INSPECT_HTTP = ListenerFilter(
    name="envoy.filters.listener.http_inspector",
    typed_config=Any(type_url=EXTENSION + "listener.http_inspector.v3.HttpInspector"),
)
INSPECT_TLS = ListenerFilter(
    name="envoy.filters.listener.tls_inspector",
    typed_config=Any(type_url=EXTENSION + "listener.tls_inspector.v3.TlsInspector"),
)
SLASHES: dict[EscapedSlashes, HttpConnectionManagerPathWithEscapedSlashesAction] = {
    "keep": HttpConnectionManagerPathWithEscapedSlashesAction.KEEP_UNCHANGED,
    "reject": HttpConnectionManagerPathWithEscapedSlashesAction.REJECT_REQUEST,
    "redirect": HttpConnectionManagerPathWithEscapedSlashesAction.UNESCAPE_AND_REDIRECT,
    "forward": HttpConnectionManagerPathWithEscapedSlashesAction.UNESCAPE_AND_FORWARD,
}
SERVER: dict[ServerHeader, HttpConnectionManagerServerHeaderTransformation] = {
    "overwrite": HttpConnectionManagerServerHeaderTransformation.OVERWRITE,
    "append_if_absent": HttpConnectionManagerServerHeaderTransformation.APPEND_IF_ABSENT,
    "pass_through": HttpConnectionManagerServerHeaderTransformation.PASS_THROUGH,
}


UNDERSCORES: dict[Underscores, Action] = {
    "allow": Action.ALLOW,
    "refuse": Action.REJECT_REQUEST,
    "drop": Action.DROP_HEADER,
}


def encode_listener(listener: Listener) -> ListenerMessage:
    return ListenerMessage(
        name=listener.name,
        address=address(listener.address, listener.port),
        filter_chains=[encode_chain(chain) for chain in listener.chains],
        default_filter_chain=encode_chain(listener.default) if listener.default else None,
        listener_filters=inspectors(listener),
        listener_filters_timeout=never_none(None),
        continue_on_listener_filters_timeout=True,
        additional_addresses=[AdditionalAddress(address=address(*each)) for each in listener.further],
        use_original_dst=True if listener.original_destination else None,
        bind_to_port=None if listener.original_destination else False,
        traffic_direction=TrafficDirection.OUTBOUND,
    )


def inspectors(listener: Listener) -> list[ListenerFilter]:
    """What has to look into the first bytes of a connection, so that the chain matches can be answered."""
    matches = [chain.match for chain in listener.chains]
    tls = any(match.server_names or match.transport_protocol == "tls" for match in matches)
    http = any(match.application_protocols for match in matches)
    return [INSPECT_TLS] * tls + [INSPECT_HTTP] * http


def encode_chain(chain: FilterChain) -> FilterChainMessage:
    before: list[Filter] = []
    match chain.target:
        case HttpChain():
            kind, config = "http_connection_manager", packed(encode_http(chain.target))
        case TcpChain(named=named):
            kind, config = "tcp_proxy", packed(encode_tcp(chain.target))
            before = [encode_named(*named)] if named is not None else []
    return FilterChainMessage(
        name=chain.name,
        filter_chain_match=encode_chain_match(chain.match),
        filters=[*before, Filter(name=f"envoy.filters.network.{kind}", typed_config=config)],
    )


def encode_named(cache: NameCache, port: int) -> Filter:
    config = SniConfig(dns_cache_config=encode_cache(cache), port_value=port)
    return Filter(name="envoy.filters.network.sni_dynamic_forward_proxy", typed_config=packed(config))


def encode_chain_match(match: ChainMatch) -> FilterChainMatch | None:
    if match == ChainMatch():
        return None
    return FilterChainMatch(
        destination_port=match.port,
        prefix_ranges=[encode_prefix(prefix) for prefix in match.prefixes],
        server_names=list(match.server_names),
        transport_protocol=match.transport_protocol,
        application_protocols=list(match.application_protocols),
    )


def encode_prefix(prefix: str) -> CidrRange:
    network, _, length = prefix.partition("/")
    return CidrRange(address_prefix=network, prefix_len=int(length))


def encode_http(chain: HttpChain) -> HttpConnectionManager:
    encoded = HttpConnectionManager(
        stat_prefix=chain.stat_prefix,
        strip_matching_host_port=chain.ports == "matching",
        strip_trailing_host_dot=chain.strip_dot,
        http_filters=[encode_filter(each) for each in chain.filters],
        normalize_path=chain.paths.normalize,
        merge_slashes=chain.paths.merge_slashes,
        path_with_escaped_slashes_action=SLASHES[chain.paths.escaped_slashes],
        upgrade_configs=[HttpConnectionManagerUpgradeConfig(upgrade_type=name) for name in sorted(chain.upgrades)],
        use_remote_address=chain.hop.trust.use_remote,
        internal_address_config=encode_trust(chain.hop.trust),
        skip_xff_append=not chain.hop.trust.appends,
        proxy_100_continue=True,
        stream_idle_timeout=never_none(chain.limits.idle),
    )
    if chain.limits.longest is not None or chain.hop.underscores != "allow":
        encoded.common_http_protocol_options = HttpProtocolOptions(
            max_stream_duration=seconds(chain.limits.longest),
            headers_with_underscores_action=UNDERSCORES[chain.hop.underscores],
        )
    set_router(encoded, chain.router)
    set_hop(encoded, chain.hop)
    encoded.local_reply_config = encode_replies(chain.replies)
    if chain.ports == "any":
        encoded.strip_any_host_port = True
    if isinstance(chain.routes, RouteTable):
        encoded.route_config = encode_table(chain.routes)
    else:
        encoded.rds = Rds(config_source=over_ads(), route_config_name=chain.routes)
    return encoded


def encode_trust(trust: Trust) -> HttpConnectionManagerInternalAddressConfig | None:
    if not trust.networks:
        return None
    return HttpConnectionManagerInternalAddressConfig(cidr_ranges=[encode_prefix(each) for each in trust.networks])


def set_router(encoded: HttpConnectionManager, router: Router) -> None:
    """The last filter says how the router goes about it."""
    if router != PLAIN_ROUTER:
        encoded.http_filters[-1].typed_config = packed(
            RouterMessage(
                respect_expected_rq_timeout=router.respects,
                suppress_envoy_headers=router.suppresses,
                strict_check_headers=sorted(name.decode() for name in router.strict),
                upstream_http_filters=encode_upstream_filters(router.filters),
            )
        )


def set_hop(encoded: HttpConnectionManager, hop: Hop) -> None:
    encoded.generate_request_id = None if hop.makes_ids else False
    encoded.always_set_request_id_in_response = hop.answers_id
    encoded.server_header_transformation = SERVER[hop.server]
    encoded.server_name = "" if hop.server_name == ENVOY.server_name else hop.server_name
    encoded.via = hop.via
    encoded.tracing = b"" if hop.names_routes else None
    encoded.append_x_forwarded_port = hop.tells_port
    if hop.scheme:
        encoded.scheme_header_transformation = SchemeHeaderTransformation(scheme_to_overwrite=hop.scheme)


def encode_tcp(chain: TcpChain) -> TcpProxy:
    encoded = TcpProxy(stat_prefix=chain.stat_prefix, hash_policy=[encode_hash(each) for each in chain.hash_policies])
    if len(chain.clusters) == 1 and chain.clusters[0].weight == 1:
        encoded.cluster = chain.clusters[0].name
        encoded.metadata_match = with_labels(None, chain.clusters[0].wanted)
    else:
        weights = [
            TcpProxyWeightedClusterClusterWeight(
                name=each.name, weight=each.weight, metadata_match=with_labels(None, each.wanted)
            )
            for each in chain.clusters
        ]
        encoded.weighted_clusters = TcpProxyWeightedCluster(clusters=weights)
    return encoded


def encode_hash(policy: HashPolicy) -> HashPolicyMessage:
    """Raises ValueError for what no connection can be hashed by."""
    match policy:
        case HashSourceIp():
            return HashPolicyMessage(source_ip=HashPolicySourceIp())
        case HashState():
            return HashPolicyMessage(filter_state=HashPolicyFilterState(key=policy.key))
    raise ValueError(f"a connection cannot be hashed by {policy}")
