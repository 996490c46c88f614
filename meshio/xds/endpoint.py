"""Load assignments, straight from the wire -> `LoadAssignment`.

They are the largest and most frequent resources: generated classes for 10,000 endpoints cost a second, this
reader costs some 50 ms, and about 10 ms when one endpoint changed, because endpoints are remembered by their bytes
(`benches/decode.py`). It works in steps, so that the loop gets its turn in between. Fields and their
fates are those of `endpoint_fields.py`; `tests/xds/test_endpoint.py` holds it to betterproto2's answer.
"""

import socket
from collections.abc import Generator, Iterator
from typing import NamedTuple, TypeAlias

from betterproto2 import Message

from meshio.errors import Rejected
from meshio.upstream.endpoint import NOWHERE, Address, Endpoint, Health, LoadAssignment, Locality, LocalityEndpoints
from meshio.xds.core_fields import CORE_FIELDS
from meshio.xds.endpoint_fields import ENDPOINT_FIELDS
from meshio.xds.extension import open_message
from meshio.xds.matching import percent
from meshio.xds.parse import columns_of
from meshio.xds.place import WHOLE, Place
from meshio.xds.proto.envoy.config.core.v3 import Address as AddressMessage
from meshio.xds.proto.envoy.config.core.v3 import Locality as LocalityMessage
from meshio.xds.proto.envoy.config.core.v3 import SocketAddress
from meshio.xds.proto.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    ClusterLoadAssignmentPolicy,
    EndpointAdditionalAddress,
    LbEndpoint,
    LocalityLbEndpoints,
)
from meshio.xds.proto.envoy.config.endpoint.v3 import Endpoint as EndpointMessage
from meshio.xds.proto.google.protobuf import UInt32Value
from meshio.xds.shared import shared
from meshio.xds.wire import BYTES, VARINT, Field, Malformed, entry, portions, sole, split

RULES = ENDPOINT_FIELDS | CORE_FIELDS
FEW = 64  # endpoints that are read anew faster than they are worth remembering
PORTION = 64  # endpoints between two turns of the loop: about a millisecond
HEALTH: tuple[Health, ...] = ("unknown", "healthy", "unhealthy", "draining", "timeout", "degraded")
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
FILTER_METADATA, STRUCT_FIELD, STRING_VALUE = octets(1), octets(1), octets(3)


HERE = Place("")
"""Places inside an endpoint are relative: an endpoint's index is only worked out when something is wrong with it."""
AT_ENDPOINT, AT_ADDRESS = HERE.at("endpoint"), HERE.at("endpoint.address")


Texts: TypeAlias = dict[bytes, str]
Entries: TypeAlias = dict[bytes, tuple[bytes, Texts]]


class Traits(NamedTuple):
    """What Istio's endpoint metadata says."""

    tls_mode: str = ""
    workload: str = ""
    tunnel: str = ""


NO_TRAITS = Traits()


class AssignmentReader:
    """Reads one load assignment again and again, remembering its endpoints.

    `named` allows host names as addresses, as clusters with DNS have them. `memorable` says, after it has read,
    whether there was enough to make a second reading faster.
    """

    def __init__(self, named: bool = False) -> None:
        self.memorable = False
        self._named = named
        self._known: dict[bytes, Endpoint] = {}
        self._traits: dict[bytes, Traits] = {}
        self._entries: Entries = {}

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
        self._known, self._traits, self._entries = found, {}, {}
        self.memorable = len(found) > FEW
        factor, drop = shares(place.at("policy"), policy)
        return LoadAssignment(name, tuple(localities), factor, drop)

    def _locality(
        self, place: Place, raw: bytes, found: dict[bytes, Endpoint]
    ) -> Generator[None, None, LocalityEndpoints]:
        locality, priority, weight = NOWHERE, 0, 0
        endpoints: list[Endpoint] = []
        for portion in fields_in_portions(place, raw):
            for key, value in portion:
                if key == ENDPOINTS and isinstance(value, bytes):
                    endpoint = self._known.get(value) or self._endpoint(place, len(endpoints), value)
                    found[value] = endpoint
                    endpoints.append(endpoint)
                elif key == LOCALITY and isinstance(value, bytes) and locality is NOWHERE:
                    message = open_message(place.at("locality"), LocalityMessage, value)
                    locality = shared(Locality(message.region, message.zone, message.sub_zone))
                elif key == LOCALITY_WEIGHT and not weight:
                    weight = wrapped(place.at("load_balancing_weight"), value)
                elif key == PRIORITY and isinstance(value, int) and value <= LOWEST_PRIORITY:
                    priority = value
                else:
                    refuse(place, LocalityLbEndpoints, key, value)
            yield
        return LocalityEndpoints(tuple(endpoints), locality, priority, weight)

    def _endpoint(self, place: Place, index: int, raw: bytes) -> Endpoint:
        """One endpoint; what is wrong with it is told with its index."""
        try:
            return self._parts(raw)
        except Malformed as error:
            raise place.at("lb_endpoints", index).rejected(f"malformed: {error}") from None
        except Rejected as error:
            here = place.at("lb_endpoints", index)
            raise (here if error.field == WHOLE else here.at(error.field)).rejected(error.reason) from None

    def _parts(self, raw: bytes) -> Endpoint:
        where: tuple[Address, str, tuple[Address, ...]] | None = None
        health, weight, traits = HEALTH[0], 1, NO_TRAITS
        for key, value in split(raw):
            if key == ENDPOINT and where is None:
                where = whereabouts(value, self._named)
            elif key == METADATA and traits is NO_TRAITS:
                traits = self._traits_of(value)
            elif key == WEIGHT:
                weight = wrapped(HERE, value)
            elif key == HEALTH_STATUS and isinstance(value, int) and value < len(HEALTH):
                health = HEALTH[value]
            else:
                refuse(HERE, LbEndpoint, key, value)
        if where is None or weight < 1:
            raise HERE.rejected("needs an endpoint, and a weight of at least 1")
        address, hostname, others = where
        return Endpoint(address, weight, health, traits.tls_mode, traits.workload, hostname, others, traits.tunnel)

    def _traits_of(self, value: int | bytes) -> Traits:
        """Endpoints of one workload say the same: it is read once."""
        if isinstance(value, int):
            raise HERE.rejected("malformed: a number where a message belongs", "metadata")
        traits = self._traits.get(value)
        if traits is None:
            traits = self._traits[value] = traits_in(value, self._entries)
        return traits


def whereabouts(value: int | bytes, named: bool) -> tuple[Address, str, tuple[Address, ...]]:
    """Address, host name and further addresses of an `Endpoint` message."""
    if isinstance(value, bytes) and (only := sole(value, ADDRESS)) is not None:
        return address_of(only, named), "", ()
    address, hostname = None, ""
    others: list[Address] = []
    for key, part in fields(AT_ENDPOINT, value):
        if key == ADDRESS and address is None:
            address = address_of(part, named)
        elif key == HOSTNAME:
            hostname = text(AT_ENDPOINT, part)
        elif key == ADDITIONAL:
            others.append(additional_address(part, named))
        else:
            refuse(AT_ENDPOINT, EndpointMessage, key, part)
    if address is None:
        raise AT_ENDPOINT.rejected("is required", "address")
    return address, hostname, tuple(others)


def additional_address(value: int | bytes, named: bool) -> Address:
    """One of the further addresses of a dual-stack endpoint."""
    return address_of(only_address(AT_ENDPOINT, EndpointAdditionalAddress, value), named)


def address_of(value: int | bytes, named: bool) -> Address:
    """An `Address` message, which must hold a socket address."""
    found = sole(value, ADDRESS) if isinstance(value, bytes) else None
    return socket_address(only_address(AT_ADDRESS, AddressMessage, value) if found is None else found, named)


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


def traits_in(metadata: bytes, known: Entries) -> Traits:
    """Istio's two entries of a `Metadata` message; others are for filters that meshio does not have."""
    match: Texts = {}
    istio: Texts = {}
    try:
        for key, value in split(metadata):
            if key != FILTER_METADATA or not isinstance(value, bytes):
                continue
            name, found = known.get(value) or known.setdefault(value, metadata_entry(value))
            if name == b"envoy.transport_socket_match":
                match = found
            elif name == b"istio":
                istio = found
    except (Malformed, UnicodeDecodeError) as error:
        raise HERE.rejected(f"malformed: {error}", "metadata") from None
    return Traits(match.get(b"tlsMode", ""), istio.get(b"workload", ""), match.get(b"tunnel", ""))


def metadata_entry(raw: bytes) -> tuple[bytes, Texts]:
    """One filter's metadata. Raises Malformed, UnicodeDecodeError."""
    name, struct = entry(raw)
    return name, texts(struct)


def texts(struct: bytes) -> Texts:
    """The texts among the fields of a `Struct`. Raises Malformed, UnicodeDecodeError."""
    found: Texts = {}
    for key, value in split(struct):
        if key != STRUCT_FIELD or not isinstance(value, bytes):
            raise Malformed("not a Struct")
        name, item = entry(value)
        part = sole(item, STRING_VALUE)
        if part is None:
            part = next((each for kind, each in split(item) if kind == STRING_VALUE and isinstance(each, bytes)), b"")
        found[name] = part.decode()
    return found


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
