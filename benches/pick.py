"""What one decision costs: pick, admit and settle, for every policy, over few hosts and over many.

    python benches/pick.py [--json FILE]

Also what it costs to take over 10,000 hosts, and to rebuild the pick after an ejection among them: all of it, and the
longest that the loop is kept in one go. Bars: 20 ms, and 5 ms in one go; tables that take longer are built in steps.
"""

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, thread_time

from figures import QUICK

from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import TABLES, Maglev
from meshio.balancing.policy import Policy
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.subset import Selector, Subset
from meshio.balancing.uniform import Random
from meshio.message import Request
from meshio.resilience.limits import UNLIMITED, Limits
from meshio.resilience.outlier import OutlierDetection
from meshio.resilience.rates import UNRATED
from meshio.upstream.cluster import Cluster, Eds
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream

SIZES = (10, 100, 1_000, 10_000)
POLICIES: dict[str, tuple[Policy, int]] = {  # the policy, and how many different weights the hosts have
    "least request": (LeastRequest(), 1),
    "least request, weights 1-3": (LeastRequest(), 3),
    "round robin": (RoundRobin(), 1),
    "round robin, weights 1-3": (RoundRobin(), 3),
    "random": (Random(), 1),
    "round robin, weights to 70,000": (RoundRobin(), 70_000),
    "ring hash": (RingHash(), 1),
    "ring hash, 100,000 places": (RingHash(100_000), 1),
    "maglev": (Maglev(), 1),
    "maglev, weights 1-3": (Maglev(), 3),
    "subsets of least request": (Subset(LeastRequest(), (Selector(("v",)),), "any"), 1),
}
ROUNDS, TIMES, REBUILDS = (3, 4_000, 1) if QUICK else (7, 20_000, 3)
UNBOUND = Limits(UNLIMITED, UNLIMITED, UNLIMITED, UNLIMITED)


def cluster(policy: Policy) -> Cluster:
    outlier = OutlierDetection(max_ejection_percent=100, success_rate=UNRATED)
    return Cluster("bench", Eds("bench"), policy, UNBOUND, outlier, panic_threshold=0.0)


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
    return keyed


def decide(live: Upstream, asked: list[Request]) -> float:
    """Seconds for one decision."""
    began = perf_counter()
    for request in asked:
        host = live.admit(request)
        live.settle(host, 200, False, 0.001, 0.0)
    return (perf_counter() - began) / len(asked)


def microseconds(measure: Callable[[], float], rounds: int = ROUNDS) -> float:
    """The best of some rounds: what the machine can do when nobody disturbs it."""
    return min(measure() for _ in range(rounds)) * 1e6


def seconds_of(work: Callable[[], object]) -> Callable[[], float]:
    def measure() -> float:
        began = thread_time()
        work()
        return thread_time() - began

    return measure


def rebuilt_in_steps(live: Upstream) -> list[float]:
    """Seconds of CPU of each step in which the pick is rebuilt, nothing being remembered of the last time."""
    TABLES.clear()
    live.later = lambda upstream: True
    steps = [seconds_of(live.rebuild_pick)()]
    build, more = live.build(), True
    while more:
        began = thread_time()
        more = next(build, False) is None
        steps.append(thread_time() - began)
    return steps


def decisions() -> dict[str, dict[int, float]]:
    asked = requests() * (TIMES // 1_000)
    table: dict[str, dict[int, float]] = {}
    for name, (policy, weights) in POLICIES.items():
        lives = [upstream(policy, hosts, weights) for hosts in SIZES]
        # one round for each size in turn, so that a slow moment of the machine meets them all
        rounds = [[decide(live, asked) for live in lives] for _ in range(ROUNDS)]
        best = [min(each) * 1e6 for each in zip(*rounds, strict=True)]
        table[name] = dict(zip(SIZES, best, strict=True))
    return table


def rebuilds(hosts: int = SIZES[-1]) -> dict[str, dict[str, float]]:
    """Milliseconds to take over that many hosts, all new, all known, and to rebuild the pick alone."""
    table = {}
    for name, (policy, weights) in POLICIES.items():
        settings, endpoints = cluster(policy), assignment(hosts, weights)
        live = upstream(policy, hosts, weights)
        table[name] = {
            "new": microseconds(seconds_of(lambda: upstream(policy, hosts, weights)), REBUILDS) / 1e3,  # noqa: B023
            "known": microseconds(seconds_of(lambda: live.update(settings, endpoints)), REBUILDS) / 1e3,  # noqa: B023
            "pick": microseconds(lambda: sum(rebuilt_in_steps(live)), REBUILDS) / 1e3,  # noqa: B023
            "step": microseconds(lambda: max(rebuilt_in_steps(live)), REBUILDS) / 1e3,  # noqa: B023
        }
    return table


def show(picked: dict[str, dict[int, float]], rebuilt: dict[str, dict[str, float]]) -> None:
    print("one decision, in microseconds, by number of hosts")
    print(f"{'':32}" + "".join(f"{size:>9,}" for size in SIZES) + "   1,000 / 10")
    for name, row in picked.items():
        print(f"{name:32}" + "".join(f"{row[size]:9.2f}" for size in SIZES) + f"{row[1_000] / row[10]:12.2f}x")
    print(f"\ntaking over {SIZES[-1]:,} hosts, in milliseconds")
    print(f"{'':32}{'all new':>9}{'all known':>11}{'pick alone':>12}{'in one go':>11}")
    for name, costs in rebuilt.items():
        print(f"{name:32}{costs['new']:9.1f}{costs['known']:11.1f}{costs['pick']:12.1f}{costs['step']:11.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description="What one decision costs.")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there, too")
    given = parser.parse_args()
    picked, rebuilt = decisions(), rebuilds()
    show(picked, rebuilt)
    if given.json:
        given.json.write_text(json.dumps({"decision_us": picked, "rebuild_ms": rebuilt}, indent=2))


if __name__ == "__main__":
    main()
