"""How long to wait before trying again. Envoy: common/backoff_strategy.cc, router/reset_header_parser.cc."""

from dataclasses import dataclass
from random import random
from typing import Literal

from meshio.message import Response


@dataclass(frozen=True, slots=True)
class ResetHeader:
    """A response header that says when the host has time again: after so many `seconds`, or `at` a Unix time."""

    name: bytes
    format: Literal["seconds", "at"] = "seconds"

    def interval(self, response: Response, wall: float) -> float | None:
        """Seconds from `wall`, the Unix time that it is; None where the header does not tell."""
        value = response.header(self.name)
        if value is None or not value.isdigit():
            return None
        if self.format == "seconds":
            return float(value)
        wait = int(value) - int(wall)
        return float(wait) if wait >= 0 else None


@dataclass(frozen=True, slots=True)
class RateLimited:
    """Wait as long as the response says, if one of its headers does, and not for more than `longest` seconds."""

    headers: tuple[ResetHeader, ...]
    longest: float = 300.0

    def delay(self, response: Response, wall: float) -> float | None:
        """Seconds, from what was said up to half as much again; None where nothing (or too much) was."""
        for header in self.headers:
            interval = header.interval(response, wall)
            if interval is not None and interval <= self.longest:
                return interval * (1.0 + random() / 2) if interval else None
        return None


def jittered(first: float, longest: float, number: int) -> float:
    """Seconds before retry `number`, from 1: full jitter below an exponential bound."""
    return min(longest, first * 2.0 ** min(number - 1, 64)) * random()
