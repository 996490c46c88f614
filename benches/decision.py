"""The decision alone: route, split, pick, admit, settle. No socket, no loop.

    python benches/decision.py [--json FILE]

A table of 1,000 virtual hosts with a weighted route each, clusters of 10 to 10,000 hosts, least request; with all that
Envoy's connection manager does to every request (a clean path, internal headers, `x-request-id`). Then the same with
layers, one more in each row. A figure is the quickest of many short spells, since what disturbs only adds.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from figures import Figures, Measured, median_of_rounds

from meshio.balancing.least_request import LeastRequest
from meshio.matching import PathPrefix
from meshio.mesh.dataplane import Dataplane
from meshio.mesh.manner import Manner
from meshio.mesh.snapshot import Identity, Snapshot
from meshio.message import Body, Request, Response, Send
from meshio.resilience.retry import Retry
from meshio.routing.listener import FilterChain, HttpChain, Listener
from meshio.routing.mutation import NO_MUTATION, HeaderMutation, HeaderValue
from meshio.routing.route import Forward, Route, RouteTable, VirtualHost, WeightedCluster
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream

VIRTUAL_HOSTS = 1000
SIZES = (10, 100, 1_000, 10_000)
SPELLS, LOOPS = 200, 100


ISTIO = Retry(frozenset(("connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes")), 2)
ADDED = HeaderMutation((HeaderValue("x-team", "shop", "overwrite"),), ("x-debug",))
LAYERS: dict[str, tuple[dict[str, Any], HeaderMutation]] = {
    "with retries": ({"retry": ISTIO}, NO_MUTATION),
    "and a timeout": ({"retry": ISTIO, "timeout": 15.0}, NO_MUTATION),
    "and headers set and removed": ({"retry": ISTIO, "timeout": 15.0}, ADDED),
}


def snapshot(hosts: int, headers: HeaderMutation = NO_MUTATION, **layers: Any) -> Snapshot:
    clusters = {name: Cluster(name, Eds(name), LeastRequest()) for name in ("a", "b")}
    action = Forward((WeightedCluster("a", 80), WeightedCluster("b", 20)), **{"timeout": None, **layers})
    route = Route((PathPrefix(b"/"),), action, request_headers=headers)
    virtual = tuple(
        VirtualHost(f"s{i}", (f"s{i}.default.svc.cluster.local", f"s{i}"), (route,)) for i in range(VIRTUAL_HOSTS)
    )
    return Snapshot(
        listeners={"l": Listener("l", "0.0.0.0", 9080, (FilterChain(HttpChain("9080")),))},
        routes={"9080": RouteTable("9080", virtual, ignore_port=True)},
        clusters=clusters,
        assignments={name: assignment(name, hosts) for name in clusters},
    )


def assignment(name: str, hosts: int) -> LoadAssignment:
    endpoints = tuple(Endpoint((f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}", 80)) for i in range(hosts))
    return LoadAssignment(name, (LocalityEndpoints(endpoints),))


def admit_and_settle(upstream: Upstream, manner: Manner) -> Send:
    """Where an attempt would use the connection, it is only counted in and out."""
    answer = Response(200, [], Body())
    admit, settle, breaker = upstream.admit, upstream.settle, upstream.breaker

    async def send(request: Request) -> Response:
        host = admit(request, manner.avoid)
        if breaker.active < breaker.most:
            breaker.active += 1
            host.inflight += 1
            host.requests += 1
        breaker.active -= 1
        host.inflight -= 1
        settle(host, 200, False, 0.001, 1.0)
        return answer

    return send


def decide(plane: Dataplane) -> Callable[[], float]:
    """Microseconds per decision, for requests to one of the virtual hosts."""
    headers = [(b"x-user", b"ann")]
    request = Request(b"GET", b"s500", b"/reviews/1", headers, host="s500", port=9080)

    def spell() -> float:
        began = perf_counter()
        for _ in range(LOOPS):
            request.headers = headers  # as the caller gave them
            run(plane.route(request)(request))
        return (perf_counter() - began) / LOOPS * 1e6

    return lambda: min(spell() for _ in range(SPELLS))


def run(answer: Awaitable[Response]) -> None:
    """Drive a coroutine that never waits."""
    try:
        answer.__await__().send(None)
    except StopIteration:
        return
    raise AssertionError("the decision must not wait")


async def plane(told: Snapshot) -> Dataplane:
    made = Dataplane(Identity(), admit_and_settle)
    await made.prepare(told)
    made.publish(told)
    return made


async def measure() -> dict[int | str, Measured]:
    """In a running loop, which timeouts ask for the time."""
    made: dict[int | str, Dataplane] = {size: await plane(snapshot(size)) for size in SIZES}
    for name, (layers, headers) in LAYERS.items():
        made[name] = await plane(snapshot(1_000, headers, **layers))
    return median_of_rounds({key: decide(each) for key, each in made.items()})


def main() -> int:
    times = asyncio.run(measure())
    figures = Figures("the decision alone, us")
    for size in SIZES:
        figures.add(f"{size:,} hosts", times[size], {"times 10 hosts": times[size] / times[10]})
    for name in LAYERS:
        figures.add(f"1,000 hosts, {name}", times[name])
    figures.bar("1,000 hosts, us", times[1_000], 3.0)
    figures.bar("1,000 against 10 hosts", times[1_000] / times[10], 1.2)
    figures.bar("10,000 against 10 hosts", times[10_000] / times[10], 1.3)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
