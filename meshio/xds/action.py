"""What a route does: forward, redirect, answer."""

from collections.abc import Callable
from typing import TypeVar

from meshio.balancing.hashing import HashCookie, HashHeader, HashPolicy, HashQuery, HashSourceIp, HashState
from meshio.errors import Rejected
from meshio.matching import Matcher, PathTemplate
from meshio.resilience.retry import Retry
from meshio.resilience.streams import StreamDuration
from meshio.routing.alteration import Step
from meshio.routing.rewrite import (
    HostFormat,
    HostFromHeader,
    HostFromPath,
    HostLiteral,
    HostOfEndpoint,
    HostRewrite,
    PathFormat,
    PathRewrite,
    PrefixRewrite,
    RegexRewrite,
)
from meshio.routing.route import ALWAYS, DirectResponse, Forward, Mirror, Redirect
from meshio.routing.upgrade import Upgrades
from meshio.xds.alteration import NEEDED, steps
from meshio.xds.body_format import translate_form
from meshio.xds.content import content
from meshio.xds.descriptors import translate_limits
from meshio.xds.destination import destinations, draw
from meshio.xds.duration import seconds
from meshio.xds.limits import is_high
from meshio.xds.matching import fraction, substitution
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.route.v3 import (
    DirectResponseAction,
    RedirectAction,
    RedirectActionRedirectResponseCode,
    RouteAction,
    RouteActionClusterNotFoundResponseCode,
    RouteActionHashPolicy,
    RouteActionHashPolicyCookie,
    RouteActionMaxStreamDuration,
    RouteActionRequestMirrorPolicy,
    RouteActionUpgradeConfig,
)
from meshio.xds.proto.envoy.type.matcher.v3 import RegexMatchAndSubstitute
from meshio.xds.template import template_rewrite
from meshio.xds.text import one_line, token

F = TypeVar("F")
MOST_MUTATIONS = 1000
LONGEST_ATTRIBUTE = 16384  # bytes of a cookie attribute's name or value
DEFAULT_TIMEOUT = 15.0  # Envoy's, for a route without one
REDIRECTS: dict[int, int] = {
    RedirectActionRedirectResponseCode.MOVED_PERMANENTLY: 301,
    RedirectActionRedirectResponseCode.FOUND: 302,
    RedirectActionRedirectResponseCode.SEE_OTHER: 303,
    RedirectActionRedirectResponseCode.TEMPORARY_REDIRECT: 307,
    RedirectActionRedirectResponseCode.PERMANENT_REDIRECT: 308,
}
NOT_FOUND: dict[int, int] = {
    RouteActionClusterNotFoundResponseCode.SERVICE_UNAVAILABLE: 503,
    RouteActionClusterNotFoundResponseCode.NOT_FOUND: 404,
    RouteActionClusterNotFoundResponseCode.INTERNAL_SERVER_ERROR: 500,
}


def translate_forward(
    place: Place,
    action: RouteAction,
    retry: Retry | None,
    mirrors: list[RouteActionRequestMirrorPolicy],
    match: tuple[Matcher, ...],
) -> Forward:
    """The action of a route that matches like this.

    `retry` and `mirrors` hold where the action says nothing itself (from the virtual host).
    """
    status = NOT_FOUND.get(action.cluster_not_found_response_code)
    if status is None:
        raise place.rejected("is unknown", "cluster_not_found_response_code")
    chosen = action.request_mirror_policies or mirrors
    return Forward(
        clusters=destinations(place, action),
        timeout=route_timeout(place, action),
        retry=retry,
        path_rewrite=forward_path(place, action, match),
        host_rewrite=host_rewrite(place, action),
        path_format=path_format(place, action),
        forwards_host=action.append_x_forwarded_host,
        mirrors=tuple(mirror(place.at("request_mirror_policies", i), each) for i, each in enumerate(chosen)),
        hash_policies=tuple(hash_policy(place.at("hash_policy", i), each) for i, each in enumerate(action.hash_policy)),
        max_grpc_timeout=seconds(place.at("max_grpc_timeout"), action.max_grpc_timeout),
        grpc_offset=seconds(place.at("grpc_timeout_offset"), action.grpc_timeout_offset) or 0.0,
        idle_timeout=seconds(place.at("idle_timeout"), action.idle_timeout),
        duration=stream_duration(place.at("max_stream_duration"), action.max_stream_duration),
        missing_cluster_status=status,
        draw=draw(place, action.weighted_clusters),
        rate_limits=translate_limits(place, "rate_limits", action.rate_limits),
        include_host_limits=bool(action.include_vh_rate_limits),
        high=is_high(place, action.priority),
        upgrades=translate_upgrades(place, action.upgrade_configs),
    )


def translate_upgrades(place: Place, configs: list[RouteActionUpgradeConfig]) -> Upgrades:
    """Which protocols a request may ask for."""
    found: dict[str, bool] = {}
    for index, config in enumerate(configs):
        here, kind = place.at("upgrade_configs", index), config.upgrade_type.lower()
        if not kind:
            raise here.rejected("is required", "upgrade_type")
        one_line(here.at("upgrade_type"), kind)
        if kind in found:
            raise here.rejected(f"{kind!r} is in another one, too", "upgrade_type")
        if config.connect_config is not None and kind != "connect":
            raise here.rejected("is for CONNECT only", "connect_config")
        found[kind] = config.enabled is not False
    return tuple(found.items())


def route_timeout(place: Place, action: RouteAction) -> float | None:
    """Seconds for the whole request, None for no limit: also where the duration of the stream is said instead."""
    own = seconds(place.at("timeout"), action.timeout)
    if action.max_stream_duration is not None:
        return None
    return (DEFAULT_TIMEOUT if own is None else own) or None


def stream_duration(place: Place, message: RouteActionMaxStreamDuration | None) -> StreamDuration | None:
    """How long a stream may last, and what a caller may say about it."""
    if message is None:
        return None
    return StreamDuration(
        seconds(place.at("max_stream_duration"), message.max_stream_duration),
        seconds(place.at("grpc_timeout_header_max"), message.grpc_timeout_header_max),
        seconds(place.at("grpc_timeout_header_offset"), message.grpc_timeout_header_offset) or 0.0,
    )


def forward_path(place: Place, action: RouteAction, match: tuple[Matcher, ...]) -> PathRewrite | None:
    """At most one of the three rewrites. A path that is matched by a template has no prefix."""
    simple = path_rewrite(place, action.prefix_rewrite, action.regex_rewrite, match)
    if action.path_rewrite_policy is None:
        return simple
    if simple is not None:
        raise place.rejected("prefix_rewrite, regex_rewrite and this exclude each other", "path_rewrite_policy")
    return template_rewrite(place.at("path_rewrite_policy"), action.path_rewrite_policy, match)


def path_rewrite(
    place: Place, prefix: str | None, regex: RegexMatchAndSubstitute | None, match: tuple[Matcher, ...]
) -> PathRewrite | None:
    """At most one of the two rewrites."""
    if prefix and regex is not None:
        raise place.rejected("prefix_rewrite and regex_rewrite cannot both be set", "regex_rewrite")
    if prefix:
        if any(isinstance(matcher, PathTemplate) for matcher in match):
            raise place.rejected("cannot be used with a path template", "prefix_rewrite")
        return PrefixRewrite(one_line(place.at("prefix_rewrite"), prefix))
    if regex is not None:
        return RegexRewrite(*substitution(place.at("regex_rewrite"), regex))
    return None


def path_format(place: Place, action: RouteAction) -> PathFormat | None:
    """A path written anew; then it is not rewritten in another way."""
    if not action.path_rewrite:
        return None
    if action.prefix_rewrite or action.regex_rewrite is not None or action.path_rewrite_policy is not None:
        raise place.rejected("only one way of rewriting the path can be set", "path_rewrite")
    return formatted(place.at("path_rewrite"), lambda: PathFormat(action.path_rewrite))


def formatted(place: Place, build: Callable[[], F]) -> F:
    """A text with commands in it; what it refuses is refused at its place."""
    try:
        return build()
    except Rejected as error:
        raise place.rejected(error.reason) from None


def host_rewrite(place: Place, action: RouteAction) -> HostRewrite | None:
    """Which authority the upstream sees, if not the caller's."""
    if action.host_rewrite_literal:
        return HostLiteral(one_line(place.at("host_rewrite_literal"), action.host_rewrite_literal))
    if action.auto_host_rewrite:
        return HostOfEndpoint()
    if action.host_rewrite_header:
        return HostFromHeader(token(place.at("host_rewrite_header"), action.host_rewrite_header))
    if action.host_rewrite:
        return formatted(place.at("host_rewrite"), lambda: HostFormat(action.host_rewrite or ""))
    if action.host_rewrite_path_regex is not None:
        return HostFromPath(*substitution(place.at("host_rewrite_path_regex"), action.host_rewrite_path_regex))
    return None


def mirror(place: Place, policy: RouteActionRequestMirrorPolicy) -> Mirror:
    """A shadow: all requests, unless a fraction is given."""
    if bool(policy.cluster) == bool(policy.cluster_header):
        raise place.rejected("must name a cluster, or the header that names it", "cluster")
    given = policy.runtime_fraction
    share = fraction(place.at("runtime_fraction"), given) if given is not None else ALWAYS
    return Mirror(
        policy.cluster,
        share,
        not policy.disable_shadow_host_suffix_append,
        cluster_header(place.at("cluster_header"), policy.cluster_header),
        mutations(place, policy),
        one_line(place.at("host_rewrite_literal"), policy.host_rewrite_literal),
    )


def cluster_header(place: Place, name: str) -> str:
    """The header that names a cluster, in lower case."""
    return one_line(place, name).lower()


def mutations(place: Place, policy: RouteActionRequestMirrorPolicy) -> tuple[Step, ...]:
    """What is changed in the copy's headers."""
    if len(policy.request_headers_mutations) > MOST_MUTATIONS:
        raise place.rejected(f"must have at most {MOST_MUTATIONS}", "request_headers_mutations")
    return steps(place, "request_headers_mutations", policy.request_headers_mutations, NEEDED)


def hash_policy(place: Place, policy: RouteActionHashPolicy) -> HashPolicy:
    """Which part of the request decides about the host."""
    if (header := policy.header) is not None:
        rewrite = header.regex_rewrite
        pattern = substitution(place.at("header.regex_rewrite"), rewrite) if rewrite is not None else ("", "")
        return HashHeader(token(place.at("header.header_name"), header.header_name), policy.terminal, *pattern)
    if (cookie := policy.cookie) is not None:
        return hash_cookie(place.at("cookie"), cookie, policy.terminal)
    if policy.connection_properties is not None and policy.connection_properties.source_ip:
        return HashSourceIp(policy.terminal)
    if policy.query_parameter is not None:
        return HashQuery(named(place.at("query_parameter"), policy.query_parameter.name), policy.terminal)
    if policy.filter_state is not None:
        return HashState(named(place.at("filter_state"), policy.filter_state.key, "key"), policy.terminal)
    raise place.rejected("names nothing to hash")


def hash_cookie(place: Place, cookie: RouteActionHashPolicyCookie, terminal: bool) -> HashCookie:
    """A cookie, and what is set where the request has none."""
    attributes = []
    for index, each in enumerate(cookie.attributes):
        here = place.at("attributes", index)
        name = one_line(here.at("name"), named(here, each.name))
        attributes.append((name, one_line(here.at("value"), each.value)))
        if max(len(each.name), len(each.value)) > LONGEST_ATTRIBUTE:
            raise here.rejected(f"is longer than {LONGEST_ATTRIBUTE} bytes")
    ttl = seconds(place.at("ttl"), cookie.ttl)
    name, path = one_line(place.at("name"), named(place, cookie.name)), one_line(place.at("path"), cookie.path)
    return HashCookie(name, ttl, path, terminal, tuple(attributes))


def named(place: Place, name: str, field: str = "name") -> str:
    """A name that is not empty."""
    if not name:
        raise place.rejected("has no name", field)
    return name


def translate_redirect(place: Place, action: RedirectAction, match: tuple[Matcher, ...]) -> Redirect:
    """The redirect action of a route that matches like this."""
    status = REDIRECTS.get(action.response_code)
    if status is None:
        raise place.rejected(f"{int(action.response_code)} is unknown", "response_code")
    return Redirect(
        status=status,
        scheme=one_line(place.at("scheme_redirect"), action.scheme_redirect or ""),
        https=bool(action.https_redirect),
        host=one_line(place.at("host_redirect"), action.host_redirect),
        port=action.port_redirect,
        path=one_line(place.at("path_redirect"), action.path_redirect or ""),
        path_rewrite=path_rewrite(place, action.prefix_rewrite, action.regex_rewrite, match),
        strip_query=action.strip_query,
    )


def translate_direct(place: Place, action: DirectResponseAction, longest: int) -> DirectResponse:
    """An answer without upstream; `longest` is the route table's limit of its body in bytes."""
    if not 200 <= action.status < 600:
        raise place.rejected("must be from 200 to 599", "status")
    body = content(place.at("body"), action.body, longest) if action.body is not None else b""
    form = translate_form(place.at("body_format"), action.body_format) if action.body_format is not None else None
    return DirectResponse(action.status, body, form)
