"""Writes docs/parity.md from the cases of tests/parity, their recordings, and the numbers of the last live run.

python docs/generate_parity.py            write the page
python docs/generate_parity.py --check    exit code 1 when the page is not what would be written
"""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "parity.md"
BENCH = ROOT / "tests" / "parity"
sys.path.insert(0, str(BENCH))

from harness.areas import AREAS  # noqa: E402
from harness.case import CASES, Case, load, topics  # noqa: E402

HEAD = """# Envoy parity

<!-- Written by docs/generate_parity.py from tests/parity. Edit the cases there, not this page. -->

The same configuration has to mean the same thing in a sidecar and in meshio. So both are asked: a control plane serves
the same resources to a real Envoy {version} and to meshio, both send the same requests to the same recording upstreams,
and what comes of it is compared: status, headers and body of the answer, Envoy's response flags and details, which
upstream saw which request, in which order, and how often. Resources that Envoy refuses, meshio has to refuse. Where
chance decides, two samples are held to one distribution by a chi-squared test that errs once in a million times.

    make parity                 live, against a real Envoy; about five minutes
    make test                   the same cases against Envoy's recorded answers

Cases are data, one YAML file a topic: [how to write one](../tests/parity/README.md).
"""
MADE_UP = """## Cases that are made up

On top of these, every run makes up configurations and requests, asks both, and shrinks what they disagree on to a case
like the others: [generated](../tests/parity/cases/generated.yaml) keeps what that has found. The last whole run that
was kept, with `SEED={seed}`, took {minutes} minutes on two cores. Of {fixed} fixed cases {agreed} agreed and {known}
differed as known below; {requests} made-up requests were sent under {cases} made-up configurations:
"""
FIXED = (("fixed", "cases"), ("agreed", "agreed"), ("known", "known"))
KNOWN = """## Known differences

Everything else that a case has shown to differ is a bug.
"""


def page() -> str:
    """The whole text."""
    cases = {topic: load(topic) for topic in topics()}
    last = json.loads((BENCH / "last_run.json").read_text())
    parts = (HEAD.format(version=last["envoy"]), *fixed(cases), *made_up(last), *known(cases))
    return "\n".join(parts)


def fixed(cases: dict[str, list[Case]]) -> Iterator[str]:
    yield "## Topics\n"
    yield "| topic | what it is about | cases | requests | known differences |"
    yield "|---|---|---:|---:|---:|"
    for topic, each in cases.items():
        yield f"| [{topic}](../tests/parity/cases/{topic}.yaml) | {title(topic)} | {numbers(each)} |"
    yield f"| all | | {numbers([case for each in cases.values() for case in each])} |\n"


def title(topic: str) -> str:
    """The comment that a file of cases begins with."""
    first = (CASES / f"{topic}.yaml").read_text().partition("\n")[0]
    return first.removeprefix("#").strip().rstrip(".") if first.startswith("#") else ""


def numbers(cases: Iterable[Case]) -> str:
    told = list(cases)
    requests = sum(ask.repeat for case in told if not case.rejected for ask in case.asks)
    return f"{len(told):,} | {requests:,} | {sum(bool(case.known) for case in told)}"


def made_up(last: dict[str, Any]) -> Iterator[str]:
    areas: dict[str, dict[str, int]] = last["made up"]
    total = {name: sum(area[name] for area in areas.values()) for name in ("cases", "requests")}
    counts = {name: f"{number:,}" for name, number in total.items()}
    fixed = {name: f"{last['fixed'][key]:,}" for name, key in FIXED}
    yield MADE_UP.format(seed=last["seed"], minutes=minutes(last["seconds"]), **counts, **fixed)
    yield "| area | what it is about | configurations | requests | disagreements |"
    yield "|---|---|---:|---:|---:|"
    for name, area in areas.items():
        yield f"| {name} | {AREAS[name].about} | {area['cases']:,} | {area['requests']:,} | {area['unexplained']} |"
    yield ""


def minutes(seconds: int) -> str:
    return f"{max(1, round(seconds / 60))}"


def known(cases: dict[str, list[Case]]) -> Iterator[str]:
    yield KNOWN
    yield "| topic | case | why |"
    yield "|---|---|---|"
    for topic, each in cases.items():
        for case in each:
            if case.known:
                yield f"| {topic} | {escaped(case.name)} | {escaped(case.known)} |"
    yield ""


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text() != page())
    PAGE.write_text(page())
