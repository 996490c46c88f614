"""Why a request goes where it goes: the decision of `Dataplane.route`, taken step by step and written down.

Nothing is sent, nothing is counted, and the request that is asked about stays as it is. Each step asks the
same function that the plan is compiled from, so that the answer cannot drift away from what happens.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace

from meshio.errors import BadName, NoCluster, NoHealthyHost, NoRoute, RequestError
from meshio.mesh.choice import compile_number, named_by
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.explanation import Answer, Choice, Explanation, HostState, Passed
from meshio.mesh.plan import Destination, Locator
from meshio.message import Headers, Request, Response
from meshio.record import Record
from meshio.resilience.site import Site
from meshio.routing.authority import compile_authority, compile_withhold
from meshio.routing.commands import Known
from meshio.routing.entry import compile_entry
from meshio.routing.filters import settle
from meshio.routing.hop import compile_signature
from meshio.routing.listener import FilterChain, HttpChain, TcpChain
from meshio.routing.normalise import normalise
from meshio.routing.prepare import prepare_request, shown
from meshio.routing.redirect import redirect
from meshio.routing.respond import respond
from meshio.routing.route import DirectResponse, Forward, Redirect, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.routing.router import securing, trace_route
from meshio.routing.split import split_by
from meshio.upstream.upstream import Upstream


def explain(plane: Dataplane, request: Request) -> Explanation:
    """The decision for this request over what is in service. Never raises for what the mesh decides."""
    assert plane.plan is not None, "nothing is published yet"
    return Story(plane, plane.plan.locator).of(request)


class Story:
    """One telling, over one plan."""

    def __init__(self, plane: Dataplane, locator: Locator) -> None:
        self._plane = plane
        self._locator = locator
        self._address = plane.identity.address

    def of(self, asked: Request) -> Explanation:
        request = untouched(asked)
        destination = Destination(request.host, request.port, request.scheme == b"https", request.port_given)
        request.port = self._locator.port(destination)
        told = Explanation(
            method=text(request.method),
            host=request.host,
            port=request.port,
            authority=text(request.authority),
            path=text(request.path),
            addresses=self._locator.addresses(request.host),
        )
        listener, chain = self._locator.met(destination)
        told = replace(told, listener=listener.name if listener else "", chain=chain_name(chain))
        match chain.target if chain else None:
            case HttpChain() as http:
                return self._http(told, http, request)
            case TcpChain() as tcp:
                choices = self._choices(tcp.clusters)
                return chosen(replace(told, action="tcp proxy", clusters=tuple(choices)), choices)
        return refused(told, NoRoute(f"no listener of the mesh takes a connection to {request.host}:{request.port}"))

    def _http(self, told: Explanation, chain: HttpChain, request: Request) -> Explanation:
        table = self._locator.table(chain)
        if table is None:
            return refused(told, NoRoute(f"the control plane knows no route table {chain.routes!r}"))
        told = replace(told, table=table.name)
        reword = chain.replies.compiled(self._plane.composer.recorded())
        if reword is not None:
            request.reword = reword
        path = normalise(chain.paths)(request.path)
        if not isinstance(path, bytes):
            response = signed(chain, request, path(request))
            return replace(told, answer=answered(response, "the path is refused before routes see it"))
        request.path = path
        if (change := compile_authority(chain.ports, chain.strip_dot)) is not None:
            request.authority = change(request)
        compile_withhold(table.private_headers)(request)
        try:
            compile_entry(chain.hop)(request)
        except (NoRoute, BadName) as error:
            return refused(told, error)
        return self._routed(replace(told, path=text(path)), table, chain, request)

    def _routed(self, told: Explanation, table: RouteTable, chain: HttpChain, request: Request) -> Explanation:
        trace = trace_route(table, request)
        if trace.host is None:
            return refused(told, NoRoute(f"route table {table.name!r} has no virtual host for {told.authority!r}"))
        if trace.redirected:
            where = Taken(*securing(table, trace.host))
            return self._acted(replace(told, virtual_host=trace.host.name, domain=trace.domain), where, chain, request)
        passed = tuple(Passed(each.route.name, str(each.matcher), each.route.origin) for each in trace.passed)
        told = replace(told, virtual_host=trace.host.name, domain=trace.domain, passed=passed)
        if trace.route is None:
            return refused(told, NoRoute(f"no route of virtual host {trace.host.name!r} matches"))
        taken = Taken(table, trace.host, shown(trace.route, chain.hop))
        told = replace(told, route=trace.route.name, origin=trace.route.origin, layers=self._layers(chain, taken))
        return self._acted(told, taken, chain, request)

    def _layers(self, chain: HttpChain, taken: "Taken") -> tuple[str, ...]:
        """The filters on the way, without what a single weighted cluster says of them."""
        levels = (taken.route.overrides, taken.host.overrides, taken.table.overrides)
        site = Site(isinstance(taken.route.action, Forward), "", taken.route.name, self._address)
        layers = settle(chain.filters, levels, site)
        return tuple(str(layer) for layer in layers if layer.around(nothing) is not nothing)

    def _acted(self, told: Explanation, taken: "Taken", chain: HttpChain, request: Request) -> Explanation:
        known = self._plane.composer.known
        match taken.route.action:
            case Forward() as forward:
                return self._forwarded(told, forward, taken, request)
            case Redirect():
                response = redirect(taken.table, taken.host, taken.route, known(taken.host, taken.route))(request)
                answer = answered(signed(chain, request, response), "the route redirects")
                return replace(told, action="redirect", answer=answer)
            case DirectResponse():
                response = respond(taken.table, taken.host, taken.route, known(taken.host, taken.route))(request)
                answer = answered(signed(chain, request, response), "the route answers")
                return replace(told, action="direct response", answer=answer)

    def _forwarded(self, told: Explanation, forward: Forward, taken: "Taken", request: Request) -> Explanation:
        entries = destined(forward, request, self._address)
        known = self._plane.composer.known
        sent = [taken.sent(entry, request, known(taken.host, taken.route, entry.name)) for entry in entries]
        choices = self._choices(entries, forward.missing_cluster_status)
        told = replace(
            told,
            action="forward",
            clusters=tuple(map(with_request, choices, sent)),
            mirrors=tuple(mirror.cluster for mirror in forward.mirrors),
            timeout=forward.timeout or None,
            retry=forward.retry,
            high=forward.high,
        )
        return chosen(told, choices)

    def _choices(self, entries: tuple[WeightedCluster, ...], missing: int = 503) -> list[Choice]:
        total = sum(entry.weight for entry in entries)
        return [self._choice(entry.name, 100 * entry.weight / total, missing) for entry in entries if entry.weight > 0]

    def _choice(self, name: str, share: float, missing: int) -> Choice:
        upstream = self._plane.upstreams.get(name)
        if upstream is None:
            error = NoCluster(f"the control plane knows no cluster {name!r}")
            error.status = missing
            return Choice(name, share, answer=answer_of(error))
        choice = Choice(name, share, policy=str(upstream.cluster.policy), hosts=tuple(host_states(upstream)))
        if upstream.serving:
            return choice
        return replace(choice, answer=answer_of(NoHealthyHost(f"cluster {name!r} has no host that may be picked")))


def destined(forward: Forward, request: Request, address: str) -> tuple[WeightedCluster, ...]:
    """The clusters that the request may go to, by name: one, where something of the request decides."""
    entries = [entry for entry in forward.clusters if entry.weight > 0]
    number = compile_number(forward, address)
    if number is not None and number(request) is not None:
        entries = [split_by([(entry, entry.weight) for entry in entries], number)(request)]
    return tuple(replace(each, name=named_by(each.header, request)) if each.header else each for each in entries)


def signed(chain: HttpChain, request: Request, response: Response) -> Response:
    """With what the connection manager says in its own name."""
    compile_signature(chain.hop)(request, response)
    return response


def chosen(told: Explanation, choices: list[Choice]) -> Explanation:
    """The mesh answers itself only where no cluster can serve."""
    own = [choice.answer for choice in choices]
    return replace(told, answer=own[0]) if all(own) else told


@dataclass(frozen=True, slots=True)
class Taken:
    """The route that was taken, with what surrounds it."""

    table: RouteTable
    host: VirtualHost
    route: Route

    def sent(self, entry: WeightedCluster, request: Request, known: Known) -> Request:
        """The request as it would go to one of the route's clusters."""
        copied = untouched(request)
        prepare = prepare_request(self.table, self.host, self.route, entry, known)
        if prepare is not None:
            prepare(copied)
        return copied


async def nothing(request: Request) -> Response:
    raise NoRoute("asked about only")


def untouched(request: Request) -> Request:
    """A copy that can be worked on."""
    copied = copy(request)
    copied.headers, copied.record, copied.tried = list(request.headers), Record(), ()
    return copied


def host_states(upstream: Upstream) -> Iterator[HostState]:
    """The hosts of a cluster in the order of the control plane, each with what the balancer makes of it."""
    for host, standing in upstream.candidates():
        yield HostState(host.name, standing, host.weight, host.inflight, host.priority, str(host.locality))


def with_request(choice: Choice, sent: Request) -> Choice:
    return replace(choice, authority=text(sent.authority), path=text(sent.path), headers=texts(sent.headers))


def refused(told: Explanation, error: RequestError) -> Explanation:
    return replace(told, answer=answer_of(error))


def answer_of(error: RequestError) -> Answer:
    """Envoy's local reply to an error."""
    return Answer(error.status, str(error), error.flag, texts(list(error.headers)), text(error.body))


def answered(response: Response, reason: str) -> Answer:
    """What the mesh says by itself; such a body is always at hand."""
    return Answer(response.status, reason, headers=texts(response.headers), body=text(response.body.data))


def chain_name(chain: FilterChain | None) -> str:
    """The filter chain's name, or what it leads to."""
    if chain is None or chain.name:
        return chain.name if chain else ""
    return chain.target.stat_prefix or type(chain.target).__name__


def text(raw: bytes) -> str:
    return raw.decode("latin-1")


def texts(headers: Headers) -> tuple[tuple[str, str], ...]:
    return tuple((text(name), text(value)) for name, value in headers)
