"""One question to Envoy and meshio: resources, what the upstreams do, and the requests. Data, read from YAML."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

CASES = Path(__file__).parents[1] / "cases"
FORM = 3  # of outcomes: goes up when what is recorded of a case changes
COMPARE = ("exact", "counts", "distribution", "gaps")
FIELDS = {
    "name", "routes", "http", "listener", "clusters", "upstreams", "requests", "compare", "known", "rejected", "settle",
    "draws", "dns", "local", "later",
}  # fmt: skip
Json = dict[str, Any]


@dataclass(frozen=True)
class Ask:
    """One request as a client writes it. `repeat` sends it that often, `together` all of those at once.

    `later`: what the case says under this name is told before it.
    `beside`: other requests that begin while it is under way, each after its own `pause`.
    """

    method: str = "GET"
    path: str = "/"
    host: str = "svc"
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    chunked: bool = False
    repeat: int = 1
    together: bool = False
    pause: float = 0.0
    later: bool = False
    beside: tuple["Ask", ...] = ()


@dataclass(frozen=True)
class Case:
    """`told` is what the YAML says, after its defaults; the rest is read from there when it is wanted."""

    topic: str
    name: str
    told: Mapping[str, Any] = field(hash=False)

    def __post_init__(self) -> None:
        if unknown := self.told.keys() - FIELDS:
            raise ValueError(f"{self}: no such field: {', '.join(sorted(unknown))}")
        if self.compare not in COMPARE:
            raise ValueError(f"{self}: compare is one of {', '.join(COMPARE)}")

    def __str__(self) -> str:
        return f"{self.topic}: {self.name}"

    @property
    def compare(self) -> str:
        return str(self.told.get("compare", "exact"))

    @property
    def known(self) -> str:
        """Why the two differ, where that is settled."""
        return str(self.told.get("known", ""))

    @property
    def rejected(self) -> bool:
        """Both must refuse these resources."""
        return bool(self.told.get("rejected", False))

    @property
    def settle(self) -> float:
        """Seconds after each answer in which upstreams may still see something: shadows, hedges."""
        return float(self.told.get("settle", 0.0))

    @property
    def local(self) -> Json | None:
        """The node's `locality`, and the `endpoints` of the cluster that it belongs to itself."""
        return self.told.get("local")

    @cached_property
    def then(self) -> "Case":
        """The same place with other resources: what they become in the middle of the requests."""
        return Case(self.topic, self.name, {**self.told, **self.told["later"]})

    @cached_property
    def asks(self) -> tuple[Ask, ...]:
        return tuple(ask_of(self, told) for told in self.told.get("requests", ["/"]))

    @cached_property
    def digest(self) -> str:
        """Changes with anything that could change an answer."""
        asked = {name: value for name, value in self.told.items() if name != "known"}
        return hashlib.sha256(json.dumps([FORM, asked], sort_keys=True).encode()).hexdigest()[:16]


def ask_of(case: Case, told: Any) -> Ask:
    """A request: "/path", "METHOD /path", or a mapping."""
    if isinstance(told, str):
        method, _, path = told.rpartition(" ") if not told.startswith("/") else ("", "", told)
        return Ask(method=method or "GET", path=path)
    if unknown := told.keys() - Ask.__dataclass_fields__.keys():
        raise ValueError(f"{case}: a request has no {', '.join(sorted(unknown))}")
    beside = tuple(ask_of(case, each) for each in told.get("beside", ()))
    return Ask(**{**told, "headers": tuple(pairs(told.get("headers", {}))), "beside": beside})


def pairs(headers: Any) -> Iterator[tuple[str, str]]:
    """Headers as a mapping of names to a value or several, or as a list of pairs where their order matters."""
    for name, values in headers.items() if isinstance(headers, dict) else headers:
        for value in values if isinstance(values, list) else [values]:
            yield str(name), str(value)


def topics() -> list[str]:
    return sorted(path.stem for path in CASES.glob("*.yaml"))


def load(topic: str) -> list[Case]:
    """The cases of a topic. `defaults` stands for what a case does not say itself. Raises ValueError."""
    text = (CASES / f"{topic}.yaml").read_text()
    told = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    defaults = told.get("defaults", {})
    cases = [Case(topic, str(each["name"]), {**defaults, **each}) for each in told["cases"]]
    names = [case.name for case in cases]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{topic}: two cases of one name: {', '.join(sorted(twice))}")
    return cases
