"""Active health checks: hosts are asked, again and again, whether they are well. Only where a cluster wants that.

One task for each host, owned by the mesh. What one check does to a host is `resilience/checkup.py`'s to say, what
the answer means `client/asking.py`'s.
"""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from random import random
from typing import Protocol

from meshio.client.asking import Asker, Finding, asker_for
from meshio.resilience.checkup import Change
from meshio.transport.pool import Pools
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream


class Examined(Protocol):
    """Who is told that a check has changed how a host stands."""

    def __call__(self, upstream: Upstream, host: Host) -> None: ...


class Prober:
    """The checks of all hosts of a mesh."""

    def __init__(self, pools: Pools, examined: Examined) -> None:
        self._pools = pools
        self._examined = examined
        self._sessions: dict[Host, Session] = {}
        self._busy: set[Upstream] = set()

    def follow(self, upstreams: Iterable[Upstream]) -> list[asyncio.Event]:
        """Check the hosts that are to be checked now, and no others. Returns what happens when new ones were."""
        wanted = {
            host: (upstream, upstream.cluster.health_check)
            for upstream in upstreams
            if upstream.cluster.health_check is not None
            for host in upstream.hosts.values()
            if host.checkup is not None
        }
        for host, session in list(self._sessions.items()):
            upstream, check = wanted.get(host, (None, None))
            if upstream is not session.upstream or check != session.check:
                self._sessions.pop(host).task.cancel()
        self._busy &= {upstream for upstream, _ in wanted.values()}
        new = []
        for host in wanted.keys() - self._sessions.keys():
            upstream, check = wanted[host]
            assert check is not None
            asker = asker_for(upstream, host, check, self._pools)
            session = self._sessions[host] = Session(upstream, host, asker, self._examined, self._busy)
            new.append(session.first)
        return new

    async def aclose(self) -> None:
        """Ask nobody any more, and let go of the connections."""
        tasks = [session.task for session in self._sessions.values()]
        self._sessions.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Session:
    """The checks of one host. `first` is set when there was one."""

    def __init__(self, upstream: Upstream, host: Host, asker: Asker, examined: Examined, busy: set[Upstream]) -> None:
        assert upstream.cluster.health_check is not None
        self.upstream, self.host, self.check = upstream, host, upstream.cluster.health_check
        self.first = asyncio.Event()
        self._asker, self._examined, self._busy = asker, examined, busy
        self.task = asyncio.create_task(self._run(), name=f"health check {host.name}")

    async def _run(self) -> None:
        if self.check.initial_jitter:
            await asyncio.sleep(random() * self.check.initial_jitter)
        try:
            while True:
                pause = self._take(await self._ask())
                while (found := await self._asker.rest(pause)) is not None:
                    pause = self._take(found)
        finally:
            self.first.set()
            self._asker.close()

    def _used(self) -> bool:
        """Whether the cluster has ever had a request; each session sees to its own host, and all know of it."""
        if self.host.requests or self.upstream.active:
            self._busy.add(self.upstream)
        return self.upstream in self._busy

    async def _ask(self) -> Finding:
        try:
            async with asyncio.timeout(self.check.timeout):
                return await self._asker.ask()
        except TimeoutError:
            self._asker.close()
            return Finding("timeout")

    def _take(self, found: Finding) -> float:
        """What has been found out, into the host's state; returns how long to wait."""
        checkup, check = self.host.checkup, self.check
        if checkup is None:  # the cluster was changed meanwhile, and this session is about to end
            return check.interval
        before = checkup.excluded
        change: Change
        if found.failure is None:
            change = checkup.passed(check.healthy_threshold, found.degraded)
        else:
            checkup.excluded = checkup.excluded or found.excluded
            change = checkup.missed(check.unhealthy_threshold, found.failure)
        self.first.set()
        if change == "changed" or checkup.excluded != before or (found.failure is None and self.host.ejected):
            self._examined(self.upstream, self.host)
        return check.pause(found.failure is None, change, self._used())


async def first_checks(checks: list[asyncio.Event], patience: float) -> None:
    """Wait until all of these were made, but not for longer than `patience` seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            for check in checks:
                await check.wait()
