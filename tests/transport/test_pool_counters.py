"""Whatever happens in whatever order, the counters of both priorities agree with what is under way."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from meshio.balancing.round_robin import RoundRobin
from meshio.errors import ConnectFailed, NoHealthyHost, Overloaded
from meshio.message import Request, Response
from meshio.resilience.limits import Limits
from meshio.transport.connection import Owner
from meshio.transport.host_pool import HostPool
from meshio.transport.pool import Pools
from meshio.upstream.cluster import Cluster, Static
from meshio.upstream.endpoint import Endpoint, LoadAssignment, LocalityEndpoints
from meshio.upstream.upstream import Upstream

HOSTS = LoadAssignment("c", (LocalityEndpoints(tuple(Endpoint((f"10.0.0.{n}", 80)) for n in range(2))),))
limits = st.builds(
    Limits,
    connections=st.integers(0, 3),
    pending=st.integers(0, 3),
    requests=st.integers(0, 3),
    pools=st.sampled_from([None, None, 0, 1]),
    per_host=st.sampled_from([None, None, 0, 1, 2]),
)


class Line:
    """A connection without bytes: what happens to it, the test says."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.alive, self.busy = True, False
        self.born = self.since = 0.0
        self.served = 0

    async def send(self, request: Request) -> Response:
        raise AssertionError("nothing is sent here")

    def abandon(self, request: Request) -> None:
        self.abort()

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self.alive:
            self.alive = False
            self.owner.release(self)
            asyncio.get_event_loop().call_soon(self.owner.lost, self)


class Counters(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.upstream, self.pools = Upstream(), Pools()
        self.most = Limits(), Limits()
        self.reached = True
        self.dialling: list[asyncio.Future[None]] = []
        self.update(Limits(), Limits())
        breakers = (self.upstream.breaker, self.upstream.high)
        self.host_pools = [
            HostPool(self.pools, self.upstream, host, None, self.speak, breaker=breaker)
            for host in self.upstream.hosts.values()
            for breaker in breakers
        ]
        for normal, high in zip(self.host_pools[::2], self.host_pools[1::2], strict=True):
            normal.host.pool, normal.host.more_pools = normal, {"high ": high}
        self.asking: list[asyncio.Task[None]] = []
        self.held: list[tuple[HostPool, Line]] = []

    async def speak(self, target: object, cluster: object, owner: Owner) -> Line:
        answered = self.loop.create_future()
        self.dialling.append(answered)
        await answered
        return Line(owner)

    def happens(self, what: Callable[[], None]) -> None:
        """Inside of the loop, as everything does."""

        async def now() -> None:
            what()

        self.loop.run_until_complete(now())
        self.pump()

    def pump(self) -> None:
        for _ in range(8):
            self.loop.run_until_complete(asyncio.sleep(0))
        self.asking = [task for task in self.asking if not task.done()]
        self.dialling = [each for each in self.dialling if not each.done()]

    async def ask(self, pool: HostPool) -> None:
        with suppress(Overloaded, NoHealthyHost, ConnectFailed):
            line = pool.take() or await pool.wait(Request(b"GET", b"c", b"/", []))
            assert isinstance(line, Line)
            if line.alive:
                assert 0 < pool.breaker.active <= pool.breaker.most
                line.served += 1
                self.held.append((pool, line))

    @rule(normal=limits, high=limits)
    def update(self, normal: Limits, high: Limits) -> None:
        self.upstream.update(Cluster("c", Static(HOSTS), RoundRobin(), normal, high), HOSTS)

    @rule(which=st.integers(0, 3), times=st.integers(1, 3))
    def begin(self, which: int, times: int) -> None:
        for _ in range(times):
            self.asking.append(self.loop.create_task(self.ask(self.host_pools[which])))
        self.pump()

    @precondition(lambda self: self.dialling)
    @rule(data=st.data(), fails=st.booleans())
    def answer(self, data: st.DataObject, fails: bool) -> None:
        dial = self.dialling[data.draw(st.integers(0, len(self.dialling) - 1))]
        dial.set_exception(ConnectFailed("no")) if fails else dial.set_result(None)
        self.pump()

    @precondition(lambda self: self.held)
    @rule(data=st.data(), how=st.sampled_from(["finished", "closed", "lost"]))
    def end(self, data: st.DataObject, how: str) -> None:
        pool, line = self.held.pop(data.draw(st.integers(0, len(self.held) - 1)))
        if how == "finished":
            self.happens(lambda: pool.release(line))
        elif how == "closed":
            self.happens(line.abort)
        else:
            line.alive = False
            self.happens(lambda: pool.lost(line))

    @precondition(lambda self: self.asking)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        self.asking[data.draw(st.integers(0, len(self.asking) - 1))].cancel()
        self.pump()

    @rule(which=st.integers(0, 3))
    def let_go(self, which: int) -> None:
        """As when the host is ejected: the pool's busy connections end with their exchange."""
        self.happens(self.host_pools[which].drain)

    @rule(which=st.integers(0, 3))
    def peers_close_what_is_idle(self, which: int) -> None:
        for line in list(self.host_pools[which].idle):
            self.happens(line.abort)

    @invariant()
    def what_is_under_way_is_counted(self) -> None:
        for breaker in (self.upstream.breaker, self.upstream.high):
            pools = [pool for pool in self.host_pools if pool.breaker is breaker]
            assert breaker.active == sum(pool.breaker is breaker for pool, _ in self.held)
            assert breaker.pending == sum(len(pool.waiting) for pool in pools)
            assert breaker.connections == sum(len(pool.connections) + len(pool.dials) for pool in pools)
            assert breaker.pools == sum(pool.open for pool in pools)
            assert all(pool.draining or pool.open == bool(pool.connections or pool.dials) for pool in pools)
        assert not any(pool.draining and pool.idle for pool in self.host_pools)
        for host in self.upstream.hosts.values():
            assert host.inflight == sum(pool.host is host for pool, _ in self.held)

    def teardown(self) -> None:
        for task in self.asking:
            task.cancel()
        for _, line in self.held:
            self.happens(line.abort)
        self.held.clear()
        self.loop.run_until_complete(self.pools.aclose())
        self.pump()
        for breaker in self.upstream.breakers:
            assert (breaker.active, breaker.pending, breaker.connections, breaker.pools) == (0, 0, 0, 0)
        self.loop.close()
        asyncio.set_event_loop(None)


TestCounters = Counters.TestCase
TestCounters.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
