"""What the connection manager makes of the authority before routes see it.

Envoy: conn_manager_utility.cc `maybeNormalizeHost`, header_utility.cc `stripPortFromHost`, checked on 1.40.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias

from meshio.message import Request

Ports: TypeAlias = Literal["keep", "matching", "any"]


def compile_authority(ports: Ports, strip_dot: bool) -> Callable[[Request], bytes] | None:
    """The authority without its port (any, or the one that the request goes to) and one dot at the end of the host.

    None where nothing is to be done. What is no number behind the colon is no port.
    """
    if ports == "keep" and not strip_dot:
        return None

    def change(request: Request) -> bytes:
        host, port = parted(request.authority)
        if port and (ports == "any" or (ports == "matching" and port == b"%d" % request.port)):
            port = b""
        if strip_dot and host.endswith(b"."):
            host = host[:-1]
        return host + b":" + port if port else host

    return change


def parted(authority: bytes) -> tuple[bytes, bytes]:
    """Host and port. A colon inside the brackets of an IPv6 literal is no port; "" where there is none."""
    host, colon, port = authority.rpartition(b":")
    return (host, port) if colon and port.isdigit() and b"]" not in port else (authority, b"")


def compile_withhold(names: tuple[str, ...]) -> Callable[[Request], None]:
    """Take headers off a request; its header list is replaced."""
    gone = frozenset(name.encode() for name in names)

    def withhold(request: Request) -> None:
        if any(name in gone for name, _ in request.headers):
            request.headers = [header for header in request.headers if header[0] not in gone]

    return withhold
