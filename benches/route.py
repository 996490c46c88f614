"""What does the route decision cost, and does it depend on the size of the mesh?

    python benches/route.py [--json FILE]

Nanoseconds per decision among 10 and 1,000 virtual hosts, asked for the last one; path and headers meet the last
route. Bar: a virtual host with one route costs below 1 us, and at most 1.3 times as much among 1,000 as among 10.
"""

import sys
from collections.abc import Callable
from timeit import timeit

from figures import Figures, median_of_rounds

from meshio.matching import Header, Path, PathPrefix, Prefix
from meshio.message import Request
from meshio.routing.listener import PathNormalisation
from meshio.routing.normalise import normalise
from meshio.routing.route import DirectResponse, Route, RouteTable, VirtualHost
from meshio.routing.router import compile_router
from meshio.routing.split import split

OK = DirectResponse(200)
EVERYTHING = Route((PathPrefix(b"/"),), OK)
CANARY = Route((PathPrefix(b"/"), Header(b"x-user", Prefix(b"bob"))), OK)
EXACT = tuple(Route((Path(b"/r/%d" % at),), OK) for at in range(99))
PREFIXES = tuple(Route((PathPrefix(b"/r/%d/" % at),), OK) for at in range(99))
TABLES = {
    "1 route": (EVERYTHING,),
    "header canary": (CANARY, EVERYTHING),
    "20 exact paths": (*EXACT[:19], EVERYTHING),
    "100 exact paths": (*EXACT, EVERYTHING),
    "20 prefixes": (*PREFIXES[:19], EVERYTHING),
    "100 prefixes": (*PREFIXES, EVERYTHING),
}
FEW, MANY = 10, 1_000
LOOPS = 20_000


def table(hosts: int, routes: tuple[Route, ...]) -> RouteTable:
    """Virtual hosts as istiod writes them: several domains each, ports ignored."""
    virtual = [
        VirtualHost(name, (f"{name}.ns.svc.cluster.local", name, f"{name}.ns", f"{name}.ns.svc"), routes)
        for name in (f"svc-{at}" for at in range(hosts))
    ]
    return RouteTable("9080", (*virtual, VirtualHost("any", ("*",), (EVERYTHING,))), ignore_port=True)


def decision(hosts: int, routes: tuple[Route, ...]) -> Callable[[], float]:
    router = compile_router(table(hosts, routes), lambda table, host, route: route)
    headers = [(b"user-agent", b"bench"), (b"x-user", b"ann")]
    return nanoseconds(router, Request(b"GET", b"svc-%d.ns:9080" % (hosts - 1), b"/x/1", headers))


def nanoseconds(call: Callable[..., object], *arguments: object) -> Callable[[], float]:
    scope = {"call": call, "arguments": arguments}
    return lambda: timeit("call(*arguments)", globals=scope, number=LOOPS) / LOOPS * 1e9


def main() -> int:
    decisions = {(name, hosts): decision(hosts, routes) for name, routes in TABLES.items() for hosts in (FEW, MANY)}
    others = {
        ("normalise a clean path", 0): nanoseconds(normalise(PathNormalisation(True, True)), b"/productpage/1?x=y"),
        ("split 80/20", 0): nanoseconds(split([("v1", 80), ("v2", 20)])),
    }
    taken = median_of_rounds(decisions | others)
    figures = Figures("route decision, ns")
    for name in TABLES:
        figures.add(name, taken[name, MANY], {"10 virtual hosts": taken[name, FEW]})
    for name, _ in others:
        figures.add(name, taken[name, 0])
    figures.bar("1 route, 1,000 virtual hosts", taken["1 route", MANY], 1_000)
    figures.bar("1 route, 1,000 over 10 virtual hosts", taken["1 route", MANY] / taken["1 route", FEW], 1.3)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
