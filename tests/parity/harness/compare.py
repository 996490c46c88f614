"""Whether two outcomes of a case agree; if not, where they part."""

from collections.abc import Iterator
from typing import Any

from harness.case import Case, Json
from harness.chance import ERROR, differ


def differences(case: Case, envoy: Json, ours: Json) -> list[str]:
    """In words, one a difference; [] where both agree."""
    if envoy.keys() != ours.keys() or case.compare not in ("distribution", "gaps") or "refused" in envoy:
        return list(parts("", envoy, ours))
    found = []
    for at, (theirs, mine) in enumerate(zip(envoy["counts"], ours["counts"], strict=True)):
        if (chance := differ(theirs, mine)) < ERROR:
            found.append(f"counts[{at}]: Envoy {theirs}, meshio {mine}: by chance only with p = {chance:.1e}")
    return found


def parts(at: str, envoy: Any, ours: Any) -> Iterator[str]:
    if isinstance(envoy, dict) and isinstance(ours, dict):
        for key in dict.fromkeys((*envoy, *ours)):
            yield from parts(f"{at}.{key}".lstrip("."), envoy.get(key), ours.get(key))
    elif at.endswith("headers") and isinstance(envoy, list) and isinstance(ours, list):
        yield from headers_parts(at, envoy, ours)
    elif isinstance(envoy, list) and isinstance(ours, list) and len(envoy) == len(ours):
        for index, (theirs, mine) in enumerate(zip(envoy, ours, strict=True)):
            yield from parts(f"{at}[{index}]", theirs, mine)
    elif envoy != ours:
        yield f"{at}: Envoy {envoy!r}, meshio {ours!r}"


def headers_parts(at: str, envoy: list[Any], ours: list[Any]) -> Iterator[str]:
    """By name: a header that is missing should not shift all others."""
    for name in dict.fromkeys(name for name, _ in (*envoy, *ours)):
        theirs, mine = ([value for key, value in side if key == name] for side in (envoy, ours))
        if theirs != mine:
            yield f"{at}[{name}]: Envoy {theirs}, meshio {mine}"
