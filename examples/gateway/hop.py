"""What of a message's head goes on to the next hop, and what the gateway adds to it. RFC 9110, 7.6."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeAlias

from meshio.client.url import Origin, parse_origin
from meshio.errors import BadRequest
from meshio.message import Headers

Scope: TypeAlias = Mapping[str, Any]

# Belong to one connection (7.6.1). Trailers do not pass an ASGI server, so that `trailer` would promise too much.
HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
# Answered by the server (`expect`), or said by the gateway itself.
OURS = frozenset({b"expect", b"host", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"})
CONTENT_FREE = frozenset({204, 304})


class Misdirected(Exception):
    """The client asks for a host that this gateway does not serve."""


@dataclass(frozen=True)
class Hosts:
    """The hosts that clients may ask for, and what each is called in the mesh: `name` or `name:port`.

    An empty table leaves the Host header as it came: then clients reach all that the mesh reaches.
    """

    table: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`shop.example.com=web,api.example.com=api:8080`. Raises BadRequest for what is not a host."""
        pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
        for _, _, target in pairs:
            parse_origin(f"http://{target.strip()}")
        return cls({host.strip().lower(): target.strip() for host, _, target in pairs})

    def origin(self, headers: Headers) -> Origin:
        """Where a request goes. Raises BadRequest without exactly one Host (RFC 9112, 3.2), and Misdirected."""
        hosts = values(headers, b"host")
        if len(hosts) != 1:
            raise BadRequest(f"a request has one Host header, not {len(hosts)}")
        asked = parse_origin("http://" + hosts[0].decode("latin-1"))
        if not self.table:
            return asked
        target = self.table.get(asked.host)
        if target is None:
            raise Misdirected(f"{asked.host} is not served here")
        return parse_origin(f"http://{target}")


def values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


def end_to_end(headers: Headers) -> Headers:
    """What is meant for the other end: neither the headers of this connection, nor those that `Connection` names."""
    named = b",".join(values(headers, b"connection")).lower().split(b",")
    gone = HOP.union(name.strip() for name in named)
    return [header for header in headers if header[0] not in gone]


def onward(scope: Scope) -> Headers:
    """The headers of the request to the upstream.

    The client's address is appended to x-forwarded-for. Host and scheme are what this gateway saw: what the client
    says about them is not believed. `Via` is what a gateway must say of itself (7.6.3).
    """
    came = end_to_end(scope["headers"])
    headers = [header for header in came if header[0] not in OURS]
    client = scope.get("client")
    peers = [*values(came, b"x-forwarded-for"), *([client[0].encode()] if client else [])]
    if peers:
        headers.append((b"x-forwarded-for", b", ".join(peers)))
    proto = {"ws": b"http", "wss": b"https"}.get(scope["scheme"]) or scope["scheme"].encode()
    headers.append((b"x-forwarded-proto", proto))
    headers += [(b"x-forwarded-host", host) for host in values(scope["headers"], b"host")]
    via = scope["http_version"].encode() + b" meshio-gateway"
    headers.append((b"via", b", ".join([*values(came, b"via"), via])))
    return headers


def back(status: int, headers: Headers) -> Headers:
    """The headers of the response to the client. A length beside a status without content is left out."""
    kept = end_to_end(headers)
    return [header for header in kept if header[0] != b"content-length"] if status in CONTENT_FREE else kept


def target(scope: Scope) -> bytes:
    """Path and query, as the client wrote them."""
    query: bytes = scope["query_string"]
    path: bytes = scope["raw_path"]
    return path + b"?" + query if query else path
