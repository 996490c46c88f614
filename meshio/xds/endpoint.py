"""Load assignments, straight from the wire -> `LoadAssignment`.

They are the largest and most frequent resources: generated classes for 10,000 endpoints cost a second, this
reader costs some 50 ms, and about 10 ms when one endpoint changed, because endpoints are remembered by their bytes
(`benches/decode.py`). It works in steps, so that the loop gets its turn in between. Fields and their
fates are those of `endpoint_fields.py`; `tests/xds/test_endpoint.py` holds it to betterproto2's answer.
"""

import socket
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from betterproto2 import Message

from meshio.upstream.endpoint import NOWHERE, Address, Endpoint, Health, LoadAssignment, Locality, LocalityEndpoints
from meshio.xds.core_fields import CORE_FIELDS
from meshio.xds.endpoint_fields import ENDPOINT_FIELDS
from meshio.xds.extension import open_message
from meshio.xds.matching import percent
from meshio.xds.parse import columns_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import Address as AddressMessage
from meshio.xds.proto.envoy.config.core.v3 import Locality as LocalityMessage
from meshio.xds.proto.envoy.config.core.v3 import Metadata, SocketAddress
from meshio.xds.proto.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    ClusterLoadAssignmentPolicy,
    EndpointAdditionalAddress,
    LbEndpoint,
    LocalityLbEndpoints,
)
from meshio.xds.proto.envoy.config.endpoint.v3 import Endpoint as EndpointMessage
from meshio.xds.proto.google.protobuf import UInt32Value
from meshio.xds.wire import BYTES, VARINT, Field, Malformed, portions, split

RULES = ENDPOINT_FIELDS | CORE_FIELDS
RULES = ENDPOINT_FIELDS | CORE_FIELDS
PORTION = 128  # endpoints between two turns of the loop: about a millisecond
HEALTH: tuple[Health, ...] = ("unknown", "healthy", "unhealthy", "draining", "timeout", "degraded")
MOST_ENDPOINT_WEIGHT = 2**32 - 1
LOWEST_PRIORITY = 128


def octets(number: int) -> int:
    """The wire key of a field that holds bytes."""
    return number << 3 | BYTES


def numeric(number: int) -> int:
    """The wire key of a field that holds a number."""
    return number << 3 | VARINT


NAME, LOCALITIES, POLICY = octets(1), octets(2), octets(4)
LOCALITY, ENDPOINTS, LOCALITY_WEIGHT, PRIORITY = octets(1), octets(2), octets(3), numeric(5)
ENDPOINT, HEALTH_STATUS, METADATA, WEIGHT = octets(1), numeric(2), octets(3), octets(4)
ADDRESS, HOSTNAME, ADDITIONAL = octets(1), octets(3), octets(4)
HOST, PORT = octets(2), numeric(3)


@dataclass(frozen=True, slots=True)
class Traits:
    """What Istio's endpoint metadata says."""

    tls_mode: str = ""
    workload: str = ""
    tunnel: str = ""


class AssignmentReader:
    """Reads one load assignment again and again, remembering its endpoints.

    `named` allows host names as addresses, as clusters with DNS have them.
    """

    def __init__(self, named: bool = False) -> None:
        self._named = named
        self._known: dict[bytes, Endpoint] = {}
        self._traits: dict[bytes, Traits] = {}

    def steps(self, place: Place, raw: bytes) -> Generator[None, None, LoadAssignment]:
        """Translate, yielding about every millisecond. Raises Rejected."""
        name, policy = "", None
        localities: list[LocalityEndpoints] = []
        found: dict[bytes, Endpoint] = {}
        for key, value in fields(place, raw):
            if key == LOCALITIES and isinstance(value, bytes):
                here = place.at("endpoints", len(localities))
                localities.append((yield from self._locality(here, value, found)))
            elif key == NAME:
                name = text(place.at("cluster_name"), value)
            elif key == POLICY and isinstance(value, bytes) and policy is None:
                policy = open_message(place.at("policy"), ClusterLoadAssignmentPolicy, value)
            else:
                refuse(place, ClusterLoadAssignment, key, value)
        self._known = found
        factor, drop = shares(place.at("policy"), policy)
        return LoadAssignment(name, tuple(localities), factor, drop)

    def _locality(
        self, place: Place, raw: bytes, found: dict[bytes, Endpoint]
    ) -> Generator[None, None, LocalityEndpoints]:
        locality, priority, weight = NOWHERE, 0, 0
        endpoints: list[Endpoint] = []
        known = self._known
        for portion in fields_in_portions(place, raw):
            for key, value in portion:
                if key == ENDPOINTS and isinstance(value, bytes):
                    endpoint = known.get(value)
                    if endpoint is None:
                        endpoint = self._endpoint(place.at("lb_endpoints", len(endpoints)), value)
                    found[value] = endpoint
                    endpoints.append(endpoint)
                elif key == LOCALITY and locality is NOWHERE:
                    locality = locality_of(place.at("locality"), value)
                elif key == LOCALITY_WEIGHT and not weight:
                    weight = wrapped(place.at("load_balancing_weight"), value)
                elif key == PRIORITY and isinstance(value, int):
                    priority = value & 0xFFFF_FFFF
                else:
                    refuse(place, LocalityLbEndpoints, key, value)
            yield
        if priority > LOWEST_PRIORITY:
            raise place.rejected(f"{priority} is more than {LOWEST_PRIORITY}", "priority")
        return LocalityEndpoints(tuple(endpoints), locality, priority, weight)

    def _endpoint(self, place: Place, raw: bytes) -> Endpoint:
        where: tuple[Address, str, tuple[Address, ...]] | None = None
        health, weight, traits = HEALTH[0], 1, NO_TRAITS
        for key, value in fields(place, raw):
            if key == ENDPOINT and where is None:
                where = self._where(place.at("endpoint"), value)
            elif key == METADATA and traits is NO_TRAITS:
                traits = self._traits_of(place.at("metadata"), value)
            elif key == WEIGHT:
                weight = wrapped(place.at("load_balancing_weight"), value)
            elif key == HEALTH_STATUS and isinstance(value, int) and value < len(HEALTH):
                health = HEALTH[value]
            else:
                refuse(place, LbEndpoint, key, value)
        if where is None or not 1 <= weight:
            raise place.rejected("needs an endpoint, and a weight of at least 1")
        address, hostname, others = where
        return Endpoint(address, weight, health, traits.tls_mode, traits.workload, hostname, others, traits.tunnel)

    def _where(self, place: Place, value: int | bytes) -> tuple[Address, str, tuple[Address, ...]]:
        address, hostname = None, ""
        others: list[Address] = []
        for key, part in fields(place, value):
            if key == ADDRESS and address is None:
                address = self._address(place.at("address"), part)
            elif key == HOSTNAME:
                hostname = text(place.at("hostname"), part)
            elif key == ADDITIONAL:
                others.append(self._additional(place.at("additional_addresses", len(others)), part))
            else:
                refuse(place, EndpointMessage, key, part)
        if address is None:
            raise place.rejected("is required", "address")
        return address, hostname, tuple(others)

    def _additional(self, place: Place, value: int | bytes) -> Address:
        address = None
        for key, part in fields(place, value):
            if key == ADDRESS and address is None:
                address = self._address(place.at("address"), part)
            else:
                refuse(place, EndpointAdditionalAddress, key, part)
        if address is None:
            raise place.rejected("is required", "address")
        return address

    def _address(self, place: Place, value: int | bytes) -> Address:
        address = None
        for key, part in fields(place, value):
            if key == ADDRESS and address is None:
                address = self._socket_address(place.at("socket_address"), part)
            else:
                refuse(place, AddressMessage, key, part)
        if address is None:
            raise place.rejected("is required", "socket_address")
        return address

    def _socket_address(self, place: Place, value: int | bytes) -> Address:
        host, port = "", -1
        for key, part in fields(place, value):
            if key == HOST:
                host = text(place.at("address"), part)
            elif key == PORT and isinstance(part, int):
                port = part & 0xFFFF_FFFF
            else:
                refuse(place, SocketAddress, key, part)
        if not 0 <= port <= 65535:
            raise place.rejected("is not a port", "port_value")
        if not host or not (self._named or is_address(host)):
            raise place.rejected(f"{host!r} is not an IP address", "address")
        return host, port

    def _traits_of(self, place: Place, value: int | bytes) -> Traits:
        """Endpoints of one workload say the same: their metadata is read once."""
        if isinstance(value, int):
            raise place.rejected("malformed: a number where a message belongs")
        traits = self._traits.get(value)
        if traits is None:
            if len(self._traits) > 4096:
                self._traits.clear()
            traits = self._traits[value] = traits_in(open_message(place, Metadata, value))
        return traits


NO_TRAITS = Traits()


def traits_in(metadata: Metadata) -> Traits:
    """Istio's two entries; others are for filters that meshio does not have."""
    match = metadata.filter_metadata.get("envoy.transport_socket_match")
    istio = metadata.filter_metadata.get("istio")
    texts = {key: value.string_value or "" for key, value in (match.fields if match is not None else {}).items()}
    workload = istio.fields.get("workload") if istio is not None else None
    name = (workload.string_value or "") if workload is not None else ""
    return Traits(texts.get("tlsMode", ""), name, texts.get("tunnel", ""))


def locality_of(place: Place, value: int | bytes) -> Locality:
    """region/zone/sub_zone."""
    if isinstance(value, int):
        raise place.rejected("malformed: a number where a message belongs")
    message = open_message(place, LocalityMessage, value)
    return Locality(message.region, message.zone, message.sub_zone)


def shares(place: Place, policy: ClusterLoadAssignmentPolicy | None) -> tuple[int, float]:
    """Overprovisioning factor in percent, and the share of requests to drop."""
    if policy is None:
        return 140, 0.0
    if len(policy.drop_overloads) > 1:
        raise place.rejected("more than one category, which Envoy refuses too", "drop_overloads")
    factor = 140 if policy.overprovisioning_factor is None else policy.overprovisioning_factor
    if not factor:
        raise place.rejected("must be more than 0", "overprovisioning_factor")
    for overload in policy.drop_overloads:
        if overload.drop_percentage is not None:
            share = percent(place.at("drop_overloads.drop_percentage"), overload.drop_percentage)
            return factor, min(1.0, share.numerator / share.denominator)
    return factor, 0.0


def fields(place: Place, raw: int | bytes) -> list[Field]:
    """The fields of a message. Raises Rejected."""
    if isinstance(raw, int):
        raise place.rejected("malformed: a number where a message belongs")
    try:
        return split(raw)
    except Malformed as error:
        raise place.rejected(f"malformed: {error}") from None


def fields_in_portions(place: Place, raw: bytes) -> Iterator[list[Field]]:
    """The fields of a long message, some at a time. Raises Rejected."""
    try:
        yield from portions(raw, PORTION)
    except Malformed as error:
        raise place.rejected(f"malformed: {error}") from None


def text(place: Place, value: int | bytes) -> str:
    """A string field."""
    if isinstance(value, int):
        raise place.rejected("malformed: a number where a string belongs")
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise place.rejected("malformed: not UTF-8") from None


def wrapped(place: Place, value: int | bytes) -> int:
    """A UInt32Value."""
    if value == b"":
        return 0
    if isinstance(value, bytes) and len(value) == 2 and value[0] == 8 and value[1] < 128:
        return value[1]  # nearly all of them
    found = fields(place, value)
    if len(found) != 1 or found[0][0] != numeric(1) or not isinstance(found[0][1], int):
        raise place.rejected(f"malformed: not a {UInt32Value.__name__}")
    return found[0][1] & 0xFFFF_FFFF


def is_address(host: str) -> bool:
    """An IP address, of either version."""
    try:
        socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    except (OSError, ValueError):
        return False
    return True


def refuse(place: Place, cls: type[Message], key: int, value: int | bytes) -> None:
    """A field that is not read: ignored where the table says so, else Rejected."""
    column = columns_of(cls).get(key)
    if column is None or (rule := RULES[cls][column.name]).fate == "read":
        raise place.rejected(f"malformed, given twice, or newer than this version: field {key >> 3} of {cls.__name__}")
    if rule.fate == "rejected" and value != 0:
        raise place.rejected(rule.reason, column.name)


def read_assignment(place: Place, raw: bytes, named: bool = True) -> LoadAssignment:
    """The load assignment that is part of a cluster, in one go. Raises Rejected."""
    steps = AssignmentReader(named).steps(place, raw)
    while True:
        try:
            next(steps)
        except StopIteration as done:
            assignment: LoadAssignment = done.value
            return assignment
