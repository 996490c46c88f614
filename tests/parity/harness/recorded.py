"""Envoy's answers as they are kept in the repository: one file a topic, one line a case."""

import json
from pathlib import Path

from harness.case import Case, Json

RECORDED = Path(__file__).parents[1] / "recorded"
HEADERS = [["content-length", "2"], ["server", "envoy"]]
OK: Json = {"status": 200, "headers": HEADERS, "body": "ok", "note": "- via_upstream"}
USUAL = [["host", "svc"], ["x-envoy-expected-rq-timeout-ms", "15000"]]
END = " HTTP/1.1"


def file_of(topic: str) -> Path:
    return RECORDED / f"{topic}.json"


def read(topic: str) -> dict[str, Json]:
    """By case name: `digest` of the case that was asked, `envoy`: what Envoy did."""
    path = file_of(topic)
    told = json.loads(path.read_text())["cases"] if path.exists() else {}
    return {name: {"digest": digest, "envoy": unpacked(envoy)} for name, (digest, envoy) in told.items()}


def is_current(case: Case, entries: dict[str, Json]) -> bool:
    return case.name in entries and entries[case.name]["digest"] == case.digest


def write(topic: str, cases: list[Case], entries: dict[str, Json], version: str) -> None:
    """In the order of the cases; what is no case any more is left out."""
    kept = {case.name: entries[case.name] for case in cases if case.name in entries}
    compact = {name: [each["digest"], packed(each["envoy"])] for name, each in kept.items()}
    lines = [f"{json.dumps(name)}: {json.dumps(each, separators=(',', ':'))}" for name, each in compact.items()]
    file_of(topic).write_text(f'{{"envoy": "{version}", "cases": {{\n' + ",\n".join(lines) + "\n}}\n")


def packed(envoy: Json) -> Json:
    """What most cases have in common is told in few words: "ok" for an answer, "up GET /" for what was seen."""
    if "asks" not in envoy:
        return envoy
    return {"asks": [[list(map(short_answer, a["answers"])), list(map(short_seen, a["seen"]))] for a in envoy["asks"]]}


def short_answer(told: Json) -> Json | str:
    return "ok" if told == OK else told


def short_seen(told: Json) -> Json | str:
    usual = told["headers"] == USUAL and not told["body"] and told["line"].endswith(END)
    return f"{told['to']} {told['line'].removesuffix(END)}" if usual else told


def unpacked(envoy: Json) -> Json:
    if "asks" not in envoy:
        return envoy
    return {"asks": [{"answers": list(map(answer, a)), "seen": list(map(seen, s))} for a, s in envoy["asks"]]}


def answer(told: Json | str) -> Json:
    return dict(OK) if isinstance(told, str) else told


def seen(told: Json | str) -> Json:
    if not isinstance(told, str):
        return told
    to, line = told.split(" ", 1)
    return {"to": to, "line": line + END, "headers": USUAL, "body": ""}
