"""The first requests to a cluster whose table takes long to build: they wait, everybody else goes on."""

import asyncio

import pytest

from meshio.balancing.maglev import TABLES
from meshio.upstream.upstream import Upstream as Live
from tests.behaviour.world import OK, Upstream, answering, entry, mesh_of

BY_KEY = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec:
  host: web.default.svc.cluster.local
  trafficPolicy:
    loadBalancer: {consistentHash: {httpHeaderName: x-key, maglev: {}}}
"""


@pytest.fixture(autouse=True)
def _nothing_is_remembered():
    TABLES.clear()


def cluster_of(mesh) -> Live:
    return next(each for name, each in mesh.upstreams.items() if "web" in name)


async def waiting(mesh) -> None:
    """Until a request waits for the table."""
    while not cluster_of(mesh).followers:  # noqa: ASYNC110  no event tells of it
        await asyncio.sleep(0)


def test_the_first_requests_wait_while_the_loop_goes_round(run, tmp_path):
    async def scenario():
        one, other = Upstream(answering(OK)), Upstream(answering(OK))
        async with one.listening(), other.listening(), mesh_of(tmp_path, entry(one.port, other.port), BY_KEY) as mesh:
            calls = [asyncio.create_task(mesh.get("http://web/", headers={"x-key": str(n % 5)})) for n in range(20)]
            turns = 0
            while not any(call.done() for call in calls):
                await asyncio.sleep(0)
                turns += 1
            assert turns > 50  # of 65,537 places, at most 512 are filled without a look at who else is waiting
            replies = await asyncio.gather(*calls)
            assert {reply.status for reply in replies} == {200}
            for n in range(5):
                later = await mesh.get("http://web/", headers={"x-key": str(n)})
                assert {reply.mesh.endpoint for reply in replies[n::5]} == {later.mesh.endpoint}
            assert cluster_of(mesh).followers == ()

    run(scenario())


def test_one_that_is_cancelled_while_it_waits_leaves_nothing(run, tmp_path):
    async def scenario():
        up = Upstream(answering(OK))
        async with up.listening(), mesh_of(tmp_path, entry(up.port), BY_KEY) as mesh:
            call = asyncio.create_task(mesh.get("http://web/"))
            await waiting(mesh)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            assert cluster_of(mesh).followers == ()
            assert (await mesh.get("http://web/")).status == 200

    run(scenario())


def test_nobody_waits_for_a_table_that_a_mesh_will_not_build(run, tmp_path):
    async def scenario():
        up = Upstream(answering(OK))
        async with up.listening():
            async with mesh_of(tmp_path, entry(up.port), BY_KEY) as mesh:
                call = asyncio.create_task(mesh.get("http://web/"))
                await waiting(mesh)
            reply = await call
            assert (reply.status, reply.mesh.flags) == (503, ["UH"])

    run(scenario())
