"""HTTPRoute -> what becomes of the request (istiod: core/route/route.go, TranslateRoute)."""

from collections.abc import Iterator, Mapping

from meshio.balancing.hashing import HashCookie, HashHeader, HashPolicy, HashQuery, HashSourceIp
from meshio.controlplane.destination_rule import ConsistentHash
from meshio.controlplane.matches import text_of
from meshio.controlplane.retries import retry_of
from meshio.controlplane.scope import Scope
from meshio.controlplane.traffic_policy import destination_hash, subset_of
from meshio.controlplane.virtual_service import (
    CorsPolicy,
    Delay,
    Destination,
    HeaderOperations,
    Headers,
    HttpDestination,
    HttpFault,
    HttpRedirect,
    HttpRoute,
    Percent,
)
from meshio.resilience.fault import Fault, Fraction
from meshio.routing.cors import Cors
from meshio.routing.filters import Override, Overrides
from meshio.routing.mutation import Append, HeaderMutation, HeaderValue
from meshio.routing.rewrite import HostLiteral, PathRewrite, PrefixRewrite, RegexRewrite
from meshio.routing.route import ALWAYS, Action, DirectResponse, Forward, Mirror, Redirect, WeightedCluster

MILLION = 1_000_000
FAULT, CORS = "envoy.filters.http.fault", "envoy.filters.http.cors"
AUTHORITY = frozenset({":authority", "host"})


def cluster_name(host: str, port: int, subset: str = "") -> str:
    return f"outbound|{port}|{subset}|{host}"


def cluster_of(destination: Destination, port: int) -> str:
    """The cluster of a destination; without a port of its own, that of the listener."""
    number = destination.port.number if destination.port is not None else port
    return cluster_name(destination.host, number, destination.subset)


def action_of(route: HttpRoute, scope: Scope, port: int) -> Action:
    if route.redirect is not None:
        return redirect(route.redirect, port)
    if route.direct_response is not None:
        body = route.direct_response.body
        return DirectResponse(route.direct_response.status, body.octets or body.string.encode())
    return forward(route, scope, port)


def forward(route: HttpRoute, scope: Scope, port: int) -> Forward:
    used = [each for each in route.route if each.weight or len(route.route) == 1]
    hashes = [consistent_hash(each.destination, scope) for each in used]
    wanted = route.retries if route.retries is not None else scope.mesh.default_http_retry_policy
    hashed = len(route.route) == 1 and hashes[0] is not None
    authority = host_rewrite(route)
    return Forward(
        clusters=tuple(clusters(route, port)),
        timeout=float(route.timeout) if route.timeout else None,
        retry=retry_of(wanted, hashed),
        path_rewrite=path_rewrite(route),
        host_rewrite=HostLiteral(authority) if authority else None,
        mirrors=tuple(mirrors(route, port)),
        hash_policies=tuple(policy for each in hashes if (policy := hash_policy(each)) is not None),
        max_grpc_timeout=float(route.timeout or 0.0),
    )


def clusters(route: HttpRoute, port: int) -> Iterator[WeightedCluster]:
    """A single destination is the route's own; of several, those without weight get nothing."""
    if len(route.route) == 1:
        yield WeightedCluster(cluster_of(route.route[0].destination, port))
        return
    for each in route.route:
        if each.weight:
            authority = authority_of(each.headers)
            yield WeightedCluster(
                cluster_of(each.destination, port),
                each.weight,
                mutation(each.headers.request),
                mutation(each.headers.response),
                HostLiteral(authority) if authority else None,
            )


def consistent_hash(destination: Destination, scope: Scope) -> ConsistentHash | None:
    rule = scope.rules.get(destination.host)
    if rule is None:
        return None
    named = destination.port.number if destination.port is not None else None
    return destination_hash(rule.spec, subset_of(rule.spec, destination.subset), named)


def hash_policy(wanted: ConsistentHash | None) -> HashPolicy | None:
    if wanted is None:
        return None
    if wanted.http_header_name:
        return HashHeader(wanted.http_header_name.lower())
    if wanted.http_cookie is not None:
        cookie = wanted.http_cookie
        return HashCookie(cookie.name, float(cookie.ttl) if cookie.ttl is not None else None, cookie.path)
    if wanted.http_query_parameter_name:
        return HashQuery(wanted.http_query_parameter_name)
    return HashSourceIp() if wanted.use_source_ip else None


# --- headers and rewrites ------------------------------------------------------------------------------


def route_mutations(route: HttpRoute) -> tuple[HeaderMutation, HeaderMutation]:
    """Request and response mutations of a route; those of a single destination come after its own."""
    request, response = mutation(route.headers.request), mutation(route.headers.response)
    if len(route.route) == 1 and route.redirect is None and route.direct_response is None:
        only: HttpDestination = route.route[0]
        request = after(request, mutation(only.headers.request))
        response = after(response, mutation(only.headers.response))
    return request, response


def after(first: HeaderMutation, second: HeaderMutation) -> HeaderMutation:
    return HeaderMutation(first.add + second.add, first.remove + second.remove)


def mutation(operations: HeaderOperations) -> HeaderMutation:
    """`set` before `add`, each by name. Names that begin with a colon, and Host, are not headers."""
    return HeaderMutation(
        (*header_values(operations.set, "overwrite"), *header_values(operations.add, "append")),
        tuple(name.lower() for name in operations.remove if not is_internal(name)),
    )


def header_values(values: Mapping[str, str], action: Append) -> Iterator[HeaderValue]:
    for name in sorted(values):
        if not is_internal(name):
            yield HeaderValue(name.lower(), values[name], action)


def is_internal(name: str) -> bool:
    return name.startswith(":") or name.lower() == "host"


def authority_of(headers: Headers) -> str:
    """Setting Host is a rewrite of the authority."""
    for values in (headers.request.set, headers.request.add):
        for name, value in values.items():
            if name.lower() in AUTHORITY:
                return value
    return ""


def host_rewrite(route: HttpRoute) -> str:
    if route.rewrite is not None and route.rewrite.authority:
        return route.rewrite.authority
    own = authority_of(route.headers)
    return own or (authority_of(route.route[0].headers) if len(route.route) == 1 else "")


def path_rewrite(route: HttpRoute) -> PathRewrite | None:
    if route.rewrite is None:
        return None
    regex = route.rewrite.uri_regex_rewrite
    if regex is not None:
        return RegexRewrite(regex.match, regex.rewrite)
    return PrefixRewrite(route.rewrite.uri) if route.rewrite.uri else None


def redirect(wanted: HttpRedirect, port: int) -> Redirect:
    """A port is only named where it is not the scheme's own."""
    number = port if wanted.derive_port == "FROM_REQUEST_PORT" else wanted.port
    if (number, wanted.scheme or "http") in ((80, "http"), (443, "https")):
        number = 0
    return Redirect(
        status=wanted.redirect_code or 301,
        scheme=wanted.scheme,
        host=wanted.authority,
        port=number,
        path="" if wanted.prefix_rewrite else wanted.uri,
        path_rewrite=PrefixRewrite(wanted.prefix_rewrite) if wanted.prefix_rewrite else None,
    )


# --- mirrors and filters -------------------------------------------------------------------------------


def mirrors(route: HttpRoute, port: int) -> Iterator[Mirror]:
    wanted = [(each.destination, share(each.percentage)) for each in route.mirrors]
    if route.mirror is not None:
        plain = ALWAYS if route.mirror_percent is None else Fraction(route.mirror_percent)
        wanted.insert(0, (route.mirror, share(route.mirror_percentage, plain)))
    for destination, fraction in wanted:
        if fraction.numerator:
            yield Mirror(cluster_of(destination, port), fraction, host_suffix=False)


def share(percentage: Percent | None, absent: Fraction = ALWAYS) -> Fraction:
    """Millionths, as istiod counts them."""
    return absent if percentage is None else Fraction(int(percentage.value * 10_000), MILLION)


def overrides(route: HttpRoute) -> Overrides:
    found = ((CORS, cors_of(route.cors_policy)), (FAULT, fault_of(route.fault)))
    return tuple(Override(name, layer) for name, layer in found if layer is not None)


def fault_of(wanted: HttpFault | None) -> Fault | None:
    if wanted is None:
        return None
    delay, abort = wanted.delay, wanted.abort
    status = abort.http_status if abort is not None else None
    if delay is None and status is None:
        return None
    return Fault(
        delay=float(delay.fixed_delay) if delay is not None else None,
        delay_share=delay_share(delay) if delay is not None else Fraction(0),
        abort=status,
        abort_share=share(abort.percentage, Fraction(0)) if abort is not None and status is not None else Fraction(0),
    )


def delay_share(delay: Delay) -> Fraction:
    return share(delay.percentage, Fraction(delay.percent))


def cors_of(wanted: CorsPolicy | None) -> Cors | None:
    """istiod: TranslateCORSPolicy."""
    if wanted is None:
        return None
    return Cors(
        origins=tuple(text_of(each) for each in wanted.allow_origins),
        methods=",".join(wanted.allow_methods),
        headers=",".join(wanted.allow_headers),
        exposed=",".join(wanted.expose_headers),
        max_age=str(int(wanted.max_age)) if wanted.max_age is not None else "",
        credentials=wanted.allow_credentials,
        forward_unmatched=wanted.unmatched_preflights != "IGNORE",
    )
