"""RouteTable -> RouteConfiguration."""

from meshio.matching import BarePath
from meshio.resilience.retry import Retry
from meshio.routing.filters import Overrides
from meshio.routing.rewrite import PrefixRewrite, RegexRewrite
from meshio.routing.route import (
    Action,
    DirectResponse,
    Forward,
    Redirect,
    Route,
    RouteTable,
    VirtualHost,
    WeightedCluster,
)
from meshio.xds.encode.filters import encode_older, encode_overrides
from meshio.xds.encode.forward import encode_forward
from meshio.xds.encode.labels import encode_metadata
from meshio.xds.encode.limits import encode_limit
from meshio.xds.encode.matching import encode_match
from meshio.xds.encode.parts import headers_to_add, packed, substitution
from meshio.xds.encode.replies import encode_form
from meshio.xds.encode.tree import encode_tree
from meshio.xds.proto.envoy.config.core.v3 import DataSource
from meshio.xds.proto.envoy.config.route.v3 import (
    Decorator,
    DirectResponseAction,
    NonForwardingAction,
    RedirectAction,
    RedirectActionRedirectResponseCode,
    RouteConfiguration,
    RouteList,
    VirtualHostTlsRequirementType,
)
from meshio.xds.proto.envoy.config.route.v3 import Route as RouteMessage
from meshio.xds.proto.envoy.config.route.v3 import VirtualHost as VirtualHostMessage
from meshio.xds.proto.google.protobuf import Any

LARGEST_DIRECT_RESPONSE = 1024 * 1024  # istiod's choice; Envoy's default of 4 KiB would refuse larger ones
USUAL_BUFFER_LIMIT = Retry(frozenset()).buffer_limit
REDIRECT_CODES = {
    301: RedirectActionRedirectResponseCode.MOVED_PERMANENTLY,
    302: RedirectActionRedirectResponseCode.FOUND,
    303: RedirectActionRedirectResponseCode.SEE_OTHER,
    307: RedirectActionRedirectResponseCode.TEMPORARY_REDIRECT,
    308: RedirectActionRedirectResponseCode.PERMANENT_REDIRECT,
}


def encode_table(table: RouteTable) -> RouteConfiguration:
    return RouteConfiguration(
        name=table.name,
        virtual_hosts=[encode_host(host) for host in table.hosts],
        ignore_port_in_host_matching=table.ignore_port,
        request_headers_to_add=headers_to_add(table.request_headers),
        request_headers_to_remove=list(table.request_headers.remove),
        response_headers_to_add=headers_to_add(table.response_headers),
        response_headers_to_remove=list(table.response_headers.remove),
        most_specific_header_mutations_wins=table.most_specific_wins,
        vhost_header=table.host_header,
        internal_only_headers=list(table.private_headers),
        ignore_path_parameters_in_path_matching=any(map(asks_bare, table.hosts)),
        validate_clusters=False,
        max_direct_response_body_size_bytes=LARGEST_DIRECT_RESPONSE,
        typed_per_filter_config=encode_overrides(table.overrides),
    )


def asks_bare(host: VirtualHost) -> bool:
    """Whether routes compare paths without parameters: in xDS a table says it for all of its routes."""
    return any(isinstance(matcher, BarePath) for route in host.every_route() for matcher in route.match)


def encode_host(host: VirtualHost) -> VirtualHostMessage:
    return VirtualHostMessage(
        name=host.name,
        domains=list(host.domains),
        routes=[encode_route(route) for route in host.routes],
        request_headers_to_add=headers_to_add(host.request_headers),
        request_headers_to_remove=list(host.request_headers.remove),
        response_headers_to_add=headers_to_add(host.response_headers),
        response_headers_to_remove=list(host.response_headers.remove),
        include_request_attempt_count=host.attempt_count,
        require_tls=VirtualHostTlsRequirementType.ALL if host.secure else VirtualHostTlsRequirementType.NONE,
        matcher=encode_tree(host.tree, encode_routes) if host.tree is not None else None,
        typed_per_filter_config=encode_overrides(host.overrides),
        rate_limits=[encode_limit(each) for each in host.rate_limits],
        cors=encode_older(host.overrides),
        include_attempt_count_in_response=host.answers_attempt_count,
        include_is_timeout_retry_header=host.tells_timeouts,
        metadata=encode_metadata(host.metadata),
    )


def encode_routes(routes: tuple[Route, ...]) -> Any:
    """What a tree leads to."""
    encoded = [encode_route(route) for route in routes]
    return packed(encoded[0]) if len(encoded) == 1 else packed(RouteList(encoded))


def encode_route(route: Route) -> RouteMessage:
    encoded = RouteMessage(
        name=route.name,
        match=encode_match(route.match),
        metadata=encode_metadata(route.filter_metadata),
        decorator=encode_decorator(route),
        typed_per_filter_config=encode_overrides(route.overrides),
        request_headers_to_add=headers_to_add(route.request_headers),
        request_headers_to_remove=list(route.request_headers.remove),
        response_headers_to_add=headers_to_add(route.response_headers),
        response_headers_to_remove=list(route.response_headers.remove),
    )
    set_action(encoded, route.action, route.overrides)
    return encoded


def encode_decorator(route: Route) -> Decorator | None:
    if not route.decorator:
        return None
    return Decorator(operation=route.decorator, propagate=None if route.decorates else False)


def set_action(encoded: RouteMessage, action: Action, overrides: Overrides) -> None:
    match action:
        case Forward((WeightedCluster("", header=""),)):
            encoded.non_forwarding_action = NonForwardingAction()
        case Forward():
            encoded.route = encode_forward(action)
            encoded.route.cors = encode_older(overrides)
            keeps = action.retry or action.follow
            if keeps and keeps.buffer_limit != USUAL_BUFFER_LIMIT:
                encoded.request_body_buffer_limit = keeps.buffer_limit
        case Redirect():
            encoded.redirect = encode_redirect(action)
        case DirectResponse():
            encoded.direct_response = encode_direct_response(action)


def encode_redirect(redirect: Redirect) -> RedirectAction:
    encoded = RedirectAction(
        response_code=REDIRECT_CODES[redirect.status],
        host_redirect=redirect.host,
        port_redirect=redirect.port,
        strip_query=redirect.strip_query,
    )
    if redirect.https:
        encoded.https_redirect = True
    elif redirect.scheme:
        encoded.scheme_redirect = redirect.scheme
    match redirect.path_rewrite:
        case PrefixRewrite(value):
            encoded.prefix_rewrite = value
        case RegexRewrite(pattern, replacement):
            encoded.regex_rewrite = substitution(pattern, replacement)
        case None if redirect.path:
            encoded.path_redirect = redirect.path
    return encoded


def encode_direct_response(response: DirectResponse) -> DirectResponseAction:
    body = DataSource(inline_bytes=response.body) if response.body else None
    return DirectResponseAction(status=response.status, body=body, body_format=encode_form(response.form))
