"""What happens to requests while the mesh changes under them: nothing they could notice."""

import asyncio
from contextlib import AsyncExitStack

from tests.behaviour.world import OK, Upstream, answering, entry, mesh_of, until

EJECTING = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web, namespace: default}
spec:
  host: web
  trafficPolicy:
    outlierDetection: {consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 30s, maxEjectionPercent: 100}
"""
FAILING = b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n"


def named(name):
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(name), name)


def test_an_endpoint_is_exchanged_under_load_without_a_failed_request(run, tmp_path):
    async def scenario():
        async with AsyncExitStack() as stack:
            old, new = [
                await stack.enter_async_context(Upstream(answering(named(name))).listening())
                for name in (b"old", b"new")
            ]
            mesh = await stack.enter_async_context(mesh_of(tmp_path, entry(old.port)))
            seen, done = [], False

            async def load():
                while not done:
                    reply = await mesh.get("http://web/")
                    assert reply.status == 200, reply
                    seen.append(reply.text)

            callers = [asyncio.create_task(load()) for _ in range(8)]
            await until(lambda: len(seen) > 50)
            (tmp_path / "mesh.yaml").write_text(entry(new.port))
            await until(lambda: seen[-50:] == ["new"] * 50)
            done = True
            await asyncio.gather(*callers)
            assert seen[0] == "old"
            await until(lambda: old.open == 0)  # drained

    run(scenario())


def test_a_broken_edit_leaves_the_last_good_mesh_serving(run, tmp_path, caplog):
    async def scenario():
        async with Upstream(answering(OK)).listening() as up, mesh_of(tmp_path, entry(up.port)) as mesh:
            (tmp_path / "mesh.yaml").write_text("kind: ServiceEntry\nspec: [")
            await until(lambda: "mesh.yaml" in caplog.text)
            assert (await mesh.get("http://web/")).status == 200

    run(scenario())


def test_a_failing_instance_is_ejected_and_the_others_take_over(run, tmp_path):
    async def scenario():
        async with AsyncExitStack() as stack:
            good, bad = [
                await stack.enter_async_context(Upstream(answering(text)).listening()) for text in (OK, FAILING)
            ]
            mesh = await stack.enter_async_context(mesh_of(tmp_path, entry(good.port, bad.port), EJECTING))
            statuses = [(await mesh.get("http://web/")).status for _ in range(200)]
            assert statuses.count(500) == 3
            assert statuses[-100:] == [200] * 100
            await until(lambda: bad.open == 0)  # as in Envoy, what is ejected keeps no connections
            assert good.connections == 1

    run(scenario())


def test_an_instance_that_dies_costs_no_request(run, tmp_path):
    async def scenario():
        async with AsyncExitStack() as stack:
            stays = await stack.enter_async_context(Upstream(answering(OK)).listening())
            async with Upstream(answering(OK)).listening() as dies:
                mesh = await stack.enter_async_context(mesh_of(tmp_path, entry(stays.port, dies.port), EJECTING))
                assert [(await mesh.get("http://web/")).status for _ in range(20)] == [200] * 20
            replies = [await mesh.get("http://web/") for _ in range(100)]
            assert [reply.status for reply in replies] == [200] * 100
            assert 1 <= sum(reply.mesh.attempts > 1 for reply in replies) <= 3

    run(scenario())


def test_faults_retries_and_splits_work_together(run, tmp_path):
    """Every first try meets a 503 of one instance; with a retry elsewhere all succeed."""
    retrying = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: default}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
    retries: {attempts: 5, retryOn: "5xx"}
"""

    async def scenario():
        async with AsyncExitStack() as stack:
            good, bad = [
                await stack.enter_async_context(Upstream(answering(text)).listening()) for text in (OK, FAILING)
            ]
            mesh = await stack.enter_async_context(mesh_of(tmp_path, entry(good.port, bad.port), retrying))
            replies = [await mesh.get("http://web/") for _ in range(50)]
            assert {reply.status for reply in replies} == {200}
            assert {1, 2} <= {reply.mesh.attempts for reply in replies}  # a retry may draw the same host 5 times

    run(scenario())
