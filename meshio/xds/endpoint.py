"""Load assignments, straight from the wire -> `LoadAssignment`.

They are the largest and most frequent resources: generated classes for 10,000 endpoints cost a second, this
reader costs some 50 ms, and about 10 ms when one endpoint changed, because endpoints are remembered by their bytes
(`benches/decode.py`). It works in steps, so that the loop gets its turn in between. Fields and their
fates are those of `endpoint_fields.py`; `tests/xds/test_endpoint.py` holds it to betterproto2's answer.
"""

from collections.abc import Generator
from dataclasses import replace

from meshio.errors import Rejected
from meshio.upstream.endpoint import (
    AS_REQUESTS,
    NOWHERE,
    Address,
    CheckedAt,
    Endpoint,
    Health,
    LoadAssignment,
    Locality,
    LocalityEndpoints,
)
from meshio.xds.address import HERE, whereabouts
from meshio.xds.duration import positive
from meshio.xds.extension import open_message
from meshio.xds.matching import percent
from meshio.xds.place import WHOLE, Place
from meshio.xds.proto.envoy.config.core.v3 import Locality as LocalityMessage
from meshio.xds.proto.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    ClusterLoadAssignmentPolicy,
    LbEndpoint,
    LocalityLbEndpoints,
)
from meshio.xds.shared import shared
from meshio.xds.steps import finished
from meshio.xds.strict import fields, fields_in_portions, refuse, text, wrapped
from meshio.xds.traits import NO_TRAITS, Entries, Traits, traits_in
from meshio.xds.wire import Malformed, bytes_key, number_key, split

FEW = 64  # endpoints that are read anew faster than they are worth remembering
PORTION = 64  # endpoints between two turns of the loop: about a millisecond
HEALTH: tuple[Health, ...] = ("unknown", "healthy", "unhealthy", "draining", "timeout", "degraded")
LOWEST_PRIORITY = 128

NAME, LOCALITIES, POLICY = bytes_key(1), bytes_key(2), bytes_key(4)
LOCALITY, ENDPOINTS, LOCALITY_WEIGHT, PRIORITY = bytes_key(1), bytes_key(2), bytes_key(3), number_key(5)
ENDPOINT, HEALTH_STATUS, METADATA, WEIGHT = bytes_key(1), number_key(2), bytes_key(3), bytes_key(4)


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
        if not name:
            raise place.rejected("is required", "cluster_name")
        return with_policy(place.at("policy"), LoadAssignment(name, tuple(localities)), policy)

    def _locality(
        self, place: Place, raw: bytes, found: dict[bytes, Endpoint]
    ) -> Generator[None, None, LocalityEndpoints]:
        locality, priority, weight = NOWHERE, 0, 0
        told = False  # a weight is one of a locality: where none is told, Envoy forgets it
        endpoints: list[Endpoint] = []
        for portion in fields_in_portions(place, raw, PORTION):
            for key, value in portion:
                if key == ENDPOINTS and isinstance(value, bytes):
                    endpoint = self._known.get(value) or self._endpoint(place, len(endpoints), value)
                    found[value] = endpoint
                    endpoints.append(endpoint)
                elif key == LOCALITY and isinstance(value, bytes) and not told:
                    told = True
                    message = open_message(place.at("locality"), LocalityMessage, value)
                    locality = shared(Locality(message.region, message.zone, message.sub_zone))
                elif key == LOCALITY_WEIGHT and not weight:
                    weight = wrapped(at_weight := place.at("load_balancing_weight"), value)
                    if weight < 1:
                        raise at_weight.rejected("must be at least 1")
                elif key == PRIORITY and isinstance(value, int) and value <= LOWEST_PRIORITY:
                    priority = value
                else:
                    refuse(place, LocalityLbEndpoints, key, value)
            yield
        return LocalityEndpoints(tuple(endpoints), locality, priority, weight if told else 0)

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
        where: tuple[Address, str, tuple[Address, ...], CheckedAt] | None = None
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
        address, hostname, others, check = where
        found = Endpoint(address, weight, health, traits.tls_mode, traits.workload, hostname, others, *traits[2:])
        return found if check is AS_REQUESTS else replace(found, check=check)

    def _traits_of(self, value: int | bytes) -> Traits:
        """Endpoints of one workload say the same: it is read once."""
        if isinstance(value, int):
            raise HERE.rejected("malformed: a number where a message belongs", "metadata")
        traits = self._traits.get(value)
        if traits is None:
            traits = traits_in(value, self._entries)
            if len(self._traits) < FEW:  # where every pod says its own name, remembering is in vain
                self._traits[value] = traits
        return traits


def with_policy(place: Place, found: LoadAssignment, policy: ClusterLoadAssignmentPolicy | None) -> LoadAssignment:
    """The assignment with what its policy says."""
    if policy is None:
        return found
    factor = found.overprovisioning if policy.overprovisioning_factor is None else policy.overprovisioning_factor
    if not factor:
        raise place.rejected("must be more than 0", "overprovisioning_factor")
    stale = policy.endpoint_stale_after
    return replace(
        found,
        overprovisioning=factor,
        drop=dropped(place, policy),
        weighted_health=policy.weighted_priority_health,
        stale_after=None if stale is None else positive(place.at("endpoint_stale_after"), stale),
    )


def dropped(place: Place, policy: ClusterLoadAssignmentPolicy) -> float:
    """The share of requests to drop."""
    if len(policy.drop_overloads) > 1:
        raise place.rejected("more than one category, which Envoy refuses too", "drop_overloads")
    for overload in policy.drop_overloads:
        here = place.at("drop_overloads", 0)
        if not overload.category:
            raise here.rejected("is required", "category")
        if overload.drop_percentage is not None:
            share = percent(here.at("drop_percentage"), overload.drop_percentage)
            if share.numerator > share.denominator:
                raise here.rejected("is more than all", "drop_percentage")
            return share.numerator / share.denominator
    return 0.0


def read_assignment(place: Place, raw: bytes, named: bool = True) -> LoadAssignment:
    """The load assignment that is part of a cluster, in one go. Raises Rejected."""
    return finished(AssignmentReader(named).steps(place, raw))
