"""`import meshio` is cheap: an application that starts ten workers pays it ten times."""

import subprocess
import sys

BUDGET = 0.35  # seconds, cold
HEAVY = ("aiohttp", "betterproto2", "click", "fastapi", "grpclib", "h2", "httpx", "rich", "uvloop", "yaml")

LOADED = "import sys, meshio; print(*(name for name in sys.modules if '.' not in name))"
TIMED = "from time import perf_counter; began = perf_counter(); import meshio; print(perf_counter() - began)"


def output_of(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_import_loads_nothing_that_the_program_did_not_ask_for() -> None:
    assert not set(output_of(LOADED).split()) & set(HEAVY)


def test_import_stays_within_its_budget() -> None:
    assert min(float(output_of(TIMED)) for _ in range(3)) < BUDGET
