"""Adaptive concurrency: as many requests at the same time as keep the latency near its minimum.

Envoy: gradient_controller.cc. From time to time only a few requests are allowed, until so many were seen: their
latency is the minimum. Between, each sample window ends with a new limit, the old one times
gradient = minimum * (1 + buffer) / latency of the window, within [0.5, 2], plus the square root of that for bursts.
Timers are not needed: nothing happens between two requests that the next one could not catch up with.
"""

from asyncio import get_running_loop
from dataclasses import dataclass, field
from math import ceil, floor, sqrt
from random import random

from meshio.errors import Crowded, RequestError
from meshio.message import Request, Response, Send

PINNED = 5  # windows at the smallest limit after which the minimum is measured anew


class State:
    """What the controller has seen. Made by the first request, so that time begins there."""

    __slots__ = (
        "active", "epoch", "limit", "measure_at", "measuring", "minimum", "outstanding", "pinned", "restored",
        "samples", "update_at",
    )  # fmt: skip

    def __init__(self) -> None:
        self.active = False
        self.outstanding = 0
        self.limit = 0
        self.restored = 0  # the limit that holds again after measuring
        self.measuring = False
        self.epoch = 0.0  # requests that began before are no samples
        self.minimum = 0.0
        self.pinned = 0
        self.samples: list[float] = []
        self.update_at = 0.0
        self.measure_at = 0.0


@dataclass(frozen=True, slots=True)
class Concurrency:
    """
    update      seconds of a sample window
    interval    seconds between two measurements of the minimum; with `fixed` (seconds) it is not measured
    requests    so many make a measurement
    jitter      share of the interval that is added at most
    least, most bounds of the limit; `least` holds while the minimum is measured
    buffer      share of the minimum that is not yet too slow
    percentile  of a window's latencies that is compared, as a share
    status      of the refusal
    """

    update: float
    interval: float = 0.0
    fixed: float | None = None
    requests: int = 50
    jitter: float = 0.15
    least: int = 3
    most: int = 1000
    buffer: float = 0.25
    percentile: float = 0.5
    status: int = 503
    state: State = field(default_factory=State, compare=False, repr=False)

    def around(self, send: Send) -> Send:
        """Raises Crowded."""
        state = self.state

        async def bounded(request: Request) -> Response:
            loop = get_running_loop()
            began = loop.time()
            self.advance(began)
            if state.outstanding >= state.limit:
                raise Crowded(self.status)
            state.outstanding += 1
            try:
                response = await send(request)
            except RequestError:
                self._end(began, loop.time(), True)
                raise
            except BaseException:
                state.outstanding -= 1
                raise
            response.body.when_done(lambda error: self._end(began, loop.time(), error is None))
            return response

        return bounded

    def _end(self, began: float, now: float, whole: bool) -> None:
        self.state.outstanding -= 1
        if whole:
            self.sample(began, now)

    def sample(self, began: float, now: float) -> None:
        """A request is over. What took no time at all counts as a microsecond, of which Envoy's samples are made."""
        state = self.state
        self.advance(now)
        if began < state.epoch:
            return
        state.samples.append(max(floor((now - began) * 1e6), 1) / 1e6)
        if state.measuring and len(state.samples) >= self.requests:
            state.minimum = self._aggregate()
            self._set(state.restored)
            state.measuring = False
            state.measure_at = now + self.interval * (1 + random() * self.jitter)
            state.update_at = now + self.update

    def advance(self, now: float) -> None:
        """Catch up with what timers would have done until now."""
        state = self.state
        if not state.active:
            self._begin(now)
        while not state.measuring and min(state.update_at, state.measure_at) <= now:
            if state.measure_at <= state.update_at:
                self._measure(state.measure_at)
            else:
                self._window()
                # Windows without samples change nothing: go to the one that is under way.
                state.update_at += self.update * max(1, ceil((now - state.update_at) / self.update))

    def _begin(self, now: float) -> None:
        state = self.state
        state.active, state.limit = True, self.least
        state.update_at, state.measure_at = now + self.update, float("inf")
        if self.fixed is None:
            self._measure(now)
        else:
            state.minimum = self.fixed

    def _measure(self, now: float) -> None:
        """Allow only a few requests until so many were seen."""
        state = self.state
        state.restored, state.measuring, state.epoch = state.limit, True, now
        self._set(self.least)
        state.samples.clear()
        state.measure_at = float("inf")

    def _window(self) -> None:
        """The end of a sample window."""
        state = self.state
        if not state.samples:
            return
        gradient = max(0.5, min(2.0, state.minimum * (1 + self.buffer) / self._aggregate()))
        limit = state.limit * gradient
        self._set(max(self.least, min(self.most, int(limit + sqrt(limit)))))
        if state.pinned >= PINNED and self.fixed is None:
            state.measure_at = state.update_at

    def _set(self, limit: int) -> None:
        state = self.state
        pinned = not state.measuring and state.limit == limit == self.least
        state.pinned = state.pinned + 1 if pinned else 0
        state.limit = limit

    def _aggregate(self) -> float:
        """The percentile of what was sampled, which begins anew."""
        found = sorted(self.state.samples)
        self.state.samples.clear()
        return found[min(len(found) - 1, int(self.percentile * len(found)))]
