"""Shadow requests: how often they go, and that they never matter. What they carry: tests/parity/cases/mirrors.yaml."""

import asyncio

from meshio.errors import ConnectFailed
from meshio.message import Body, Request, Response
from meshio.resilience.fault import Fraction
from meshio.routing.mirror import BODY_LIMIT, mirror
from meshio.routing.route import Mirror


def run_mirrored(policies, request, shadow=None):
    """Send through a mirror; gives the shadows that were sent and what the real upstream read of the body."""
    shadows, read = [], []

    async def keep(twin):
        shadows.append(twin)
        return Response(200, [], Body(b"ignored"))

    async def upstream(sending):
        body = sending.body
        read.append(body if isinstance(body, bytes) else b"".join([chunk async for chunk in body]))
        return Response(200, [], Body(b"real"))

    async def main():
        tasks = []
        wrap = mirror(
            policies,
            lambda name: (shadow or keep) if name == "shadow" else None,
            lambda work: tasks.append(asyncio.ensure_future(work)),
        )
        response = await wrap(upstream)(request)
        assert await response.body.read() == b"real"
        await asyncio.gather(*tasks)

    asyncio.run(main(), debug=True)
    return shadows, read


def post(body):
    return Request(b"POST", b"svc", b"/", [], body)


async def chunks(*parts):
    for part in parts:
        yield part


def test_a_streamed_body_reaches_both():
    shadows, read = run_mirrored((Mirror("shadow"),), post(chunks(b"ab", b"c")))
    assert read == [b"abc"]
    assert [twin.body for twin in shadows] == [b"abc"]


def test_a_streamed_body_beyond_the_limit_reaches_only_the_upstream():
    large = b"x" * BODY_LIMIT
    shadows, read = run_mirrored((Mirror("shadow"),), post(chunks(large, b"y")))
    assert read == [large + b"y"]
    assert shadows == []


def test_two_mirrors_share_one_streamed_body():
    shadows, read = run_mirrored((Mirror("shadow"), Mirror("shadow")), post(chunks(b"ab", b"c")))
    assert read == [b"abc"]
    assert [twin.body for twin in shadows] == [b"abc", b"abc"]


def test_a_shadow_that_fails_does_not_matter():
    async def broken(request):
        raise ConnectFailed("nobody there")

    _, read = run_mirrored((Mirror("shadow"),), post(b"x"), broken)
    assert read == [b"x"]


def test_a_share_of_the_requests_is_mirrored():
    policies = (Mirror("shadow", Fraction(2500, 10_000)),)
    sent_shadows = 0

    async def count(request):
        nonlocal sent_shadows
        sent_shadows += 1
        return Response(200, [], Body())

    async def upstream(request):
        return Response(200, [], Body())

    async def main():
        tasks = []
        send = mirror(policies, lambda name: count, lambda work: tasks.append(asyncio.ensure_future(work)))(upstream)
        for _ in range(2000):
            await send(post(b""))
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert 400 < sent_shadows < 600


def test_without_a_cluster_to_mirror_to_the_send_is_the_same():
    async def upstream(request):
        raise AssertionError

    assert mirror((Mirror("nowhere"),), lambda name: None, lambda work: None)(upstream) is upstream
    assert mirror((Mirror("shadow", Fraction(0)),), lambda name: upstream, lambda work: None)(upstream) is upstream
