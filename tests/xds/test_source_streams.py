"""Streams that end, break or never begin: what a source makes of them."""

import asyncio
import logging
from itertools import pairwise

from grpclib.const import Status
from hypothesis import given, settings
from hypothesis import strategies as st

from meshio.testing import ControlPlane, Relay, run
from meshio.xds.discovery import Ask, DeltaAsk
from meshio.xds.source import Pace, XdsSource
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES
from tests.xds.scripted import REVIEWS, WORLD, both, named, session


def test_a_server_without_increments_is_asked_for_the_whole_state_from_then_on():
    async def main():
        async with session(incremental=True, knows_delta=False) as one:
            stream = await one.serve()
            await one.snapshot()
            stream.end()
            again = await one.plane.accept()
            return stream.incremental, again.incremental, one.source.status

    whole, again, status = run(main())
    assert (whole, again) == (False, False)
    assert (status.dialect, status.streams) == ("state of the world", 3)


@both
def test_reconnecting_repeats_what_is_known_and_nothing_is_lost(incremental):
    async def main():
        async with session(incremental) as one:
            stream = await one.serve()
            await one.snapshot()
            stream.end(Status.UNAVAILABLE)
            again = await one.plane.accept()
            return {ask.type_url: ask for ask in await again.asks(5)}, again, one.source

    asks, again, source = run(main())
    assert source.missing() == ""
    assert [*asks] == [CLUSTER, ASSIGNMENT, LISTENER, ROUTES, NAMES]
    assert b"sidecar~127.0.0.1~test.default~" in again.sent[0]
    assert b"sidecar~" not in again.sent[1]
    if incremental:
        assert asks[CLUSTER].known == dict.fromkeys(WORLD[CLUSTER], "1")
        assert isinstance(asks[CLUSTER], DeltaAsk)
    else:
        assert asks[CLUSTER] == Ask(CLUSTER, (), "1")
    assert all(ask.nonce == "" for ask in asks.values())


def test_the_servers_half_hourly_goodbye_is_no_error_and_the_next_stream_comes_at_once(caplog):
    caplog.set_level(logging.DEBUG, "meshio.xds")

    async def main():
        async with session() as one:
            stream = await one.serve()
            await one.snapshot()
            await asyncio.sleep(1800)
            loop = asyncio.get_running_loop()
            ended = loop.time()
            stream.end()
            await one.plane.accept()
            return loop.time() - ended

    assert run(main()) < 0.5
    assert [record.levelname for record in caplog.records if record.name == "meshio.xds"] == ["INFO"]


def test_a_control_plane_that_hangs_up_at_once_is_not_hammered():
    async def main():
        async with session() as one:
            loop, times = asyncio.get_running_loop(), []
            for _ in range(5):
                stream = await one.plane.accept()
                times.append(loop.time())
                stream.end(Status.UNAVAILABLE)
            return [later - earlier for earlier, later in pairwise(times)]

    waits = run(main())
    for wait, expected in zip(waits, [1, 1.6, 2.56, 4.096], strict=True):
        assert 0.8 * expected <= wait <= 1.2 * expected + 0.3


def test_garbage_for_a_reply_ends_the_stream_with_the_cause_and_the_next_one_heals():
    async def main():
        async with session() as one:
            stream = await one.plane.accept()
            await stream.send(b"\xff\xff\xff")
            await stream.ended.wait()
            error = one.source.status.error
            await one.serve()
            return error, await one.snapshot()

    error, snapshot = run(main())
    assert "not a discovery response" in error
    assert REVIEWS in snapshot.clusters


def test_the_control_plane_may_vanish_and_come_back():
    async def main():
        async with session() as one:
            await one.serve()
            await one.snapshot()
            await one.plane.stop()
            await asyncio.sleep(120)
            error, missing = one.source.status.error, one.source.missing()
            await one.plane.listen()
            await one.serve({**WORLD, ASSIGNMENT: {**WORLD[ASSIGNMENT], REVIEWS: named(REVIEWS)}})
            while (last := await one.snapshot()).assignments[REVIEWS].localities:
                pass
            return error, missing, last

    error, missing, last = run(main())
    assert "Connect call failed" in error
    assert missing == ""
    assert "9080" in last.routes


SMALL = {
    CLUSTER: {REVIEWS: WORLD[CLUSTER][REVIEWS]},
    LISTENER: {"0.0.0.0_9080": WORLD[LISTENER]["0.0.0.0_9080"]},
    ROUTES: {"9080": WORLD[ROUTES]["9080"]},
    ASSIGNMENT: {REVIEWS: WORLD[ASSIGNMENT][REVIEWS]},
}


async def through(budget, spoil, incremental):
    """A first connection that is cut or changed on its way; the snapshot that comes in the end."""
    async with ControlPlane() as plane, Relay(plane.port, budget, spoil).listening() as relay:
        source = XdsSource(plane.bootstrap(relay.port), incremental=incremental, pace=Pace(first_delay=0.01))
        snapshots = source.snapshots()
        accepting = asyncio.ensure_future(serve_all(plane))
        try:
            return await asyncio.wait_for(anext(snapshots), 3600)
        finally:
            await snapshots.aclose()
            accepting.cancel()
            await asyncio.gather(accepting, return_exceptions=True)


async def serve_all(plane):
    async with asyncio.TaskGroup() as group:
        while True:
            stream = await plane.accept()
            group.create_task(stream.serve_world(SMALL))


@settings(max_examples=40)
@given(st.integers(0, 14_000), st.booleans())
def test_a_connection_that_breaks_at_any_byte_is_made_up_for(budget, incremental):
    snapshot = run(through(budget, None, incremental))
    assert snapshot.clusters.keys() == {REVIEWS}
    assert snapshot.assignments.keys() == {REVIEWS}


@settings(max_examples=60)
@given(st.integers(0, 14_000), st.integers(1, 255), st.booleans())
def test_a_byte_changed_anywhere_never_stops_the_source(at, bits, incremental):
    def spoil(offset, chunk):
        if not offset <= at < offset + len(chunk):
            return chunk
        spoilt = bytearray(chunk)
        spoilt[at - offset] ^= bits
        return bytes(spoilt)

    assert run(through(None, spoil, incremental)) is not None
