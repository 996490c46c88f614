"""Where an endpoint is: the `Endpoint`, `Address` and `SocketAddress` messages, straight from the wire."""

import socket

from betterproto2 import Message

from meshio.upstream.endpoint import AS_REQUESTS, Address, CheckedAt, is_path
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import Address as AddressMessage
from meshio.xds.proto.envoy.config.core.v3 import Pipe, SocketAddress
from meshio.xds.proto.envoy.config.endpoint.v3 import Endpoint, EndpointAdditionalAddress, EndpointHealthCheckConfig
from meshio.xds.strict import fields, refuse, text
from meshio.xds.wire import bytes_key, number_key, sole, split

ADDRESS, CHECK, HOSTNAME, ADDITIONAL = bytes_key(1), bytes_key(2), bytes_key(3), bytes_key(4)
CHECK_PORT, CHECK_HOSTNAME, CHECK_ADDRESS, CHECK_DISABLED = number_key(1), bytes_key(2), bytes_key(3), number_key(4)
HOST, PORT = bytes_key(2), number_key(3)
PIPE, PATH = bytes_key(2), bytes_key(1)

HERE = Place("")
"""Places inside an endpoint are relative: an endpoint's index is only worked out when something is wrong with it."""
AT_ENDPOINT, AT_ADDRESS = HERE.at("endpoint"), HERE.at("endpoint.address")


def whereabouts(value: int | bytes, named: bool) -> tuple[Address, str, tuple[Address, ...], CheckedAt]:
    """Address, host name, further addresses and health check of an `Endpoint` message."""
    if isinstance(value, bytes) and (only := sole(value, ADDRESS)) is not None:
        return address_of(only, named), "", (), AS_REQUESTS
    address, hostname, check = None, "", AS_REQUESTS
    others: list[Address] = []
    for key, part in fields(AT_ENDPOINT, value):
        if key == ADDRESS and address is None:
            address = address_of(part, named)
        elif key == HOSTNAME:
            hostname = text(AT_ENDPOINT, part)
        elif key == ADDITIONAL:
            others.append(additional_address(part, named))
        elif key == CHECK and isinstance(part, bytes):
            check = checked_at(part)
        else:
            refuse(AT_ENDPOINT, Endpoint, key, part)
    if address is None:
        raise AT_ENDPOINT.rejected("is required", "address")
    return address, hostname, tuple(others), check


def checked_at(raw: bytes) -> CheckedAt:
    """An endpoint's `HealthCheckConfig`."""
    place = AT_ENDPOINT.at("health_check_config")
    port, hostname, address, disabled = 0, "", None, False
    for key, part in fields(place, raw):
        if key == CHECK_PORT and isinstance(part, int):
            port = part
        elif key == CHECK_HOSTNAME:
            hostname = text(place, part)
        elif key == CHECK_ADDRESS and address is None:
            address = address_of(part, named=False)
        elif key == CHECK_DISABLED and isinstance(part, int):
            disabled = bool(part)
        else:
            refuse(place, EndpointHealthCheckConfig, key, part)
    if port > 65535:
        raise place.rejected("is not a port", "port_value")
    return CheckedAt(port, hostname, address, disabled)


def additional_address(value: int | bytes, named: bool) -> Address:
    """One of the further addresses of a dual-stack endpoint."""
    return address_of(only_address(AT_ENDPOINT, EndpointAdditionalAddress, value), named)


def address_of(value: int | bytes, named: bool) -> Address:
    """An `Address` message, which must hold a socket address."""
    found = sole(value, ADDRESS) if isinstance(value, bytes) else None
    if found is None and isinstance(value, bytes) and (pipe := sole(value, PIPE)) is not None:
        return pipe_path(pipe), 0
    return socket_address(only_address(AT_ADDRESS, AddressMessage, value) if found is None else found, named)


def pipe_path(value: bytes) -> str:
    """A `Pipe` message: a Unix domain socket."""
    place, path = AT_ADDRESS.at("pipe"), ""
    for key, part in fields(place, value):
        if key == PATH:
            path = text(place, part)
        else:
            refuse(place, Pipe, key, part)
    if not is_path(path):
        raise place.rejected("must be an absolute path, or begin with @", "path")
    return path


def only_address(place: Place, cls: type[Message], value: int | bytes) -> int | bytes:
    """Field 1 of a message that has to have it, and in which it is the only field that is read."""
    found: int | bytes | None = None
    for key, part in fields(place, value):
        if key == ADDRESS and found is None:
            found = part
        else:
            refuse(place, cls, key, part)
    if found is None:
        raise place.rejected(f"has no address ({cls.__name__})")
    return found


def socket_address(value: int | bytes, named: bool) -> Address:
    """A `SocketAddress` message: an IP address, or a host name where the cluster resolves one."""
    host, port = "", -1
    for key, part in split(value) if isinstance(value, bytes) else ():
        if key == HOST:
            host = text(AT_ADDRESS, part)
        elif key == PORT and isinstance(part, int):
            port = part
        else:
            refuse(AT_ADDRESS, SocketAddress, key, part)
    if not 0 <= port <= 65535:
        raise AT_ADDRESS.rejected("is not a port", "socket_address.port_value")
    if not host or not (named or is_address(host)):
        raise AT_ADDRESS.rejected(f"{host!r} is not an IP address", "socket_address.address")
    return host, port


def is_address(host: str) -> bool:
    """An IP address, of either version."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, ValueError):
        return False
    return True
