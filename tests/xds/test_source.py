import asyncio
import gzip
import logging
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from grpclib.const import Status
from hypothesis import given, settings
from hypothesis import strategies as st

from meshio.testing import ControlPlane, Relay, run, unused_port
from meshio.xds.bootstrap import Bootstrap, Server
from meshio.xds.discovery import Ask, DeltaAsk
from meshio.xds.envelope import read_reply
from meshio.xds.source import Pace, XdsSource
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES

GOLDEN = Path(__file__).parents[1] / "golden" / "istiod"
REVIEWS = "outbound|9080||reviews.default.svc.cluster.local"


def recorded(folder):
    """Type URL -> name -> resource, as a real istiod sent them."""
    world = {}
    for path in sorted((GOLDEN / folder).iterdir()):
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        reply = read_reply(raw)
        world.setdefault(reply.type_url, {}).update({each.name: each.raw for each in reply.resources})
    return world


WORLD = recorded("sidecar")
RATINGS = REVIEWS.replace("reviews", "ratings")
both = pytest.mark.parametrize("incremental", [True, False], ids=["delta", "whole"])


class Session:
    """A source in use, with the control plane it talks to."""

    def __init__(self, plane, source, snapshots):
        self.plane, self.source, self._snapshots = plane, source, snapshots
        self._serving = []
        self._next = asyncio.ensure_future(anext(snapshots))

    async def serve(self, world=WORLD):
        """Accept the next stream and answer it out of a world."""
        stream = await self.plane.accept()
        self._serving.append(asyncio.ensure_future(stream.serve_world(world)))
        return stream

    async def snapshot(self):
        """The next one."""
        snapshot = await self._next
        self._next = asyncio.ensure_future(anext(self._snapshots))
        return snapshot

    async def close(self):
        self._next.cancel()
        await asyncio.gather(self._next, return_exceptions=True)
        await self._snapshots.aclose()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)


@asynccontextmanager
async def session(incremental=True, knows_delta=True):
    async with ControlPlane(incremental=knows_delta) as plane:
        source = XdsSource(plane.bootstrap(), incremental=incremental)
        one = Session(plane, source, source.snapshots())
        try:
            yield one
        finally:
            await one.close()


async def nack(stream):
    while not (answer := await stream.answers.get()).error:
        pass
    return answer


@both
def test_a_real_istiods_answers_make_a_complete_snapshot(incremental):
    async def main():
        async with session(incremental) as one:
            await one.serve()
            snapshot = await one.snapshot()
            assert one.source.missing() == ""
            return snapshot, one.source.status

    snapshot, status = run(main())
    assert snapshot.clusters.keys() == WORLD[CLUSTER].keys()
    assert REVIEWS in snapshot.assignments
    assert "9080" in snapshot.routes
    assert snapshot.versions["clusters", REVIEWS].version == "1"
    assert not status.refusals


@both
def test_the_same_bytes_again_are_the_same_objects(incremental):
    async def main():
        async with session(incremental) as one:
            stream = await one.serve()
            before = await one.snapshot()
            while not before.names:
                before = await one.snapshot()
            await stream.reply(ASSIGNMENT, "2", "again", {REVIEWS: WORLD[ASSIGNMENT][REVIEWS]})
            return before, await one.snapshot()

    before, after = run(main())
    assert after.assignments[REVIEWS] is before.assignments[REVIEWS]
    assert after.routes["9080"] is before.routes["9080"]
    assert after.names is not None
    assert after.versions["endpoints", REVIEWS].version == "2"


@both
@pytest.mark.parametrize("spoilt", [b"\xff\xff\xff", b"", b"\x0a\x80"], ids=["garbage", "empty", "half"])
def test_bad_resources_are_refused_by_name_and_the_last_good_ones_serve(incremental, spoilt):
    async def main():
        async with session(incremental) as one:
            stream = await one.serve()
            before = await one.snapshot()
            if incremental:
                await stream.reply(CLUSTER, "2", "bad", {REVIEWS: spoilt, RATINGS: WORLD[CLUSTER][RATINGS]})
            else:
                renamed = b"\x0a" + bytes([len(REVIEWS)]) + REVIEWS.encode() + b"\xff"
                await stream.reply(CLUSTER, "2", "bad", {**WORLD[CLUSTER], REVIEWS: renamed})
            answer = await nack(stream)
            while (after := await one.snapshot()).versions["clusters", ""].version != "2":
                pass
            return before, answer, after, one.source.status

    before, answer, after, status = run(main())
    assert REVIEWS in answer.error
    assert answer.nonce == "bad"
    assert after.clusters[REVIEWS] is before.clusters[REVIEWS]
    assert after.versions["clusters", REVIEWS].version == "1"
    assert after.versions["clusters", RATINGS].version == "2"
    assert REVIEWS in status.refusals[0].faults[0]


def test_every_bad_resource_of_a_reply_is_listed():
    async def main():
        async with session() as one:
            stream = await one.serve({**WORLD, CLUSTER: {"a": b"\xff", "b": b"\xff", "c": b"\xff"}})
            return (await nack(stream)).error

    lines = run(main()).splitlines()
    assert [line.split(":")[0] for line in lines] == ["a", "b", "c"]


@both
def test_a_bad_resource_without_a_good_one_before_it_does_not_freeze_the_rest(incremental):
    async def main():
        async with session(incremental) as one:
            await one.serve({**WORLD, ASSIGNMENT: {**WORLD[ASSIGNMENT], REVIEWS: named(REVIEWS) + b"\xff"}})
            return await one.snapshot()

    snapshot = run(main())
    assert REVIEWS in snapshot.clusters
    assert REVIEWS not in snapshot.assignments


def named(name):
    return b"\x0a" + bytes([len(name)]) + name.encode()


@both
def test_a_resource_of_another_type_than_announced_is_refused(incremental):
    async def main():
        async with session(incremental) as one:
            stream = await one.serve()
            await one.snapshot()
            world = WORLD[LISTENER]
            message = {"x": world[next(iter(world))]}
            await stream.send(stream_reply(incremental, message))
            return (await nack(stream)).error

    assert "in a response of" in run(main())


def stream_reply(incremental, resources):
    """Listeners in Any, under a reply that says clusters: the first type URL in the bytes is the Any's."""
    from meshio.xds.served import reply_of, write_delta_reply, write_reply

    raw = (write_delta_reply if incremental else write_reply)(reply_of(LISTENER, "2", "odd", resources))
    size = len(LISTENER)
    announced = b"\x22" + bytes([size]) + LISTENER.encode()
    return raw.replace(announced, b"\x22" + bytes([len(CLUSTER)]) + CLUSTER.encode())


@both
def test_a_type_nobody_asked_for_is_refused(incremental):
    async def main():
        async with session(incremental) as one:
            stream = await one.serve()
            await stream.reply("type.googleapis.com/google.protobuf.Empty", "1", "odd", {"x": b""})
            return (await nack(stream)).error

    assert "was never asked for" in run(main())


@both
def test_one_name_twice_in_a_reply_is_refused(incremental):
    async def main():
        async with session(incremental) as one:
            stream = await one.serve({})
            twice = stream_reply_of_clusters(incremental, REVIEWS, WORLD[CLUSTER][REVIEWS])
            await stream.send(twice)
            return (await nack(stream)).error

    assert f"{REVIEWS}: name: comes 2 times" in run(main())


def stream_reply_of_clusters(incremental, name, raw):
    from meshio.xds.served import reply_of, write_delta_reply, write_reply

    once = (write_delta_reply if incremental else write_reply)(reply_of(CLUSTER, "", "", {name: raw}))
    tail = b"\x22" + bytes([len(CLUSTER)]) + CLUSTER.encode()
    return once.replace(tail, b"") * 2 + tail + b"\x2a\x05twice"


@both
def test_a_dangling_reference_holds_the_first_snapshot_back_and_then_counts_as_absent(incremental):
    world = {**WORLD, ROUTES: {name: raw for name, raw in WORLD[ROUTES].items() if name != "9080"}}

    async def main():
        async with session(incremental) as one:
            loop = asyncio.get_running_loop()
            began = loop.time()
            stream = await one.plane.accept()
            one._serving.append(asyncio.ensure_future(silent_about(stream, world)))
            await asyncio.sleep(5)
            missing = one.source.missing()
            return missing, await one.snapshot(), loop.time() - began

    async def silent_about(stream, world):
        """Does not even say that it does not exist."""
        tell = stream._tell

        async def told(type_url, world, names):
            await tell(type_url, world, names & world[type_url].keys() if type_url == ROUTES else names)

        stream._tell = told
        await stream.serve_world(world)

    missing, snapshot, seconds = run(main())
    assert "never answered: 1 route table (9080)" in missing
    assert "9080" not in snapshot.routes
    assert 15 <= seconds < 25


def test_a_route_table_said_not_to_exist_is_absent_at_once():
    world = {**WORLD, ROUTES: {name: raw for name, raw in WORLD[ROUTES].items() if name != "9080"}}

    async def main():
        async with session() as one:
            await one.serve(world)
            return await one.snapshot()

    assert "9080" not in run(main()).routes


@both
def test_a_cluster_that_goes_takes_its_endpoints_along(incremental):
    async def main():
        async with session(incremental) as one:
            stream = await one.serve()
            await one.snapshot()
            rest = {name: raw for name, raw in WORLD[CLUSTER].items() if name != REVIEWS}
            await stream.reply(CLUSTER, "2", "less", {} if incremental else rest, (REVIEWS,))
            while REVIEWS in (snapshot := await one.snapshot()).clusters:
                pass
            return snapshot

    snapshot = run(main())
    assert REVIEWS not in snapshot.assignments
    assert len(snapshot.clusters) == len(WORLD[CLUSTER]) - 1
    assert ("endpoints", REVIEWS) not in snapshot.versions


@both
@pytest.mark.parametrize("follow", [True, False], ids=["routes follow", "routes stay"])
def test_a_cluster_serves_until_its_routes_have_followed_but_not_for_ever(incremental, follow):
    async def main():
        async with session(incremental) as one:
            stream = await one.serve()
            while not (before := await one.snapshot()).names:
                pass
            rest = {name: raw for name, raw in WORLD[CLUSTER].items() if name != RATINGS}
            loop = asyncio.get_running_loop()
            began = loop.time()
            await stream.reply(CLUSTER, "2", "less", {} if incremental else rest, (RATINGS,))
            if follow:
                await stream.reply(ROUTES, "2", "other", {"9080": named("9080")})
            while RATINGS in (after := await one.snapshot()).clusters:
                pass
            return before, after, loop.time() - began

    before, after, seconds = run(main())
    assert RATINGS in before.routes["9080"].clusters()
    assert (RATINGS in after.routes["9080"].clusters()) is not follow
    assert seconds < 1 if follow else 1 <= seconds < 2


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


def test_nothing_but_its_words_is_missing_when_nobody_listens():
    async def main():
        port = unused_port()
        source = XdsSource(Bootstrap(Server("127.0.0.1", port), ControlPlane().bootstrap().node, "test"))
        snapshots = source.snapshots()
        waiting = asyncio.ensure_future(anext(snapshots))
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await snapshots.aclose()
        return port, source.missing(), str(source)

    port, missing, name = run(main())
    assert name == f"127.0.0.1:{port} (test)"
    assert missing.startswith(f"no connection to 127.0.0.1:{port} (test): ")
    assert "Connect call failed" in missing


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


def test_closing_while_a_reply_is_on_its_way_leaves_nothing():
    async def main():
        async with session() as one:
            await one.plane.accept()
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert run(main()) == []


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
