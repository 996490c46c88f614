"""Hosts that requests bring along: wherever the request was going to. Envoy: original_dst_cluster.cc."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import TypeAlias

from meshio.balancing.policy import Pick
from meshio.errors import NoHealthyHost
from meshio.matching.metadata import reached
from meshio.message import Request
from meshio.naming.cache import NameCache, place_of
from meshio.upstream.cluster import Cluster, DynamicForward, OriginalDestination
from meshio.upstream.endpoint import Address, Endpoint
from meshio.upstream.host import Host, name_of
from meshio.upstream.sockets import tls_of

Known: TypeAlias = Callable[[NameCache], Mapping[Address, Endpoint]]
"""What was found out about names: endpoints at the addresses of each."""

DAY = 86400.0
ROUND = 60.0  # seconds between two looks for hosts that nobody uses any more


def nothing_known(cache: NameCache) -> Mapping[Address, Endpoint]:
    """For a client that looks no names up."""
    return {}


class Destinations:
    """Makes a host for each address that is asked for, and forgets it when it was idle for so long that its
    connections are closed anyway."""

    __slots__ = ("_cluster", "_due", "_endpoints", "hosts", "pick")

    def __init__(self, hosts: dict[Address, Host], cluster: Cluster, known: Known) -> None:
        self.hosts = hosts
        self._cluster = cluster
        self._due: float | None = None
        settings = cluster.discovery
        told = isinstance(settings, OriginalDestination) and (settings.header or settings.port or settings.path)
        self.pick: Pick[Host] = self._told if told else self._own
        if isinstance(settings, DynamicForward):
            self._endpoints = known(settings.cache)
            self.pick = self._named

    def _own(self, request: Request) -> Host:
        """The host at the request's own address."""
        return self.hosts.get((request.host, request.port)) or self._create((request.host, request.port))

    def _told(self, request: Request) -> Host:
        """The host that metadata or else a header names, where the request has it; at the port of the cluster."""
        settings = self._cluster.discovery
        assert isinstance(settings, OriginalDestination)
        named = request.header(settings.header.encode()) if settings.header else None
        told = parse(named) if named is not None else None
        if settings.path and (noted := text_at(request, settings.path)) is not None:
            told = parse(noted) or told
        host, port = told or (request.host, request.port)
        address = (host, settings.port or port)
        return self.hosts.get(address) or self._create(address)

    def _named(self, request: Request) -> Host:
        """The host that the authority names, where its addresses are known. It stays the same when they change."""
        address = named_by(request, self._cluster)
        endpoint, host = self._endpoints.get(address), self.hosts.get(address)
        if endpoint is None:
            raise NoHealthyHost(f"nobody has looked up {name_of(*address)} yet")
        if host is None:
            host = self.hosts[address] = Host(endpoint, tls_of(self._cluster, endpoint))
        elif host.endpoint is not endpoint:
            host.move(endpoint)
        return host

    def _create(self, address: Address) -> Host:
        endpoint = Endpoint(address)
        host = self.hosts[address] = Host(endpoint, tls_of(self._cluster, endpoint))
        return host

    def sweep(self, now: float) -> float:
        """Forget the hosts that are idle for good; returns when to look again."""
        if self._due is None or now >= self._due:
            self._due = now + ROUND
            for address in [address for address, host in self.hosts.items() if self._forgotten(host, now)]:
                del self.hosts[address]
        return self._due

    def _forgotten(self, host: Host, now: float) -> bool:
        if host.used is None:
            host.used = now
        return host.inflight == 0 and now - host.used > (self._cluster.http.idle_timeout or DAY)


def text_at(request: Request, path: tuple[str, ...]) -> bytes | None:
    """A text in the request's metadata, or the first of a list."""
    found = reached(request.notes.metadata, path) if request.notes is not None else None
    if isinstance(found, list | tuple) and found:
        found = found[0]
    return found.encode() if isinstance(found, str) else None


def named_by(request: Request, cluster: Cluster) -> Address:
    """The host and port that the authority names; without a port, the usual one. In an application's own TLS, it is
    the connection that names them."""
    if request.scheme == b"https":
        return request.host, request.port
    return place_of(request.authority.decode("latin-1"), 443 if cluster.tls is not None else 80)


def parse(named: bytes) -> Address | None:
    """`ip:port` or `[v6]:port`; None for anything else (Envoy: `parseInternetAddressAndPortNoThrow`)."""
    text = named.decode("latin-1")
    host, colon, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535 or (":" in host and not bracketed):
        return None
    try:
        return str(ip_address(host.strip("[]"))), int(port)
    except ValueError:
        return None
