"""Route configurations -> `RouteTable`.

Large tables hold a thousand virtual hosts, of which one changes: virtual hosts are read one by one from the wire and
remembered by their bytes, so that a change costs a slice and one virtual host, in steps that do not stall the loop.
"""

from collections.abc import Generator
from dataclasses import dataclass, replace

from meshio.matching import Matcher
from meshio.matching.tree import Tree
from meshio.resilience.retry import Retry
from meshio.routing.route import Action, Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.xds.action import translate_direct, translate_forward, translate_redirect
from meshio.xds.condition import translate_match
from meshio.xds.cors import older_policy
from meshio.xds.descriptors import translate_limits
from meshio.xds.extension import open_message
from meshio.xds.follow import translate_follow
from meshio.xds.layers import translate_overrides
from meshio.xds.metadata import further, istio_text
from meshio.xds.mutation import request_mutation, response_mutation
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.route.v3 import (
    Decorator,
    RouteAction,
    RouteConfiguration,
    RouteList,
    VirtualHostTlsRequirementType,
)
from meshio.xds.proto.envoy.config.route.v3 import Route as RouteMessage
from meshio.xds.proto.envoy.config.route.v3 import VirtualHost as VirtualHostMessage
from meshio.xds.retry import translate_hedge, translate_retry
from meshio.xds.shared import shared
from meshio.xds.text import one_line
from meshio.xds.tree import Grammar, translate_tree
from meshio.xds.wire import Malformed, bytes_key, join, split

VIRTUAL_HOST = bytes_key(2)
ROUTE, ROUTE_LIST = "envoy.config.route.v3.Route", "envoy.config.route.v3.RouteList"
TLS_REQUIREMENTS = frozenset(VirtualHostTlsRequirementType)
PORTION = 64  # known virtual hosts between two turns of the loop
DIRECT_RESPONSE_LIMIT = 4096  # bytes, Envoy's default


class RouteReader:
    """Reads one route configuration again and again, remembering its virtual hosts."""

    def __init__(self) -> None:
        self._frame = b""
        self._known: dict[bytes, VirtualHost] = {}

    def steps(self, name: str, raw: bytes) -> Generator[None, None, RouteTable]:
        """Translate, yielding about every millisecond. Raises Rejected."""
        place = Place(name)
        frame, hosts = dismantle(place, raw)
        known = self._known if frame == self._frame else {}
        config = open_message(place, RouteConfiguration, frame)
        yield
        found: dict[bytes, VirtualHost] = {}
        table = Table(place, config)
        for index, host in enumerate(hosts):
            value = known.get(host) or found.get(host)
            if value is None:
                here = place.at("virtual_hosts", index)
                value = translate_host(here, config, open_message(here, VirtualHostMessage, host))
                yield
            elif index % PORTION == 0:
                yield
            found[host] = value
            table.add(value)
        self._frame, self._known = frame, found
        return table.done()


def dismantle(place: Place, raw: bytes) -> tuple[bytes, list[bytes]]:
    """A route configuration without its virtual hosts, and these."""
    try:
        fields = split(raw)
    except Malformed as error:
        raise place.rejected(f"malformed: {error}") from None
    hosts = [value for key, value in fields if key == VIRTUAL_HOST and isinstance(value, bytes)]
    return join(field for field in fields if field[0] != VIRTUAL_HOST), hosts


def translate_table(place: Place, config: RouteConfiguration) -> RouteTable:
    """A route configuration that is part of a listener."""
    table = Table(place, config)
    for index, host in enumerate(config.virtual_hosts):
        table.add(translate_host(place.at("virtual_hosts", index), config, host))
    return table.done()


class Table:
    """A route table that gets its virtual hosts one by one."""

    def __init__(self, place: Place, config: RouteConfiguration) -> None:
        self._place = place
        self._config = config
        self._hosts: list[VirtualHost] = []
        self._domains: set[str] = set()

    def add(self, host: VirtualHost) -> None:
        """The next virtual host. Envoy refuses one whose domain is taken (config_impl.cc), and so does this."""
        for domain in host.domains:
            if domain.lower() in self._domains:
                here = self._place.at("virtual_hosts", len(self._hosts))
                raise here.rejected(f"{domain!r} is in another virtual host too", "domains")
            self._domains.add(domain.lower())
        self._hosts.append(host)

    def done(self) -> RouteTable:
        """The value."""
        place, config = self._place, self._config
        return RouteTable(
            name=config.name,
            hosts=tuple(self._hosts),
            ignore_port=config.ignore_port_in_host_matching,
            request_headers=request_mutation(place, config),
            response_headers=response_mutation(place, config),
            most_specific_wins=config.most_specific_header_mutations_wins,
            host_header=one_line(place.at("vhost_header"), config.vhost_header).lower(),
            private_headers=private_headers(place, config.internal_only_headers),
            overrides=translate_overrides(place, config.typed_per_filter_config),
        )


def private_headers(place: Place, names: list[str]) -> tuple[str, ...]:
    """Raises Rejected for the parts of a request without which it is none; Envoy would take them off, too."""
    for name in names:
        if name.startswith(":") or name.lower() == "host":
            raise place.rejected(f"{name!r} is no header that can be taken off", "internal_only_headers")
    return tuple(one_line(place.at("internal_only_headers"), name).lower() for name in names)


def translate_host(place: Place, config: RouteConfiguration, host: VirtualHostMessage) -> VirtualHost:
    """One virtual host of a table."""
    if not host.domains or not all(host.domains):
        raise place.rejected("must name at least one domain, and no empty one", "domains")
    for index, domain in enumerate(host.domains):
        one_line(place.at("domains", index), domain)
    if not host.name:
        raise place.rejected("is required", "name")
    if host.routes and host.matcher is not None:
        raise place.rejected("routes and matcher exclude each other", "matcher")
    level = Level(config, host, place)
    retry_of(place, level, RouteMessage())  # what is wrong with it is refused, though no route may want it
    return VirtualHost(
        name=host.name,
        domains=tuple(host.domains),
        routes=tuple(translate_route(place.at("routes", i), level, each) for i, each in enumerate(host.routes)),
        request_headers=request_mutation(place, host),
        response_headers=response_mutation(place, host),
        attempt_count=host.include_request_attempt_count,
        overrides=translate_overrides(place, host.typed_per_filter_config) + older_policy(place.at("cors"), host.cors),
        rate_limits=translate_limits(place, "rate_limits", host.rate_limits),
        answers_attempt_count=host.include_attempt_count_in_response,
        secure=secure(place, host.require_tls),
        tree=tree(place, level) if host.matcher is not None else None,
        tells_timeouts=host.include_is_timeout_retry_header,
        metadata=shared(further(host.metadata, ())),
    )


def secure(place: Place, requirement: int) -> bool:
    """Whether plain HTTP is redirected. EXTERNAL_ONLY is the same here: no request counts as internal."""
    if requirement not in TLS_REQUIREMENTS:
        raise place.rejected(f"{requirement} is unknown", "require_tls")
    return requirement != VirtualHostTlsRequirementType.NONE


@dataclass(frozen=True, slots=True)
class Level:
    """What a route inherits."""

    config: RouteConfiguration
    host: VirtualHostMessage
    place: Place


def tree(place: Place, level: Level) -> Tree[tuple[Route, ...]]:
    """The matcher of a virtual host, which it has instead of routes. It leads to a route, or to several of which the
    first that matches wins. Of all inputs Envoy lets it have headers, filter state, and the environment of the proxy.
    """
    assert level.host.matcher is not None

    def read(here: Place, kind: str, raw: bytes) -> tuple[Route, ...]:
        if kind == ROUTE:
            return (translate_route(here, level, open_message(here, RouteMessage, raw)),)
        if kind == ROUTE_LIST:
            routes = enumerate(open_message(here, RouteList, raw).routes)
            return tuple(translate_route(here.at("routes", index), level, each) for index, each in routes)
        raise here.rejected(f"{kind or 'an action without a type'} is not supported")

    return translate_tree(place.at("matcher"), level.host.matcher, Grammar(read, {}))


def translate_route(place: Place, level: Level, route: RouteMessage) -> Route:
    """One route."""
    if route.match is None:
        raise place.rejected("has no match", "match")
    older = older_policy(place.at("route.cors"), route.route.cors) if route.route is not None else ()
    match = shared(
        translate_match(place.at("match"), route.match, level.config.ignore_path_parameters_in_path_matching)
    )
    said = Route(
        match=match,
        action=translate_action(place, level, route, match),
        name=route.name,
        request_headers=request_mutation(place, route),
        response_headers=response_mutation(place, route),
        overrides=translate_overrides(place, route.typed_per_filter_config) + older,
        decorator=decorator(place.at("decorator"), route.decorator),
        decorates=route.decorator is None or route.decorator.propagate is not False,
        origin=istio_text(route.metadata, "config"),
    )
    more = further(route.metadata, said.istio)
    return replace(said, metadata=shared(more)) if more else said


def decorator(place: Place, given: Decorator | None) -> str:
    """What tracing calls the route; upstreams are told, so that it has to be one line."""
    if given is None:
        return ""
    if not given.operation:
        raise place.rejected("has no name", "operation")
    return one_line(place.at("operation"), given.operation)


def translate_action(place: Place, level: Level, route: RouteMessage, match: tuple[Matcher, ...]) -> Action:
    """Exactly one action, for a route that matches like this."""
    if (forward := route.route) is not None:
        here = place.at("route")
        limit, mirrors = buffer_limit(route), level.host.request_mirror_policies or level.config.request_mirror_policies
        said = translate_forward(here, forward, retry_of(here, level, route), mirrors, match)
        return replace(
            said, follow=translate_follow(here, forward, buffer_limit(level.host) if limit is None else limit)
        )
    if route.redirect is not None:
        return translate_redirect(place.at("redirect"), route.redirect, match)
    if route.direct_response is not None:
        longest = level.config.max_direct_response_body_size_bytes
        limit = DIRECT_RESPONSE_LIMIT if longest is None else longest
        return translate_direct(place.at("direct_response"), route.direct_response, limit)
    if route.filter_action is not None or route.non_forwarding_action is not None:
        return Forward((WeightedCluster(""),), timeout=None)  # in Envoy's router such a route has no cluster
    raise place.rejected("has no action")


def retry_of(place: Place, level: Level, route: RouteMessage) -> Retry | None:
    """Each of the three is the route's own, or the virtual host's: retry policy, hedge policy, buffer limit."""
    action, host, limit = route.route or RouteAction(), level.host, buffer_limit(route)
    hedge = action.hedge_policy if action.hedge_policy is not None else host.hedge_policy
    hedged = translate_hedge(place if action.hedge_policy is not None else level.place, hedge)
    policy, here = (action.retry_policy, place) if action.retry_policy is not None else (host.retry_policy, level.place)
    if policy is None:
        return None
    return translate_retry(here.at("retry_policy"), policy, buffer_limit(host) if limit is None else limit, hedged)


def buffer_limit(level: VirtualHostMessage | RouteMessage) -> int | None:
    """Bytes of a request body that are kept for a retry; the newer of two fields wins."""
    if level.request_body_buffer_limit is not None:
        return level.request_body_buffer_limit
    return level.per_request_buffer_limit_bytes
