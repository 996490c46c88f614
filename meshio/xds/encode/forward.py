"""Forward -> RouteAction: where a request goes, how often, how long, and what is rewritten."""

from meshio.balancing.hashing import HashCookie, HashHeader, HashPolicy, HashQuery, HashSourceIp, HashState
from meshio.errors import Rejected
from meshio.resilience.streams import StreamDuration
from meshio.routing.alteration import RemoveMatching, Step
from meshio.routing.mutation import HeaderValue
from meshio.routing.rewrite import (
    HostFormat,
    HostFromHeader,
    HostFromPath,
    HostLiteral,
    HostOfEndpoint,
    HostRewrite,
    PathRewrite,
    PrefixRewrite,
    RegexRewrite,
)
from meshio.routing.route import ByHash, ByHeader, Forward, Mirror, WeightedCluster
from meshio.routing.template import TemplateRewrite
from meshio.xds.encode.filters import encode_overrides
from meshio.xds.encode.follow import encode_follow
from meshio.xds.encode.labels import with_labels
from meshio.xds.encode.limits import encode_limit
from meshio.xds.encode.parts import (
    extension,
    header_to_add,
    headers_to_add,
    never_none,
    runtime_share,
    seconds,
    substitution,
)
from meshio.xds.encode.retry import encode_hedge, encode_retry
from meshio.xds.encode.text import encode_text
from meshio.xds.proto.envoy.config.common.mutation_rules.v3 import HeaderMutation as MutationMessage
from meshio.xds.proto.envoy.config.common.mutation_rules.v3 import HeaderMutationRemoveOnMatch
from meshio.xds.proto.envoy.config.core.v3 import RoutingPriority
from meshio.xds.proto.envoy.config.route.v3 import (
    RouteAction,
    RouteActionClusterNotFoundResponseCode,
    RouteActionHashPolicy,
    RouteActionHashPolicyConnectionProperties,
    RouteActionHashPolicyCookie,
    RouteActionHashPolicyCookieAttribute,
    RouteActionHashPolicyFilterState,
    RouteActionHashPolicyHeader,
    RouteActionHashPolicyQueryParameter,
    RouteActionMaxStreamDuration,
    RouteActionRequestMirrorPolicy,
    RouteActionUpgradeConfig,
    WeightedClusterClusterWeight,
)
from meshio.xds.proto.envoy.config.route.v3 import WeightedCluster as WeightedClusterMessage
from meshio.xds.proto.envoy.extensions.path.rewrite.uri_template.v3 import UriTemplateRewriteConfig

REWRITE_TEMPLATE = "envoy.path.rewrite.uri_template.uri_template_rewriter"
MISSING_CLUSTER = {
    503: RouteActionClusterNotFoundResponseCode.SERVICE_UNAVAILABLE,
    404: RouteActionClusterNotFoundResponseCode.NOT_FOUND,
    500: RouteActionClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR,
}


def encode_forward(forward: Forward) -> RouteAction:
    encoded = RouteAction(
        timeout=never_none(forward.timeout),
        max_grpc_timeout=seconds(forward.max_grpc_timeout),
        grpc_timeout_offset=seconds(forward.grpc_offset or None),
        idle_timeout=seconds(forward.idle_timeout),
        max_stream_duration=encode_duration(forward.duration) if forward.duration else None,
        retry_policy=encode_retry(forward.retry) if forward.retry else None,
        hedge_policy=encode_hedge(forward.retry),
        request_mirror_policies=[encode_mirror(mirror) for mirror in forward.mirrors],
        hash_policy=[encode_hash_policy(policy) for policy in forward.hash_policies],
        cluster_not_found_response_code=MISSING_CLUSTER[forward.missing_cluster_status],
        rate_limits=[encode_limit(each) for each in forward.rate_limits],
        include_vh_rate_limits=True if forward.include_host_limits else None,
        priority=RoutingPriority.HIGH if forward.high else RoutingPriority.DEFAULT,
        upgrade_configs=[RouteActionUpgradeConfig(kind, enabled) for kind, enabled in forward.upgrades],
    )
    set_clusters(encoded, forward)
    set_path_rewrite(encoded, forward.path_rewrite)
    set_host_rewrite(encoded, forward.host_rewrite)
    encoded.path_rewrite = forward.path_format.text if forward.path_format else ""
    encoded.append_x_forwarded_host = forward.forwards_host
    encoded.internal_redirect_policy = encode_follow(forward.follow)
    return encoded


def encode_duration(duration: StreamDuration) -> RouteActionMaxStreamDuration:
    return RouteActionMaxStreamDuration(
        max_stream_duration=seconds(duration.longest),
        grpc_timeout_header_max=seconds(duration.header_max),
        grpc_timeout_header_offset=seconds(duration.header_offset or None),
    )


def set_clusters(encoded: RouteAction, forward: Forward) -> None:
    """A single cluster without anything of its own is named directly, as istiod does."""
    only = forward.clusters[0] if len(forward.clusters) == 1 and forward.draw is None else None
    if only is not None and only == WeightedCluster(only.name):
        encoded.cluster = only.name
    elif only is not None and only == WeightedCluster("", header=only.header):
        encoded.cluster_header = only.header
    else:
        clusters = [encode_cluster(each) for each in forward.clusters]
        encoded.weighted_clusters = WeightedClusterMessage(clusters=clusters)
        match forward.draw:
            case ByHeader(name):
                encoded.weighted_clusters.header_name = name
            case ByHash():
                encoded.weighted_clusters.use_hash_policy = True


def encode_cluster(cluster: WeightedCluster) -> WeightedClusterClusterWeight:
    """Raises Rejected: of the host rewrites, xDS knows only the literal one here."""
    requests, responses = cluster.request_headers, cluster.response_headers
    encoded = WeightedClusterClusterWeight(
        name=cluster.name,
        cluster_header=cluster.header,
        weight=cluster.weight,
        request_headers_to_add=headers_to_add(requests),
        request_headers_to_remove=list(requests.remove),
        response_headers_to_add=headers_to_add(responses),
        response_headers_to_remove=list(responses.remove),
        metadata_match=with_labels(None, cluster.wanted),
        typed_per_filter_config=encode_overrides(cluster.overrides),
    )
    match cluster.host_rewrite:
        case HostLiteral(value):
            encoded.host_rewrite_literal = value
        case None:
            pass
        case other:
            raise Rejected(cluster.name, "host_rewrite", f"a weighted cluster cannot have {other}")
    return encoded


def encode_mirror(mirror: Mirror) -> RouteActionRequestMirrorPolicy:
    return RouteActionRequestMirrorPolicy(
        cluster=mirror.cluster,
        runtime_fraction=runtime_share(mirror.share),
        disable_shadow_host_suffix_append=not mirror.host_suffix,
        trace_sampled=False,
        cluster_header=mirror.header,
        request_headers_mutations=[encode_step(step) for step in mirror.changes],
        host_rewrite_literal=mirror.host,
    )


def encode_step(step: Step) -> MutationMessage:
    match step:
        case HeaderValue():
            return MutationMessage(append=header_to_add(step))
        case RemoveMatching(names):
            return MutationMessage(remove_on_match=HeaderMutationRemoveOnMatch(encode_text(names)))
    return MutationMessage(remove=step)


def encode_hash_policy(policy: HashPolicy) -> RouteActionHashPolicy:
    encoded = RouteActionHashPolicy(terminal=policy.terminal)
    match policy:
        case HashHeader():
            rewrite = substitution(policy.pattern, policy.substitution) if policy.pattern else None
            encoded.header = RouteActionHashPolicyHeader(header_name=policy.name, regex_rewrite=rewrite)
        case HashCookie():
            encoded.cookie = RouteActionHashPolicyCookie(
                name=policy.name,
                ttl=seconds(policy.ttl),
                path=policy.path,
                attributes=[RouteActionHashPolicyCookieAttribute(*each) for each in policy.attributes],
            )
        case HashSourceIp():
            encoded.connection_properties = RouteActionHashPolicyConnectionProperties(source_ip=True)
        case HashQuery():
            encoded.query_parameter = RouteActionHashPolicyQueryParameter(name=policy.name)
        case HashState():
            encoded.filter_state = RouteActionHashPolicyFilterState(key=policy.key)
    return encoded


def set_path_rewrite(encoded: RouteAction, rewrite: PathRewrite | None) -> None:
    match rewrite:
        case PrefixRewrite(value):
            encoded.prefix_rewrite = value
        case RegexRewrite(pattern, replacement):
            encoded.regex_rewrite = substitution(pattern, replacement)
        case TemplateRewrite(template):
            encoded.path_rewrite_policy = extension(
                REWRITE_TEMPLATE, UriTemplateRewriteConfig(path_template_rewrite=template)
            )


def set_host_rewrite(encoded: RouteAction, rewrite: HostRewrite | None) -> None:
    match rewrite:
        case HostLiteral(value):
            encoded.host_rewrite_literal = value
        case HostFromHeader(name):
            encoded.host_rewrite_header = name
        case HostFromPath(pattern, replacement):
            encoded.host_rewrite_path_regex = substitution(pattern, replacement)
        case HostFormat(text):
            encoded.host_rewrite = text
        case HostOfEndpoint():
            encoded.auto_host_rewrite = True
