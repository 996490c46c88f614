"""What a host says of its load with a response: the ORCA report in its headers (gRFC A51, A58, A114).

`endpoint-load-metrics` holds `TEXT name=value,...`, `JSON {...}` or `BIN base64`, `endpoint-load-metrics-bin` base64
alone. A report of which any part is wrong counts for nothing. Envoy: source/common/orca/orca_parser.cc, measured on
1.40.
"""

import json
import struct
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TypeAlias

from meshio.balancing.wire import fields_of
from meshio.message import Headers

TEXT, BINARY = b"endpoint-load-metrics", b"endpoint-load-metrics-bin"
Numbers: TypeAlias = dict[str, float]

SCALARS = {
    1: "cpu_utilization", 2: "mem_utilization", 6: "rps_fractional", 7: "eps", 9: "application_utilization",
}  # fmt: skip
"""Fields of the `OrcaLoadReport` message that are numbers."""
MAPS = {4: "request_cost", 5: "utilization", 8: "named_metrics"}
IGNORED = {3: "rps"}  # a whole number, which nobody reads any more
CAMEL = {
    "".join(part.capitalize() if i else part for i, part in enumerate(name.split("_"))): name
    for name in (*SCALARS.values(), *MAPS.values(), *IGNORED.values())
}


@dataclass(frozen=True, slots=True)
class LoadReport:
    """Shares of what the host can do, requests and errors per second, and metrics of its own by name."""

    numbers: Mapping[str, float] = field(default_factory=dict)
    maps: Mapping[str, Numbers] = field(default_factory=dict)

    def number(self, name: str) -> float:
        """One of the numbers; 0 where the report does not say it."""
        return self.numbers.get(name, 0.0)

    def largest(self, names: tuple[str, ...]) -> float:
        """The largest of some metrics: numbers, `named_metrics.x`, `utilization.x`, or `named_metrics.*` for all."""
        found = [0.0]
        for name in names:
            kind, _, key = name.partition(".")
            values = self.maps.get(kind, {})
            if key == "*":
                found += values.values()
            elif key:
                found.append(values.get(key, 0.0))
            else:
                found.append(self.number(name))
        return max(found)


def report_in(headers: Headers) -> LoadReport | None:
    """The report that headers hold; None for none, or a broken one."""
    said = None
    for name, value in headers:
        if name == BINARY:
            return parsed(b"BIN " + value)
        if name == TEXT and said is None:
            said = value
    return None if said is None else parsed(said)


def parsed(value: bytes) -> LoadReport | None:
    """A report in one of its three forms."""
    form, _, content = value.partition(b" ")
    try:
        match form:
            case b"TEXT":
                return from_text(content.decode("latin-1"))
            case b"JSON":
                return from_json(json.loads(content))
            case b"BIN":
                return from_binary(b64decode(content, validate=True))
    except (ValueError, RecursionError):  # what base64, JSON and UTF-8 cannot be read raises kinds of ValueError
        return None
    return None


def from_text(content: str) -> LoadReport:
    """Raises ValueError."""
    numbers: Numbers = {}
    maps: dict[str, Numbers] = {}
    seen = set()
    for part in filter(None, map(str.strip, content.split(","))):
        name, value = pair(part)
        if name in seen:
            raise ValueError(f"{name} is there twice")
        seen.add(name)
        kind, _, key = name.partition(".")
        if kind in MAPS.values() and key:
            maps.setdefault(kind, {})[key] = value
        elif name in SCALARS.values():
            numbers[name] = value
        else:
            raise ValueError(f"{name} is not a metric")
    return LoadReport(numbers, maps)


def pair(part: str) -> tuple[str, float]:
    """`name=value` or `name:value`. Raises ValueError."""
    at = min((found for sign in "=:" if (found := part.find(sign)) >= 0), default=-1)
    value = part[at + 1 :]
    if at < 0 or "_" in value:
        raise ValueError(f"{part} is not a metric and its value")
    return part[:at], finite(float(value))


def finite(value: float) -> float:
    if not isfinite(value):
        raise ValueError("is not a finite number")
    return value


def from_json(content: object) -> LoadReport:
    """Raises ValueError."""
    numbers: Numbers = {}
    maps: dict[str, Numbers] = {}
    for said, value in items(content):
        name = CAMEL.get(said, said)
        if name in MAPS.values():
            maps[name] = {key: json_number(each) for key, each in items(value)}
        elif name in SCALARS.values():
            numbers[name] = json_number(value)
        elif name not in IGNORED.values():
            raise ValueError(f"{said} is not a field of a load report")
    return LoadReport(numbers, maps)


def items(value: object) -> list[tuple[str, object]]:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise ValueError("an object is needed")
    return list(value.items())


def json_number(value: object) -> float:
    """Protobuf's JSON has numbers as texts, too."""
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("a number is needed")
    return float(value)


def from_binary(raw: bytes) -> LoadReport:
    """Raises ValueError."""
    numbers: Numbers = {}
    maps: dict[str, Numbers] = {}
    for field_number, value in fields_of(raw):
        if field_number in SCALARS:
            numbers[SCALARS[field_number]] = double(value)
        elif field_number in MAPS and isinstance(value, bytes):
            entry = dict(fields_of(value))
            key = entry.get(1, b"")
            if isinstance(key, bytes):
                maps.setdefault(MAPS[field_number], {})[key.decode()] = double(entry.get(2, bytes(8)))
    return LoadReport(numbers, maps)


def double(value: int | bytes) -> float:
    """Raises ValueError."""
    if not isinstance(value, bytes) or len(value) != 8:
        raise ValueError("a double is needed")
    found: float = struct.unpack("<d", value)[0]
    return found
