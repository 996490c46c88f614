"""One question to name servers, by c-ares, the library that Envoy asks by (cares/dns_impl.cc).

Each question has a channel of its own, which costs 70 us: so the answer is never one that the library has kept, and
`/etc/resolv.conf` is read as it is now. The event loop watches the channel's sockets.
"""

import asyncio
from asyncio import AbstractEventLoop, Future, TimerHandle
from socket import AddressFamily

import pycares

from meshio.naming.resolver import Answer, Resolver

NO_SORT = 1 << 7  # ARES_AI_NOSORT: as the servers have it, without trying which address can be reached
NO_RECORDS = (pycares.errno.ARES_ENODATA, pycares.errno.ARES_ENOTFOUND)
FOREVER = 2**31
NOBODY = ["127.0.0.1:53"]  # whom c-ares asks where the system names nobody


class Question:
    """A channel, as long as it takes. `answered` is done when there is nothing more to wait for."""

    def __init__(self, resolver: Resolver, loop: AbstractEventLoop) -> None:
        self.answered: Future[Answer] = loop.create_future()
        self._loop = loop
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

    def ask(self, host: str, family: AddressFamily) -> None:
        """Send it off. A host file or the name itself may answer at once."""
        self._channel.getaddrinfo(host, None, family=family, flags=NO_SORT, callback=self._answer)
        self._wait()

    def close(self) -> None:
        """Leave no socket watched."""
        if self._timer is not None:
            self._timer.cancel()
        if not self.answered.done():
            self._channel.cancel()
        self._open = False
        for fd in self._reading:
            self._loop.remove_reader(fd)
        for fd in self._writing:
            self._loop.remove_writer(fd)
        self._channel.close()

    def _answer(self, found: pycares.AddrInfoResult | None, error: int | None) -> None:
        if not self.answered.done():
            self.answered.set_result(answer_of(found, error))

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
        if not self.answered.done():
            self._timer = self._loop.call_later(self._channel.timeout(), self._go_on)  # type: ignore[no-untyped-call]


def servers_for(resolver: Resolver, systems: list[str]) -> list[str]:
    """Who is asked instead of the system's name servers; [] leaves it to those."""
    return [] if resolver.spare and systems != NOBODY else list(resolver.servers)


async def ask(resolver: Resolver, host: str, family: AddressFamily) -> Answer:
    """The addresses of one family, or of both (AF_UNSPEC). Never raises."""
    if not host.isascii() or "\0" in host:
        return answer_of(None, pycares.errno.ARES_EBADNAME)
    try:
        question = Question(resolver, asyncio.get_running_loop())
    except pycares.AresError as error:
        return Answer(failed=True, reason=f"cares_failure:{error}")
    try:
        question.ask(host, family)
        return await question.answered
    finally:
        question.close()


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
