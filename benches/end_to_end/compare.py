"""Two runs: what changed by more than the rounds of either differ among themselves."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def changes(old: Json, new: Json) -> list[str]:
    """A line for each figure whose spreads do not meet, in the order of the new run."""
    if old["settings"]["rate"] != new["settings"]["rate"]:
        return ["one run had a fixed rate that the other had not: there is nothing to compare"]
    before = dict(figures(old))
    lines = []
    for name, now in figures(new):
        then = before.get(name)
        if then is None or (then["low"] <= now["high"] and now["low"] <= then["high"]):
            continue
        times = f", {now['median'] / then['median']:.2f} times" if then["median"] else ""
        lines.append(f"{name}: {then['median']:,.4g} -> {now['median']:,.4g}{times}")
    return lines


def differences(old: Json, new: Json) -> list[str]:
    """What makes the two runs hard to compare."""
    return [
        f"{part} {name}: then {old[part].get(name)}, now {value}"
        for part in ("machine", "settings")
        for name, value in new[part].items()
        if old[part].get(name) != value
    ]


def figures(run: Json) -> Iterator[tuple[str, dict[str, float]]]:
    """Every figure that has a spread, by a name that two runs share."""
    for row in run["rows"]:
        place = f"{row['way']}, {row['case']}, {row['concurrency']} at a time"
        for name, value in row.items():
            if isinstance(value, dict) and "median" in value:
                yield f"{place}: {name}", value
        for part, value in row["CPU, us"].items():
            yield f"{place}: CPU of the {part}, us", value
