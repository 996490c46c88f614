"""Requests of high priority have connections and limits of their own; a request counts once it has its connection."""

import asyncio

import pytest

from meshio.errors import ConnectFailed, NoHealthyHost, Overloaded
from meshio.resilience.limits import Limits
from meshio.upstream.cluster import ClientTls

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NONE, ONE = Limits(requests=0), Limits(connections=1)


def test_priorities_do_not_share_connections(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port) as site:
            for _ in range(2):
                await site.send(site.request())
                await site.send(site.request(), high=True)
            assert site.counts == (2, 2, 2)
            assert [each.connections for each in site.upstream.breakers] == [1, 1]
            site.pools.renew(site.host)
            await site.settled(0, 0, 2)
            await site.send(site.request(), high=True)
            site.pools.drain([site.host])
            await site.settled(0, 0, 3)

    run(main)


@pytest.mark.parametrize(
    "limits", [Limits(requests=0), Limits(pending=0), Limits(pools=0)], ids=["requests", "pending", "pools"]
)
@pytest.mark.parametrize("high", [False, True])
def test_one_priority_at_its_limit_leaves_the_other_alone(run, net, limits, high):
    async def main():
        own = {"high_limits" if high else "limits": limits}
        async with net.listening(net.always(OK)) as port, net.visiting(port, **own) as site:
            for _ in range(2):
                with pytest.raises(NoHealthyHost if limits.pools == 0 else Overloaded):
                    await site.send(site.request(), high=high)
                assert (await site.send(site.request(), high=not high)).status == 200

    run(main)


def test_a_request_that_may_not_go_out_leaves_its_connection(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port, limits=NONE) as site:
            for _ in range(3):  # the first one waits for it, the others find it
                with pytest.raises(Overloaded, match="0 requests under way"):
                    await site.get()
            assert site.counts == (1, 1, 1)

    run(main)


def test_who_cannot_connect_hears_of_that_first(run, net):
    async def main():
        async with net.visiting(1, limits=NONE) as site:
            with pytest.raises(ConnectFailed):
                await site.get()

    run(main)


def test_who_waits_does_not_count_as_under_way(run, net):
    async def main():
        limits = Limits(connections=1, requests=1)
        async with net.listening(net.always(OK)) as port, net.visiting(port, limits=limits) as site:
            answers = await asyncio.gather(*(site.get() for _ in range(5)))
            assert [answer.status for answer in answers] == [200] * 5
            assert site.host.requests == 5

    run(main)


def test_one_who_may_not_go_out_does_not_keep_the_connection_from_the_next(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port, limits=ONE) as site:
            waiting = [asyncio.create_task(site.get()) for _ in range(3)]
            await asyncio.sleep(0)
            site.upstream.breaker.most = 0
            outcomes = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(each) for each in outcomes] == [Overloaded] * 3
            assert site.counts == (1, 1, 1)

    run(main)


def test_connections_to_one_host_are_those_of_both_priorities(run, net):
    async def main():
        limits = Limits(per_host=1)
        async with net.listening(net.always(OK)) as port:
            async with net.visiting(port, limits=limits, high_limits=limits) as site:
                await site.send(site.request(), high=True)
                await asyncio.gather(*(site.get() for _ in range(3)))  # one, as a pool always has
                assert site.counts == (2, 2, 2)

    run(main)


def test_a_pool_that_is_let_go_leaves_its_place_at_once(run, net):
    async def main():
        async with net.listening(net.always(OK)) as port, net.visiting(port, limits=Limits(pools=1)) as site:
            for high in (False, True):
                await site.send(site.request(), high=high)
            line = site.pools.idle(site.host, site.request())
            site.pools.renew(site.host)
            assert site.upstream.breaker.pools == 0
            await site.get()
            assert (site.upstream.breaker.pools, site.upstream.connections) == (1, 2)
            line.abort()
            await site.settled(1, 1, 3)
            assert site.upstream.breaker.pools == 1

    run(main)


def test_a_pool_that_nobody_uses_makes_room_for_another_of_its_host(run, net):
    async def main():
        tls = ClientTls(auto_sni=True)
        async with net.listening(net.always(OK)) as port:
            async with net.visiting(port, limits=Limits(pools=1)) as site:
                await site.get()
                pool = site.host.pool
                site.host.tls = tls
                with pytest.raises(ConnectFailed):  # nobody speaks TLS there, but it was tried
                    await site.get()
                assert site.host.pool is None and pool.draining
                await site.settled(0, 0, 1)

    run(main)
