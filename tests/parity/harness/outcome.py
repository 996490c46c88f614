"""What came of a case, as JSON, without what varies from run to run."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from harness.case import Case, Json
from harness.upstream import Seen

HOP = "says something about one hop, and every hop says its own"
CLOCK = "only a clock knows it"
ANSWER_LEFT_OUT: Mapping[str, str] = {
    "connection": HOP,
    "date": CLOCK,
    "keep-alive": HOP,
    "transfer-encoding": HOP,
    "x-envoy-upstream-service-time": CLOCK,
}
SEEN_LEFT_OUT: Mapping[str, str] = {
    "connection": HOP,
    "content-length": "how a body is framed is up to each client; the body is compared",
    "transfer-encoding": HOP,
}
# What every request has, and so is not written down: only what is otherwise is, or that it is missing.
USUAL = {
    "x-forwarded-proto": re.compile("http"),
    "x-request-id": re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
}
MISSING = "(missing)"
JOINED = ("accept", "x-forwarded-for")  # Envoy stores these once; several lines say the same (RFC 9110, 5.3)
REMAINING = "x-envoy-expected-rq-timeout-ms"  # of a later attempt: what the clock left
WIDTH = 20  # milliseconds
SHADOW = ("x-envoy-internal", "true")  # on it, x-forwarded-for is the machine's own address


@dataclass
class Answer:
    """What a client got. `broken`: the body, or all of it, never came. `note`: response flags and code details."""

    status: int
    headers: list[tuple[str, str]]
    body: str
    broken: bool = False
    note: str = ""

    def told(self) -> Json:
        headers = plain(self.headers, ANSWER_LEFT_OUT)
        told = {"status": self.status, "headers": headers, "body": self.body, "note": self.note}
        return told | ({"broken": True} if self.broken else {})


@dataclass(frozen=True)
class Exchange:
    """One request, or several that were sent together."""

    answers: list[Answer]
    seen: list[Seen]

    def told(self, case: Case) -> Json:
        answers, seen = [each.told() for each in self.answers], [message(each, i) for i, each in enumerate(self.seen)]
        if len(answers) > 1 or case.settle:  # which of them comes first is chance
            answers, seen = sorted(answers, key=json.dumps), sorted(seen, key=json.dumps)
        return {"answers": answers, "seen": seen}

    def key(self) -> str:
        """For counting: the status, and the way through the upstreams."""
        return " ".join([str(each.status) for each in self.answers] + [each.upstream for each in self.seen])


def refused(kinds: Iterable[str]) -> Json:
    """Resources of these kinds were not accepted."""
    return {"refused": sorted(set(kinds))}


def outcome(case: Case, exchanges: list[list[Exchange]]) -> Json:
    """`exchanges` of each ask."""
    if case.compare == "gaps":
        return {"counts": [dict(sorted(Counter(gaps(ask)).items())) for ask in exchanges]}
    if case.compare == "exact":
        return {"asks": [each.told(case) for ask in exchanges for each in ask]}
    return {"counts": [dict(sorted(Counter(each.key() for each in ask).items())) for ask in exchanges]}


def gaps(exchanges: list[Exchange]) -> Iterator[str]:
    """How long after its former try each retry came, in steps of WIDTH: "2: 20 ms" for the second one."""
    tries: dict[str, list[float]] = {}
    for each in (seen for exchange in exchanges for seen in exchange.seen):
        tries.setdefault(each.request, []).append(each.at)
    for times in tries.values():
        for retry, (before, after) in enumerate(pairwise(times), 1):
            yield f"{retry}: {int((after - before) * 1000 / WIDTH) * WIDTH} ms"


def message(seen: Seen, attempt: int) -> Json:
    head, _, body = seen.raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = [(name.lower(), value.strip(" ")) for name, _, value in (line.partition(":") for line in lines)]
    masked = [(name, "*" if attempt and name == REMAINING else value) for name, value in headers]
    if SHADOW in masked:
        masked = [pair for pair in masked if pair[0] != "x-forwarded-for"]
    told = plain(unusual(joined(masked)), SEEN_LEFT_OUT)
    return {"to": seen.upstream, "line": first, "headers": told, "body": body.decode("latin-1")}


def joined(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """With one line for what Envoy keeps in one."""
    kept = [pair for pair in headers if pair[0] not in JOINED]
    values = {name: [value for key, value in headers if key == name] for name in JOINED}
    return kept + [(name, ",".join(each)) for name, each in values.items() if each]


def unusual(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without what every request has; what is missing of it is said."""
    found = {name for name, _ in headers}
    kept = [(name, value) for name, value in headers if name not in USUAL or not USUAL[name].fullmatch(value)]
    return kept + [(name, MISSING) for name in USUAL if name not in found]


def plain(headers: list[tuple[str, str]], left_out: Mapping[str, str]) -> list[Any]:
    """Sorted by name; the order of equal names is kept."""
    kept = [[name, value.strip(" ")] for name, value in headers if name not in left_out]
    return sorted(kept, key=lambda pair: pair[0])
