"""Questions to name servers, by c-ares, the library that Envoy asks by (cares/dns_impl.cc).

Questions that come together share a channel and its sockets. It takes no more after a moment: so an answer is never
one that the library has kept, and `/etc/resolv.conf` is read as it is now. A channel costs 70 us. The event loop
watches its sockets, until nobody waits for it any more.
"""

import asyncio
from asyncio import AbstractEventLoop, Future, TimerHandle
from socket import AddressFamily

import pycares

from meshio.naming.resolver import Answer, Resolver

NO_SORT = 1 << 7  # ARES_AI_NOSORT: as the servers have it, without trying which address can be reached
NO_RECORDS = (pycares.errno.ARES_ENODATA, pycares.errno.ARES_ENOTFOUND)
FOREVER = 2**31
TOGETHER = 0.02  # seconds in which a channel takes questions
NOBODY = ["127.0.0.1:53"]  # whom c-ares asks where the system names nobody


class Channel:
    """A channel. Raises pycares.AresError when it cannot be had."""

    def __init__(self, resolver: Resolver, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._closes = loop.time() + TOGETHER
        self._waiting = 0
        self._reading: set[int] = set()
        self._writing: set[int] = set()
        self._timer: TimerHandle | None = None
        self._open = True
        flags = pycares.ARES_FLAG_USEVC if resolver.tcp else 0
        self._channel = pycares.Channel(
            flags=flags | (0 if resolver.search else pycares.ARES_FLAG_NOSEARCH),
            timeout=resolver.timeout,
            tries=resolver.tries,
            rotate=resolver.rotate,
            sock_state_cb=self._watch,
        )
        if servers := servers_for(resolver, self._channel.servers):
            self._channel.servers = servers

    @property
    def fresh(self) -> bool:
        """Whether it takes more questions."""
        return self._open and self._loop.time() < self._closes

    async def ask(self, host: str, family: AddressFamily) -> Answer:
        """The addresses of one family, or of both (AF_UNSPEC). A host file or the name itself may answer at once."""
        answered: Future[Answer] = self._loop.create_future()

        def answer(found: pycares.AddrInfoResult | None, error: int | None) -> None:
            if not answered.done():
                answered.set_result(answer_of(found, error))

        self._waiting += 1
        try:
            self._channel.getaddrinfo(host, None, family=family, flags=NO_SORT, callback=answer)
            self._wait()
            return await answered
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._close()

    def _close(self) -> None:
        """Leave no socket watched."""
        if self._timer is not None:
            self._timer.cancel()
        self._channel.cancel()
        self._open = False
        for fd in self._reading:
            self._loop.remove_reader(fd)
        for fd in self._writing:
            self._loop.remove_writer(fd)
        self._channel.close()

    def _watch(self, fd: int, readable: bool, writable: bool) -> None:
        """The library wants to know when a socket is ready, or no more."""
        if not self._open:
            return  # from the thread in which the channel ends
        for wanted, watched, add, remove, fds in (
            (readable, self._reading, self._loop.add_reader, self._loop.remove_reader, (fd, pycares.ARES_SOCKET_BAD)),
            (writable, self._writing, self._loop.add_writer, self._loop.remove_writer, (pycares.ARES_SOCKET_BAD, fd)),
        ):
            if wanted and fd not in watched:
                watched.add(fd)
                add(fd, self._go_on, *fds)
            elif not wanted and fd in watched:
                watched.remove(fd)
                remove(fd)

    def _go_on(self, readable: int = pycares.ARES_SOCKET_BAD, writable: int = pycares.ARES_SOCKET_BAD) -> None:
        if self._open:
            self._channel.process_fd(readable, writable)
            self._wait()

    def _wait(self) -> None:
        """Come back when the library's patience with a server ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            self._timer = self._loop.call_later(self._channel.timeout(), self._go_on)  # type: ignore[no-untyped-call]


def servers_for(resolver: Resolver, systems: list[str]) -> list[str]:
    """Who is asked instead of the system's name servers; [] leaves it to those."""
    return [] if resolver.spare and systems != NOBODY else list(resolver.servers)


class Channels:
    """Of each resolver the one that takes questions now."""

    def __init__(self) -> None:
        self._latest: dict[Resolver, Channel] = {}

    async def ask(self, resolver: Resolver, host: str, family: AddressFamily) -> Answer:
        """As `Channel.ask`. Never raises."""
        if not host.isascii() or "\0" in host:
            return answer_of(None, pycares.errno.ARES_EBADNAME)
        channel = self._latest.get(resolver)
        if channel is None or not channel.fresh:
            try:
                channel = self._latest[resolver] = Channel(resolver, asyncio.get_running_loop())
            except pycares.AresError as error:
                return Answer(failed=True, reason=f"cares_failure:{error}")
        return await channel.ask(host, family)


def answer_of(found: pycares.AddrInfoResult | None, error: int | None) -> Answer:
    """In Envoy's words. An address is good for no longer than the aliases that lead to it."""
    if found is not None and not error:
        longest = min((alias.ttl for alias in found.cnames), default=FOREVER)
        good_for: dict[str, int] = {}
        for node in found.nodes:
            good_for.setdefault(node.addr[0].decode(), min(node.ttl, longest))
        return Answer(tuple(good_for.items()))
    status = error or pycares.errno.ARES_ENODATA
    failed, words = status not in NO_RECORDS, pycares.errno.strerror(status)
    told = words if isinstance(words, str) else words.decode()
    return Answer((), failed, f"cares_{'failure' if failed else 'norecords'}:{told}")
