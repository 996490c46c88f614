"""What one decision costs, and what it costs when hosts change: for every balancing policy, over few hosts and many.

    python benches/pick.py [--json FILE] [--compare OLD.JSON]

    10 hosts, 1,000, 10,000   one decision in microseconds: pick, admit and settle
    rebuild        milliseconds until the pick of 10,000 hosts is new after one of them was ejected
    longest        the longest of the steps in which that is done; the former pick serves meanwhile
    first          the longest of the steps in which the first pick is built, for the first request or before it
    all new        milliseconds to take over 10,000 hosts; `all known`: the same ones again
    garbage        what Python's garbage collector took during one rebuild, at most; it is in none of the other figures

The last rows are tables for few hosts, which the first request waits for while others are served. Time is CPU time of
the process, so that it does not matter what else the machine does. Of the steps, each is the fastest of several times:
a step that is interrupted has cold caches.
"""

import gc
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from time import process_time

from figures import QUICK, ROUNDS, Figures, Measured, median_of_rounds

from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import TABLES, Maglev
from meshio.balancing.policy import Policy
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.subset import Selector, Subset
from meshio.balancing.uniform import Random
from meshio.message import Request
from meshio.resilience.limits import UNLIMITED, Limits
from meshio.resilience.outlier import OutlierDetection
from meshio.resilience.rates import UNRATED
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

SIZES = (10, 1_000, 10_000)
MANY = SIZES[-1]
PLAIN: dict[str, tuple[Policy, int]] = {  # the policy, and how many different weights the hosts have
    "least request": (LeastRequest(), 1),
    "least request, weights 1-3": (LeastRequest(), 3),
    "least request, slow start": (LeastRequest(slow_start=SlowStart(60.0)), 1),
    "round robin": (RoundRobin(), 1),
    "round robin, weights 1-3": (RoundRobin(), 3),
    "round robin, weights to 70,000": (RoundRobin(), 70_000),
    "random": (Random(), 1),
    "subsets of least request": (Subset(LeastRequest(), (Selector(("v",)),), "any"), 1),
}
TABULAR: dict[str, tuple[Policy, int]] = {
    "ring hash": (RingHash(), 1),
    "ring hash, 100,000 places": (RingHash(100_000), 1),
    "maglev": (Maglev(), 1),
    "maglev, weights 1-3": (Maglev(), 3),
}
POLICIES = PLAIN | TABULAR
SMALL = {"maglev, 3 hosts": 3, "maglev, 100 hosts": 100}
TIMES, REPEATS = (4_000, 2) if QUICK else (20_000, 5)
UNBOUND = Limits(UNLIMITED, UNLIMITED, UNLIMITED, UNLIMITED)
STRETCH, WHOLE = 5, 20  # milliseconds: the bars


def cluster(policy: Policy) -> Cluster:
    outlier = OutlierDetection(consecutive_5xx=1, max_ejection_percent=100, success_rate=UNRATED)
    return Cluster("bench", Eds("bench"), policy, UNBOUND, outlier=outlier, panic_threshold=0.0)


def assignment(hosts: int, weights: int) -> LoadAssignment:
    return LoadAssignment("bench", (LocalityEndpoints(tuple(endpoint(i, weights) for i in range(hosts))),))


def endpoint(i: int, weights: int) -> Endpoint:
    address = f"10.{i >> 16}.{i >> 8 & 255}.{i & 255}"
    return Endpoint((address, 80), 1 + i % weights, labels=(("v", str(i % 100)),))


def upstream(policy: Policy, hosts: int, weights: int) -> Upstream:
    live = Upstream()
    live.update(cluster(policy), assignment(hosts, weights))
    return live


def requests() -> list[Request]:
    keyed = [Request(b"GET", b"bench", b"/", []) for _ in range(1_000)]
    for request in keyed:
        request.hash = random.getrandbits(64)
    return keyed * (TIMES // 1_000)


@dataclass
class Watch:
    """CPU seconds, those of the garbage collector apart."""

    garbage: float = 0.0
    steps: list[float] = field(default_factory=list)
    _began: float = 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._began = process_time()
        else:
            self.garbage += process_time() - self._began

    @contextmanager
    def step(self) -> Iterator[None]:
        garbage, began = self.garbage, process_time()
        yield
        self.steps.append(process_time() - began - (self.garbage - garbage))


def watched(work: Callable[[Watch], None]) -> Watch:
    watch = Watch()
    gc.callbacks.append(watch)
    try:
        work(watch)
    finally:
        gc.callbacks.remove(watch)
    return watch


def in_steps(live: Upstream, begin: Callable[[], object]) -> Watch:
    """What changes the hosts, and each step until the pick is built; nothing is remembered of the last time."""

    def work(watch: Watch) -> None:
        live.later = lambda upstream: True
        with watch.step():
            begin()
        build, more = live.build(), True
        while more:
            with watch.step():
                more = next(build, False) is None
        live.later = None

    TABLES.clear()
    return watched(work)


def ejection(live: Upstream) -> Watch:
    """One host more is ejected."""
    host = random.choice([host for host in live.hosts.values() if not host.ejected])
    return in_steps(live, lambda: eject(live, host))


def eject(live: Upstream, host: Host) -> None:
    assert live.settle(host, 503, False, 0.01, 0.0)


def first(policy: Policy, hosts: int, weights: int) -> Watch:
    """From endpoints to the first pick; making hosts of many endpoints, in steps of its own, does not count."""
    live, settings, endpoints = Upstream(), cluster(policy), assignment(hosts, weights)
    roster = live.draft(settings, endpoints)
    for _ in roster.steps() if roster is not None else ():
        pass

    def begin() -> None:
        live.update(settings, endpoints, roster)
        assert live.serving

    return in_steps(live, begin)


def repeated(run: Callable[[], Watch]) -> Watch:
    """Each step the fastest of several times; the garbage collector's longest share."""
    runs = [run() for _ in range(REPEATS)]
    steps = [min(same) for same in zip_longest(*(each.steps for each in runs), fillvalue=1.0)]
    return Watch(max(each.garbage for each in runs), steps)


def decision(live: Upstream, asked: list[Request]) -> Callable[[], float]:
    """Microseconds for one decision."""

    def measure() -> float:
        began = process_time()
        for request in asked:
            live.settle(live.admit(request), 200, False, 0.001, 0.0)
        return (process_time() - began) / len(asked) * 1e6

    return measure


def milliseconds(work: Callable[[], object]) -> float:
    def timed(watch: Watch) -> None:
        with watch.step():
            work()

    return min(watched(timed).steps[0] for _ in range(REPEATS)) * 1e3


def policy_row(policy: Policy, weights: int) -> dict[str, float]:
    live, endpoints = upstream(policy, MANY, weights), assignment(MANY, weights)
    settings = live.cluster
    rebuilt = repeated(lambda: ejection(live))
    return {
        "rebuild": sum(rebuilt.steps) * 1e3,
        "longest": max(rebuilt.steps) * 1e3,
        "first": max(repeated(lambda: first(policy, MANY, weights)).steps) * 1e3,
        "all new": milliseconds(lambda: upstream(policy, MANY, weights)),
        "all known": milliseconds(lambda: live.update(settings, endpoints)),
        "garbage": rebuilt.garbage * 1e3,
    }


def small_row(hosts: int) -> dict[str, float]:
    found = repeated(lambda: first(Maglev(), hosts, 1))
    return {"rebuild": sum(found.steps) * 1e3, "first": max(found.steps) * 1e3, "garbage": found.garbage * 1e3}


def decisions() -> dict[tuple[str, int], Measured]:
    asked = requests()
    lives = {(n, size): upstream(policy, size, w) for n, (policy, w) in POLICIES.items() for size in SIZES}
    return median_of_rounds({key: decision(live, asked) for key, live in lives.items()}, 2 if QUICK else ROUNDS)


def main() -> int:
    picked = decisions()
    gc.collect()
    gc.freeze()
    costs = {name: policy_row(*how) for name, how in POLICIES.items()}
    figures = Figures("one decision, us; for 10,000 hosts, ms of CPU", "10 hosts")
    for name, row in costs.items():
        sizes = {f"{size:,}": picked[name, size] for size in SIZES[1:]}
        figures.add(name, picked[name, SIZES[0]], sizes | row)
    for name, hosts in SMALL.items():
        costs[name] = small_row(hosts)
        figures.add(name, decision(upstream(Maglev(), hosts, 1), requests())(), costs[name])
    figures.bar("10,000 hosts, any policy without a table, ms", max(costs[name]["rebuild"] for name in PLAIN), WHOLE)
    for word in ("longest", "first"):
        longest = max(row[word] for row in costs.values() if word in row)
        figures.bar(f"{word} step of any policy, ms", longest, STRETCH)
    return figures.finish()


if __name__ == "__main__":
    sys.exit(main())
