"""Look-ups by a real name server, and by the operating system."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from meshio.naming.resolver import Answer, Resolver
from meshio.registry.cares import NOBODY, servers_for
from meshio.registry.lookup import Lookups, ask_system, preferred
from tests.nameserver import NameServer, naming

ZONE = {
    "web.test": {"A": ["10.0.0.1", "10.0.0.2"], "ttl": 7},
    "both.test": {"A": ["10.0.0.1"], "AAAA": ["fd00::1"]},
    "six.test": {"AAAA": ["fd00::1"]},
    "none.test": {},
    "fail.test": {"rcode": "SERVFAIL"},
    "silent.test": {"drop": True},
    "slow.test": {"A": ["10.0.0.1"], "delay": 0.1},
    "long.test": {"A": ["10.0.0.1"], "cut": True},
    "alias.test": {"A": [["10.0.0.1", 9], ["10.0.0.2", 3], ["10.0.0.1", 1]], "cname": "web.test.", "cname_ttl": 5},
}
look_up = Lookups().look_up
LOOPS = pytest.mark.parametrize("runner", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])


def of(server: NameServer, **more) -> Resolver:
    host, port = server.at
    return Resolver((f"{host}:{port}",), **more)


def with_server(body: Callable[[NameServer], Awaitable[None]], runner=asyncio.run) -> None:
    async def main() -> None:
        async with naming(ZONE) as server:
            await body(server)

    runner(main())


@LOOPS
def test_addresses_come_with_what_they_are_good_for(runner):
    async def body(server):
        assert await look_up(of(server), "web.test", "v4") == Answer((("10.0.0.1", 7), ("10.0.0.2", 7)))
        assert server.asked == {"A web.test": 1}

    with_server(body, runner)


@pytest.mark.parametrize(
    ("family", "found", "asked"),
    [
        ("auto", ["fd00::1"], ["AAAA"]),
        ("v4", ["10.0.0.1"], ["A"]),
        ("v6", ["fd00::1"], ["AAAA"]),
        ("v4_preferred", ["10.0.0.1"], ["A"]),
        ("all", ["10.0.0.1", "fd00::1"], ["A", "AAAA"]),
    ],
)
def test_the_family_says_who_is_asked_for(family, found, asked):
    async def body(server):
        answer = await look_up(of(server), "both.test", family)
        assert sorted(address for address, _ in answer.addresses) == found
        assert sorted(server.asked) == [f"{kind} both.test" for kind in asked]

    with_server(body)


@pytest.mark.parametrize(
    ("name", "failed", "reason"),
    [
        ("no.test", False, "cares_norecords:Domain name not found"),
        ("none.test", False, "cares_norecords:DNS server returned answer with no data"),
        ("fail.test", True, "cares_failure:DNS server returned general failure"),
        ("a..b", True, "cares_failure:Misformatted domain name"),
        ("a\0b.test", True, "cares_failure:Misformatted domain name"),
        ("bücher.test", True, "cares_failure:Misformatted domain name"),
        ("silent.test", True, "cares_failure:Timeout while contacting DNS servers"),
    ],
)
def test_why_there_is_no_address(name, failed, reason):
    async def body(server):
        assert await look_up(of(server, timeout=1, tries=1), name, "v4") == Answer((), failed, reason)

    with_server(body)


def test_the_second_family_is_asked_for_where_the_first_has_none():
    async def body(server):
        assert await look_up(of(server), "six.test", "v4_preferred") == Answer((("fd00::1", 300),))
        assert list(server.asked) == ["A six.test", "AAAA six.test"]

    with_server(body)


def test_an_alias_bounds_what_the_addresses_are_good_for():
    async def body(server):
        assert await look_up(of(server), "alias.test", "v4") == Answer((("10.0.0.1", 5), ("10.0.0.2", 3)))

    with_server(body)


@pytest.mark.parametrize(("name", "more"), [("long.test", {}), ("web.test", {"tcp": True})])
def test_streams_where_an_answer_does_not_fit_or_where_they_are_wanted(name, more):
    async def body(server):
        assert (await look_up(of(server, **more), name, "v4")).addresses[0][0] == "10.0.0.1"

    with_server(body)


def test_spare_servers_are_asked_where_the_system_has_none():
    own, systems = ["127.0.0.1:1"], ["10.0.0.53:53"]
    spare = Resolver(tuple(own), spare=True)
    assert (servers_for(spare, systems), servers_for(spare, NOBODY)) == ([], own)
    assert (servers_for(Resolver(tuple(own)), systems), servers_for(Resolver(), systems)) == (own, [])


@LOOPS
def test_a_look_up_that_is_given_up_leaves_nothing_behind(runner):
    async def body(server):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(look_up(of(server), "silent.test", "auto"), 0.05)

    with_server(body, runner)


@LOOPS
def test_many_at_the_same_time_share_sockets(runner):
    async def body(server):
        names = ["web.test", "both.test", "alias.test", "no.test"] * 10
        answers = await asyncio.gather(*(look_up(of(server), name, "v4") for name in names))
        assert [len(answer.addresses) for answer in answers] == [2, 1, 2, 0] * 10
        assert len(server.peers) <= 10  # as many as it takes moments to ask them all

    with_server(body, runner)


def test_one_that_is_given_up_does_not_end_the_others():
    async def body(server):
        silent = asyncio.create_task(look_up(of(server), "silent.test", "v4"))
        slow = asyncio.create_task(look_up(of(server), "slow.test", "v4"))
        await asyncio.sleep(0.02)
        silent.cancel()
        assert (await slow).addresses == (("10.0.0.1", 300),)

    with_server(body)


def test_no_answer_is_one_that_was_kept():
    async def body(server):
        for _ in range(3):
            await look_up(of(server), "web.test", "v4")
        silent = asyncio.create_task(look_up(of(server), "silent.test", "v4"))  # keeps its channel open
        await asyncio.sleep(0)
        for _ in range(2):
            await look_up(of(server), "web.test", "v4")
            await asyncio.sleep(0.03)
        silent.cancel()
        assert server.asked["A web.test"] == 5

    with_server(body)


def test_the_system_knows_localhost_without_a_server():
    async def main():
        assert (await look_up(Resolver(), "localhost", "v4")).addresses == (("127.0.0.1", 0),)
        assert (await look_up(Resolver(system=True), "localhost", "v4")).addresses == (("127.0.0.1", 60),)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "failed"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), False),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"), True),
        (UnicodeError("label empty or too long"), True),
        (OSError("no descriptors"), True),
    ],
)
def test_what_the_system_says_of_names_that_it_does_not_know(error, failed, monkeypatch):
    async def main():
        async def nobody(*args, **more):
            raise error

        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", nobody)
        answer = await ask_system("x")
        assert (answer.addresses, answer.failed, bool(answer.reason)) == ((), failed, True)

    asyncio.run(main())


@pytest.mark.parametrize(
    ("family", "chosen"),
    [("auto", "6"), ("v4", "4"), ("v6", "6"), ("v4_preferred", "4"), ("all", "46")],
)
def test_of_the_systems_addresses_the_family_takes_what_it_prefers(family, chosen):
    both = {"4": ("10.0.0.1", 60), "6": ("fd00::1", 60)}
    assert preferred(Answer(tuple(both.values())), family).addresses == tuple(both[each] for each in chosen)
