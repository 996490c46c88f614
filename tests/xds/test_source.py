"""What a source tells: complete snapshots, or what they wait for."""

import asyncio

import pytest

from meshio.testing import ControlPlane, run, unused_port
from meshio.xds.bootstrap import Bootstrap, Server
from meshio.xds.source import XdsSource
from meshio.xds.types import ASSIGNMENT, CLUSTER, ROUTES
from tests.xds.scripted import RATINGS, REVIEWS, WORLD, both, named, session


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


def test_closing_while_a_reply_is_on_its_way_leaves_nothing():
    async def main():
        async with session() as one:
            await one.plane.accept()
        return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    assert run(main()) == []
