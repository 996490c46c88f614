"""What does the route decision cost, and does it depend on the size of the mesh?

    python benches/route.py

Nanoseconds per decision (best of five), with a request for the last virtual host and the last route.
"""

from timeit import repeat

from meshio.matching import Header, Path, PathPrefix, Prefix
from meshio.message import Request
from meshio.routing.listener import PathNormalisation
from meshio.routing.normalise import normalise
from meshio.routing.route import DirectResponse, Route, RouteTable, VirtualHost
from meshio.routing.router import compile_router
from meshio.routing.split import split

OK = DirectResponse(200)
EVERYTHING = Route((PathPrefix(b"/"),), OK)
ROUNDS = 50_000


def table(hosts: int, *routes: Route) -> RouteTable:
    """Virtual hosts as istiod writes them: five domains each, ports ignored."""
    names = [f"svc-{at}" for at in range(hosts)]
    domains = [
        (f"{name}.ns.svc.cluster.local", name, f"{name}.ns", f"{name}.ns.svc", f"10.0.{at // 250}.{at % 250}")
        for at, name in enumerate(names)
    ]
    virtual = tuple(VirtualHost(names[0], each, routes) for each in domains)
    return RouteTable("9080", (*virtual, VirtualHost("any", ("*",), (EVERYTHING,))), ignore_port=True)


def nanoseconds(call: object, argument: object) -> float:
    scope = {"call": call, "argument": argument}
    return min(repeat("call(argument)", globals=scope, number=ROUNDS, repeat=5)) / ROUNDS * 1e9


def decide(routes: tuple[Route, ...], hosts: int, path: bytes) -> float:
    router = compile_router(table(hosts, *routes), lambda table, host, route: route)
    request = Request(b"GET", b"svc-%d.ns:9080" % (hosts - 1), path, [(b"user-agent", b"bench"), (b"x-user", b"ann")])
    return nanoseconds(router, request)


def main() -> None:
    canary = Route((PathPrefix(b"/"), Header(b"x-user", Prefix(b"bob"))), OK)
    exact = [Route((Path(b"/r/%d" % at),), OK) for at in range(99)]
    prefixes = [Route((PathPrefix(b"/r/%d/" % at),), OK) for at in range(99)]
    tables = {
        "1 route": (EVERYTHING,),
        "header canary": (canary, EVERYTHING),
        "20 exact paths": (*exact[:19], EVERYTHING),
        "100 exact paths": (*exact, EVERYTHING),
        "20 prefixes": (*prefixes[:19], EVERYTHING),
        "100 prefixes": (*prefixes, EVERYTHING),
    }
    for name, routes in tables.items():
        few, many = decide(routes, 10, b"/x/1"), decide(routes, 1_000, b"/x/1")
        print(f"route: {name:16} 10 hosts {few:6.0f} ns, 1,000 hosts {many:6.0f} ns, ratio {many / few:.2f}")
    clean = normalise(PathNormalisation(True, True, "forward"))
    print(f"route: normalise a clean path {nanoseconds(clean, b'/productpage/1?x=y'):6.0f} ns")
    draw = split([("v1", 80), ("v2", 20)])
    print(f"route: 80/20 split {nanoseconds(lambda argument: draw(), None):6.0f} ns")


if __name__ == "__main__":
    main()
