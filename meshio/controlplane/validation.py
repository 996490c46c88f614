"""What one document cannot mean, beyond the types of its fields (Istio: pkg/config/validation).

An error here keeps the document out of service.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import re2

from meshio.controlplane.destination_rule import DestinationRule, LoadBalancer, PortPolicy, TrafficPolicy
from meshio.controlplane.kubernetes import KubeService
from meshio.controlplane.metadata import Document
from meshio.controlplane.problem import Problem, did_you_mean, error, unsupported, warning
from meshio.controlplane.scalars import is_ip
from meshio.controlplane.schema import Part
from meshio.controlplane.service_entry import ServiceEntry
from meshio.controlplane.virtual_service import (
    CorsPolicy,
    HttpDestination,
    HttpMatch,
    HttpRoute,
    RegexRewrite,
    RouteDestination,
    TcpRoute,
    TlsRoute,
    VirtualService,
)

CLAIMS = "@request.auth.claims"
ORIGIN = re.compile(r"[a-z][-a-z0-9+.]*://[^/?#A-Z]+")
LARGEST_BODY = 1024 * 1024  # what istiod lets Envoy answer with


def validate(document: Document[Part]) -> Iterator[Problem]:
    """Everything wrong with a document that can be seen without the others."""
    found = VALIDATORS.get(type(document.spec))
    if found is not None:
        yield from found(document.spec)


# --- VirtualService ------------------------------------------------------------------------------------


def virtual_service(spec: VirtualService) -> Iterator[Problem]:
    if not spec.hosts:
        yield error(spec.at("hosts"), "hosts is empty", "name the services it is for")
    if not (spec.http or spec.tcp or spec.tls):
        yield error(spec.place, "there are no routes", "add 'http', 'tcp' or 'tls'")
    caught = ""
    for route in spec.http:
        if caught:
            yield warning(route.place, "never reached", f"{caught} takes every request before it")
        yield from http_route(route)
        if not route.match:
            caught = f"route {route.name!r}" if route.name else f"the route in line {route.place.line}"
    connections: tuple[TcpRoute | TlsRoute, ...] = (*spec.tcp, *spec.tls)
    for plain in connections:
        yield from weights(plain, plain.route)
        if not plain.route:
            yield error(plain.place, "there is no destination", "add 'route'")


def http_route(route: HttpRoute) -> Iterator[Problem]:
    if not route.route and route.redirect is None and route.direct_response is None:
        yield error(route.place, "it does nothing with the request", "add 'route', 'redirect' or 'directResponse'")
    if route.route:
        yield from weights(route, route.route)
    for match in route.match:
        yield from http_match(match)
    body = route.direct_response.body if route.direct_response is not None else None
    if body is not None and max(len(body.octets), len(body.string.encode())) > LARGEST_BODY:
        yield error(body.place, f"the body is longer than {LARGEST_BODY} bytes", "serve it from a service")
    if route.rewrite is not None and route.rewrite.uri_regex_rewrite is not None:
        yield from regex_rewrite(route.rewrite.uri_regex_rewrite)
    retries = route.retries
    if retries is not None and retries.per_try_timeout and route.timeout and retries.per_try_timeout >= route.timeout:
        yield warning(retries.at("perTryTimeout"), "not shorter than the route's timeout: no try is given up early")
    if route.cors_policy is not None:
        yield from cors(route.cors_policy)
    delay, abort = (route.fault.delay, route.fault.abort) if route.fault is not None else (None, None)
    if delay is not None and delay.percentage is None and not delay.percent:
        yield warning(delay.place, "no percentage: it never happens", "add percentage: {value: 100}")
    if abort is not None and abort.percentage is None:
        yield warning(abort.place, "no percentage: it never happens", "add percentage: {value: 100}")


def cors(policy: CorsPolicy) -> Iterator[Problem]:
    """Who may ask has to be said, and as a browser says it."""
    if not policy.allow_origins and "allowOrigin" not in policy.lines:
        yield warning(policy.place, "no origin may ask", 'add allowOrigins: [{exact: "https://..."}]')
    for origin in policy.allow_origins:
        if not (origin.exact or origin.prefix or origin.regex):
            yield error(origin.place, "an origin that is empty", 'write exact: "*" for everybody')
        elif origin.exact and origin.exact not in ("*", "null") and not ORIGIN.fullmatch(origin.exact):
            text = f"{origin.exact!r} is not an origin: it matches none"
            yield warning(origin.at("exact"), text, 'scheme and host, without a path: "https://shop.example.com"')


def weights(owner: Part, routes: tuple[HttpDestination, ...] | tuple[RouteDestination, ...]) -> Iterator[Problem]:
    """Several destinations share the requests by weight."""
    total = sum(each.weight for each in routes)
    if len(routes) > 1 and total == 0:
        yield error(owner.at("route"), "no destination has a weight", "give each one a weight")
    elif len(routes) > 1 and total != 100:
        yield warning(owner.at("route"), f"the weights add up to {total}, not to 100: they are shares of {total}")


def http_match(match: HttpMatch) -> Iterator[Problem]:
    for name in (*match.headers, *match.without_headers):
        if name.startswith(CLAIMS):
            field = "headers" if name in match.headers else "withoutHeaders"
            yield error(match.at(field), f"{name}: claims of a JWT are not supported in a match")
    uri = match.uri
    for field, value in (("exact", uri.exact), ("prefix", uri.prefix)) if uri is not None else ():
        if uri is not None and value is not None and not value.startswith("/"):
            yield warning(uri.at(field), f"{value!r} does not begin with '/': it matches no path", f"write '/{value}'")
    method = match.method
    if method is not None and method.exact and method.exact != method.exact.upper():
        yield warning(method.at("exact"), "methods are upper case", f"write {method.exact.upper()}")


def regex_rewrite(rewrite: RegexRewrite) -> Iterator[Problem]:
    """References of the replacement name groups of the pattern."""
    groups = re2.compile(rewrite.match).groups
    parts = iter(rewrite.rewrite)
    for character in parts:
        if character == "\\":
            after = next(parts, "")
            if after.isascii() and after.isdigit() and int(after) > groups:
                yield error(rewrite.at("rewrite"), f"\\{after}: the pattern has only {groups} groups")
            elif after != "\\" and not (after.isascii() and after.isdigit()):
                yield error(rewrite.at("rewrite"), "a backslash must be followed by a digit or a backslash")


# --- DestinationRule -----------------------------------------------------------------------------------


def destination_rule(spec: DestinationRule) -> Iterator[Problem]:
    seen: set[str] = set()
    for subset in spec.subsets:
        if subset.name in seen:
            yield error(subset.at("name"), f"subset {subset.name!r} is there twice", "the first one would count")
        seen.add(subset.name)
        if subset.traffic_policy is not None:
            yield from traffic_policy(subset.traffic_policy)
    if spec.traffic_policy is not None:
        yield from traffic_policy(spec.traffic_policy)


def traffic_policy(policy: TrafficPolicy | PortPolicy) -> Iterator[Problem]:
    if policy.load_balancer is not None:
        yield from load_balancer(policy.load_balancer)
    tls = policy.tls
    if tls is not None and tls.mode == "MUTUAL" and not (tls.client_certificate and tls.private_key):
        yield error(tls.at("mode"), "MUTUAL needs clientCertificate and privateKey", "or mode ISTIO_MUTUAL")
    http = policy.connection_pool.http if policy.connection_pool is not None else None
    if http is not None and http.h2_upgrade_policy == "UPGRADE" and not http.use_client_protocol:
        text = "HTTP/2 is not supported by this version: the requests end as 503"
        yield warning(http.at("h2UpgradePolicy"), text, "write DO_NOT_UPGRADE")
    for each in policy.port_level_settings if isinstance(policy, TrafficPolicy) else ():
        yield from traffic_policy(each)


def load_balancer(balancer: LoadBalancer) -> Iterator[Problem]:
    hashing = balancer.consistent_hash
    if hashing is not None and not (
        hashing.http_header_name or hashing.http_cookie or hashing.use_source_ip or hashing.http_query_parameter_name
    ):
        hint = "add httpHeaderName, httpCookie, useSourceIp or httpQueryParameterName"
        yield warning(hashing.place, "nothing to hash: every request goes anywhere", hint)
    for rule in balancer.locality_lb_setting.distribute if balancer.locality_lb_setting is not None else ():
        total = sum(rule.to.values())
        if total != 100:
            yield error(rule.at("to"), f"the shares add up to {total}, not to 100")


# --- ServiceEntry and Service --------------------------------------------------------------------------


def service_entry(spec: ServiceEntry) -> Iterator[Problem]:
    if not spec.hosts:
        yield error(spec.at("hosts"), "hosts is empty", "name at least one host")
    if not spec.ports:
        yield error(spec.place, "there are no ports", "add ports: [{number: 80, name: http, protocol: HTTP}]")
    yield from repeated(spec)
    by_name = spec.resolution in ("DNS", "DNS_ROUND_ROBIN")
    if spec.endpoints and spec.resolution == "NONE":
        yield error(spec.at("endpoints"), "resolution NONE uses no endpoints", "write resolution: STATIC")
    if by_name and not spec.endpoints and spec.workload_selector is None:
        for host in spec.hosts:
            if "*" in host:
                yield error(spec.at("hosts"), f"{host} cannot be resolved", "write resolution: NONE, or add endpoints")
    if spec.resolution == "STATIC" and not spec.endpoints and spec.workload_selector is None:
        yield warning(spec.place, "resolution STATIC without endpoints: nobody answers", "add 'endpoints'")
    if spec.resolution == "DNS_ROUND_ROBIN" and len(spec.endpoints) > 1:
        yield error(spec.at("endpoints"), "DNS_ROUND_ROBIN takes one endpoint", "write resolution: DNS")
    for endpoint in spec.endpoints:
        if spec.resolution == "STATIC" and not is_ip(endpoint.address):
            yield error(endpoint.at("address"), f"{endpoint.address!r} is not an IP address", "write resolution: DNS")
        for name in endpoint.ports:
            if all(name != port.name for port in spec.ports):
                hint = did_you_mean(name, [port.name for port in spec.ports])
                yield error(endpoint.at("ports"), f"the service has no port named {name!r}", hint)


def repeated(spec: ServiceEntry) -> Iterator[Problem]:
    numbers: set[int] = set()
    names: set[str] = set()
    for port in spec.ports:
        if port.number in numbers:
            yield error(port.at("number"), f"port {port.number} is there twice")
        if port.name in names:
            yield error(port.at("name"), f"the port name {port.name!r} is there twice")
        numbers.add(port.number)
        names.add(port.name)


def kube_service(spec: KubeService) -> Iterator[Problem]:
    if spec.type == "ExternalName":
        text = "ExternalName is not supported: the service is left out"
        yield unsupported(spec.at("type"), text, "write a ServiceEntry with resolution: DNS")
    names = [port.name for port in spec.ports]
    if len(spec.ports) > 1 and len(set(names)) != len(names):
        yield error(spec.at("ports"), "several ports need names of their own", "add 'name' to each")


VALIDATORS: Mapping[type[Part], Callable[[Any], Iterator[Problem]]] = {
    VirtualService: virtual_service,
    DestinationRule: destination_rule,
    ServiceEntry: service_entry,
    KubeService: kube_service,
}
