"""What a source refuses, in which words, and what goes on serving meanwhile."""

import pytest

from meshio.testing import run
from meshio.xds.served import reply_of, write_delta_reply, write_reply
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER
from tests.xds.scripted import RATINGS, REVIEWS, WORLD, both, named, session


async def nack(stream):
    while not (answer := await stream.answers.get()).error:
        pass
    return answer


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
    once = (write_delta_reply if incremental else write_reply)(reply_of(CLUSTER, "", "", {name: raw}))
    tail = b"\x22" + bytes([len(CLUSTER)]) + CLUSTER.encode()
    return once.replace(tail, b"") * 2 + tail + b"\x2a\x05twice"
