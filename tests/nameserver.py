"""A name server on loopback that answers by a script, over UDP and TCP.

The zone: name -> what it answers to questions of one kind, one after the other; the last one again and again.
An answer: {A: [addresses], AAAA: [addresses], ttl, cname, cname_ttl, rcode, delay, drop: true, cut: true (over UDP
only)}; an address may be a pair, with a time of its own. A name that is not there does not exist.
"""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL = 300


class NameServer(asyncio.DatagramProtocol):
    """`asked` counts each question as "A some.name"; `at` is its address and port; `peers` have sent datagrams."""

    at: tuple[str, int]

    def __init__(self, zone: Mapping[str, Any]) -> None:
        self._zone = {f"{name}.": told if isinstance(told, list) else [told] for name, told in zone.items()}
        self.asked: Counter[str] = Counter()
        self.peers: set[Any] = set()
        self._later: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.DatagramTransport = transport

    def datagram_received(self, data: bytes, peer: Any) -> None:
        self.peers.add(peer)
        told, reply = self.answer(data, udp=True)
        if told.get("drop"):
            return
        task = asyncio.create_task(self._reply(reply, peer, float(told.get("delay", 0))))
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    async def _reply(self, reply: bytes, peer: Any, delay: float) -> None:
        await asyncio.sleep(delay)
        self._transport.sendto(reply, peer)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The same over TCP."""
        try:
            while True:
                (size,) = struct.unpack("!H", await reader.readexactly(2))
                _, reply = self.answer(await reader.readexactly(size), udp=False)
                writer.write(struct.pack("!H", len(reply)) + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def answer(self, data: bytes, udp: bool) -> tuple[Mapping[str, Any], bytes]:
        """What the script says, and the message for it."""
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind, name = dns.rdatatype.to_text(question.rdtype), question.name.to_text().lower()
        key = f"{kind} {name.rstrip('.')}"
        script = self._zone.get(name, [{"rcode": "NXDOMAIN"}])
        told = script[min(self.asked[key], len(script) - 1)]
        self.asked[key] += 1
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        reply.set_rcode(dns.rcode.from_text(told.get("rcode", "NOERROR")))
        if udp and told.get("cut"):
            reply.flags |= dns.flags.TC
            return told, reply.to_wire()
        ttl, owner = int(told.get("ttl", TTL)), question.name.to_text()
        if alias := told.get("cname"):
            reply.answer.append(dns.rrset.from_text(owner, int(told.get("cname_ttl", ttl)), "IN", "CNAME", alias))
            owner = alias
        for each in told.get(kind, []):
            address, own = each if isinstance(each, list) else (each, ttl)
            reply.answer.append(dns.rrset.from_text(owner, own, "IN", kind, address))
        return told, reply.to_wire()

    async def close(self) -> None:
        self._transport.close()
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)


@asynccontextmanager
async def naming(zone: Mapping[str, Any], at: tuple[str, int] = ("127.0.0.1", 0)) -> AsyncIterator[NameServer]:
    """A name server as long as the block lasts."""
    server = NameServer(zone)
    streams = await asyncio.start_server(server.serve, *at)
    server.at = streams.sockets[0].getsockname()
    await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, server.at)
    try:
        yield server
    finally:
        streams.close()
        await server.close()
