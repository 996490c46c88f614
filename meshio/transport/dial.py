"""From an address to a connection: TCP, then TLS where it is asked for.

Names with several addresses, and endpoints with several, are tried as RFC 8305 says (happy eyeballs), on any
event loop. Every failure becomes a ConnectFailed with Envoy's words.
"""

import asyncio
import os
import socket
import ssl
from asyncio import AbstractEventLoop, Task
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from meshio.errors import ConnectFailed, ConnectTimedOut
from meshio.transport.connection import Owner
from meshio.transport.h1 import H1
from meshio.transport.tls import Security, carries
from meshio.upstream.cluster import Cluster, First
from meshio.upstream.endpoint import Address, is_path

STAGGER = 0.25  # seconds between attempts at further addresses: RFC 8305's recommendation
WRONG_NAME = "TLS_error:|CERTIFICATE_VERIFY_FAILED: no matching SAN:TLS_error_end"
GOODBYE = 2.0  # seconds that a TLS connection waits for the peer's close_notify

P = TypeVar("P", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a connection goes and how. `security` None is plaintext."""

    name: str
    addresses: tuple[Address, ...]
    security: Security | None = None


async def dial(target: Target, cluster: Cluster, owner: Owner) -> H1:
    """A fresh HTTP/1.1 connection. Raises ConnectFailed, ConnectTimedOut."""
    loop = asyncio.get_running_loop()
    return await reach(target, cluster, lambda: H1(loop, owner, target.name, cluster.http))


async def reach(target: Target, cluster: Cluster, protocol: Callable[[], P]) -> P:
    """A fresh connection, within the cluster's connect timeout, which covers the TLS handshake as Envoy's does.

    Raises ConnectFailed, ConnectTimedOut.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(cluster.connect_timeout):
            sock = await connect(in_turn(await resolve(target.addresses), *cluster.eyeballs))
            tune(sock, cluster)
            return await speak(loop, sock, target, protocol)
    except TimeoutError as error:
        if isinstance(error, OSError) and error.errno is not None:  # the system's own ETIMEDOUT
            raise ConnectFailed(f"cannot connect to {target.name}: {error}", told(error, target)) from error
        raise ConnectTimedOut(f"{target.name} took longer than {cluster.connect_timeout:g} s to accept") from error
    except OSError as error:
        raise ConnectFailed(f"cannot connect to {target.name}: {error}", told(error, target)) from error


def told(error: OSError, target: Target) -> str:
    """Envoy's transport failure reason for what the system or the TLS library says."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS_error:|CERTIFICATE_VERIFY_FAILED: {error.verify_message}:TLS_error_end"
    if isinstance(error, ssl.SSLError):
        return f"TLS_error:|{error.reason or error}:TLS_error_end"
    if isinstance(error, socket.gaierror):
        return f"dns_resolution_failure{{{error.strerror}}}"
    reason, path = os.strerror(error.errno) if error.errno else str(error), target.addresses[0][0]
    if is_path(path):
        return f"immediate connect error: {reason}|remote address:{path}"
    return f"delayed connect error: {reason}"


async def speak(loop: AbstractEventLoop, sock: socket.socket, target: Target, protocol: Callable[[], P]) -> P:
    """Hand a connected socket to the protocol, through TLS where there is a context."""
    try:
        if target.security is None:
            return (await loop.create_connection(protocol, sock=sock))[1]
        transport, connection = await loop.create_connection(
            protocol,
            sock=sock,
            ssl=target.security.context,
            server_hostname=target.security.server_name,
            ssl_shutdown_timeout=GOODBYE,
        )
    except BaseException:
        sock.close()
        raise
    names = target.security.subject_names
    if names and not carries(names, transport.get_extra_info("peercert")):
        transport.abort()
        raise ConnectFailed(f"{target.name} has a certificate for somebody else than {names}", WRONG_NAME)
    return connection


def tune(sock: socket.socket, cluster: Cluster) -> None:
    """No Nagle; keepalive probes where the cluster wants them."""
    if sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if cluster.tcp_keepalive is not None:
        probes, idle, interval = cluster.tcp_keepalive
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPCNT", probes), ("TCP_KEEPIDLE", idle), ("TCP_KEEPINTVL", interval)):
            if value and hasattr(socket, option):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


async def resolve(addresses: Iterable[Address]) -> list[Address]:
    """IP addresses in place of host names, families taking turns. Raises OSError."""
    found: list[Address] = []
    loop = asyncio.get_running_loop()
    for host, port in addresses:
        if is_ip(host) or is_path(host):
            found.append((host, port))
            continue
        try:
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except UnicodeError as error:  # a label that IDNA does not allow, as in "a..b"
            raise socket.gaierror(socket.EAI_NONAME, f"{host!r} is not a host name") from error
        found += dict.fromkeys((str(info[4][0]), port) for info in infos)
    return found


def in_turn(addresses: list[Address], first: First = "", count: int = 1) -> list[Address]:
    """RFC 8305 section 4: families take turns, after `count` of the one to begin with (that of the first address).

    Envoy: `HappyEyeballsConnectionProvider::sortAddresses`.
    """
    if len(addresses) < 2:
        return addresses
    begins = family_of(addresses[0]) if not first else first
    if begins not in map(family_of, addresses):
        return addresses
    leading = deque(each for each in addresses if family_of(each) == begins)
    others = deque(each for each in addresses if family_of(each) != begins)
    found = []
    while leading or others:
        found += [leading.popleft() for _ in range(min(count, len(leading)))]
        found += [others.popleft() for _ in range(min(1, len(others)))]
    return found


def family_of(address: Address) -> str:
    return "v6" if ":" in address[0] else "v4"


def is_ip(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


async def connect(addresses: list[Address]) -> socket.socket:
    """The first socket that connects; a further address is tried every STAGGER seconds, or at once after a failure.

    Raises the first attempt's OSError when all have failed.
    """
    if len(addresses) == 1:
        return await connect_one(addresses[0])
    waiting = list(reversed(addresses))
    attempts: list[Task[socket.socket]] = []
    winner: Task[socket.socket] | None = None
    try:
        while winner is None and (waiting or not all(attempt.done() for attempt in attempts)):
            if waiting:
                attempts.append(asyncio.create_task(connect_one(waiting.pop())))
            pending = [attempt for attempt in attempts if not attempt.done()]
            await asyncio.wait(pending, timeout=STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED)
            winner = next((each for each in attempts if each.done() and each.exception() is None), None)
    finally:
        await dismiss([attempt for attempt in attempts if attempt is not winner])
    return attempts[0].result() if winner is None else winner.result()


async def dismiss(attempts: list[Task[socket.socket]]) -> None:
    """End the attempts that lost, those that connected too late included."""
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()


async def connect_one(address: Address) -> socket.socket:
    host, port = address
    unix, kind = is_path(host), socket.AF_INET6 if ":" in host else socket.AF_INET
    where = (f"\0{host[1:]}" if host.startswith("@") else host) if unix else (host, port)
    sock = socket.socket(socket.AF_UNIX if unix else kind, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except BaseException:
        sock.close()
        raise
    return sock
