"""Which hosts a retry would rather not have. Envoy: extensions/retry/host, extensions/retry/priority."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from meshio.balancing.arrange import reads_keys
from meshio.balancing.labels import Labels
from meshio.balancing.locality import by_lot, loads_without, nobody
from meshio.balancing.policy import Pick
from meshio.message import Request
from meshio.upstream.aggregate import pick_at
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

Admit: TypeAlias = Callable[[Request, int], Host]
CANARY = ("canary", ("bool", True))


@dataclass(frozen=True, slots=True)
class Picky:
    """What a retry avoids, looking for another host up to `attempts` times.

    previous     hosts that were tried
    canaries     hosts that say that they are canaries
    labels       hosts with all of these labels; None does not look at labels
    priorities   after so many tries, and so many more, the priorities of all that were tried; 0 never
    """

    attempts: int = 1
    previous: bool = False
    canaries: bool = False
    labels: Labels | None = None
    priorities: int = 0

    def rejects(self, request: Request, host: Host) -> bool:
        """Whether the retry had rather another one."""
        if self.previous and host in request.tried:
            return True
        known = host.endpoint.labels
        if self.canaries and CANARY in known:
            return True
        return self.labels is not None and all(label in known for label in self.labels)


def picky_admission(upstream: Upstream, admit: Admit, picky: Picky) -> Admit:
    """`admit` for a route whose retries are picky. First tries are not."""
    apart = Apart(upstream)

    def again(request: Request) -> Host:
        # Rings and tables choose a priority by the key alone (Envoy: thread_aware_lb_impl.cc).
        avoids = picky.priorities and not reads_keys(upstream.cluster.policy)
        excluded = spent(request.tried, picky.priorities, apart) if avoids else frozenset[int]()
        pick = apart.pick(excluded) if excluded else apart.own()
        host = pick(request)
        while request.passed_over < picky.attempts and picky.rejects(request, host):
            request.passed_over += 1
            host = pick(request)
        request.passed_over = 0
        return host

    def admission(request: Request, avoid: int = 0) -> Host:
        if request.record.attempts:
            apart.enter()
            host = upstream.admit_by(again, request, 0)
        else:
            host = admit(request, 0)
        request.tried = (*request.tried, host)
        return host

    return admission


class Apart:
    """The pick without some priorities, made when the first retry needs it and kept as long as the pick itself is."""

    __slots__ = ("_known", "_of", "_upstream")

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._of: Pick[Host] = upstream.pick
        self._known: dict[frozenset[int], Pick[Host] | None] = {}

    def enter(self) -> None:
        """Take over what the pick is now."""
        if self._of is not self._upstream.pick:
            self._of = self._upstream.pick
            self._known.clear()

    def own(self) -> Pick[Host]:
        """The pick among all priorities."""
        return self._of

    def serves(self, excluded: frozenset[int]) -> bool:
        """Whether any other priority has hosts that are available."""
        return self._without(excluded) is not None

    def pick(self, excluded: frozenset[int]) -> Pick[Host]:
        return self._without(excluded) or self._of

    def _without(self, excluded: frozenset[int]) -> Pick[Host] | None:
        if excluded not in self._known:
            self._known[excluded] = self._made(excluded)
        return self._known[excluded]

    def _made(self, excluded: frozenset[int]) -> Pick[Host] | None:
        upstream = self._upstream
        loads = loads_without(*upstream.standing(), excluded)
        if loads is None:
            return None
        kinds = ((loads.healthy, False), (loads.degraded, True))
        lots = [
            (load, pick_at(upstream, priority, degraded) or nobody)
            for shares, degraded in kinds
            for priority, load in enumerate(shares)
            if load
        ]
        return lots[0][1] if len(lots) == 1 else by_lot(lots)


def spent(tried: tuple[object, ...], frequency: int, apart: Apart) -> frozenset[int]:
    """The priorities that a retry avoids; when none is left, all begin anew (`adjustForAttemptedPriorities`)."""
    excluded: frozenset[int] = frozenset()
    seen: list[int] = []
    for host in tried:
        assert isinstance(host, Host)
        seen.append(host.priority)
        if len(seen) % frequency == 0:
            excluded |= frozenset(seen)
            if not apart.serves(excluded):
                excluded, seen = frozenset(), []
    return excluded
