"""The wire reader of load assignments says what betterproto2 would have said."""

import asyncio
from datetime import timedelta
from itertools import pairwise
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import Rejected
from meshio.upstream.endpoint import Endpoint as EndpointValue
from meshio.upstream.endpoint import LoadAssignment, LocalityEndpoints
from meshio.upstream.endpoint import Locality as LocalityValue
from meshio.xds.decode import Decoder
from meshio.xds.endpoint import HEALTH, read_assignment
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import Address, HealthStatus, Locality, Metadata, Pipe, SocketAddress
from meshio.xds.proto.envoy.config.core.v3 import SocketAddressProtocol as Protocol
from meshio.xds.proto.envoy.config.endpoint.v3 import (
    ClusterLoadAssignment,
    ClusterLoadAssignmentPolicy,
    ClusterLoadAssignmentPolicyDropOverload,
    Endpoint,
    EndpointAdditionalAddress,
    LbEndpoint,
    LocalityLbEndpoints,
)
from meshio.xds.proto.envoy.type.v3 import FractionalPercent
from meshio.xds.proto.google.protobuf import Struct
from meshio.xds.types import ASSIGNMENT
from tests.xds.recordings import recorded


def text_at(metadata: Metadata | None, entry: str, key: str) -> str:
    struct = metadata.filter_metadata.get(entry) if metadata is not None else None
    value = struct.fields.get(key) if struct is not None else None
    return (value.string_value or "") if value is not None else ""


def as_betterproto2_says(raw: bytes) -> LoadAssignment:
    """The slow way: generated classes, then values."""
    message = ClusterLoadAssignment.parse(raw)
    factor = message.policy.overprovisioning_factor if message.policy is not None else None
    drops = message.policy.drop_overloads if message.policy is not None else []
    share = drops[0].drop_percentage if drops else None
    stale = message.policy.endpoint_stale_after if message.policy is not None else None
    return LoadAssignment(
        message.cluster_name,
        tuple(locality_of(each) for each in message.endpoints),
        140 if factor is None else factor,
        share.numerator / (100, 10_000, 1_000_000)[share.denominator] if share is not None else 0.0,
        message.policy is not None and message.policy.weighted_priority_health,
        stale.total_seconds() if stale is not None else None,
    )


def locality_of(message: LocalityLbEndpoints) -> LocalityEndpoints:
    where = message.locality
    return LocalityEndpoints(
        tuple(endpoint_of(each) for each in message.lb_endpoints),
        LocalityValue(where.region, where.zone, where.sub_zone) if where is not None else LocalityValue(),
        message.priority,
        (message.load_balancing_weight or 0) if where is not None else 0,
    )


def endpoint_of(message: LbEndpoint) -> EndpointValue:
    here = message.endpoint
    return EndpointValue(
        pair(here.address),
        1 if message.load_balancing_weight is None else message.load_balancing_weight,
        HEALTH[message.health_status],
        text_at(message.metadata, "envoy.transport_socket_match", "tlsMode"),
        text_at(message.metadata, "istio", "workload"),
        here.hostname,
        tuple(pair(each.address) for each in here.additional_addresses),
        text_at(message.metadata, "envoy.transport_socket_match", "tunnel"),
    )


def pair(address: Address) -> tuple[str, int]:
    return address.socket_address.address, address.socket_address.port_value


HOSTS = st.ip_addresses().map(str)
ADDRESSES = st.builds(
    lambda host, port: Address(socket_address=SocketAddress(address=host, port_value=port)),
    HOSTS,
    st.integers(0, 65535),
)
METADATA = st.builds(
    lambda texts, other: Metadata(
        filter_metadata={name: Struct.from_dict(each) for name, each in texts.items()}
        | {"other": Struct.from_dict(other)}
    ),
    st.dictionaries(
        st.sampled_from(["istio", "envoy.transport_socket_match", "x" * 200]),
        st.dictionaries(st.sampled_from(["tlsMode", "workload", "tunnel", "k" * 300]), st.text() | st.booleans()),
    ),
    st.dictionaries(st.text(), st.floats(allow_nan=False) | st.lists(st.text()), max_size=2),
)
LB_ENDPOINTS = st.builds(
    LbEndpoint,
    endpoint=st.builds(
        Endpoint,
        address=ADDRESSES,
        hostname=st.text(max_size=5),
        additional_addresses=st.lists(st.builds(EndpointAdditionalAddress, address=ADDRESSES), max_size=2),
    ),
    health_status=st.sampled_from(HealthStatus),
    metadata=st.none() | METADATA,
    load_balancing_weight=st.none() | st.integers(1, 2**32 - 1),
)
LOCALITIES = st.builds(
    LocalityLbEndpoints,
    locality=st.none() | st.builds(Locality, region=st.text(max_size=3), zone=st.text(), sub_zone=st.text(max_size=3)),
    lb_endpoints=st.lists(LB_ENDPOINTS, max_size=4),
    load_balancing_weight=st.none() | st.integers(1, 2**32 - 1),
    priority=st.integers(0, 128),
)
POLICIES = st.builds(
    ClusterLoadAssignmentPolicy,
    overprovisioning_factor=st.none() | st.integers(1, 2**32 - 1),
    drop_overloads=st.lists(
        st.builds(
            ClusterLoadAssignmentPolicyDropOverload,
            category=st.text(min_size=1, max_size=3),
            drop_percentage=st.builds(FractionalPercent, st.integers(0, 100), st.integers(0, 2)),
        ),
        max_size=1,
    ),
    weighted_priority_health=st.booleans(),
    endpoint_stale_after=st.none() | st.timedeltas(timedelta(microseconds=1), timedelta(days=9)),
)
ASSIGNMENTS = st.builds(
    ClusterLoadAssignment,
    cluster_name=st.text(min_size=1),
    endpoints=st.lists(LOCALITIES, max_size=3),
    policy=st.none() | POLICIES,
)


@given(ASSIGNMENTS)
def test_both_readers_say_the_same(message: ClusterLoadAssignment) -> None:
    raw = bytes(message)
    assert read_assignment(Place("a"), raw, named=False) == as_betterproto2_says(raw)


@pytest.mark.parametrize("how", ["sidecar", "delta", "grpc"])
def test_both_readers_say_the_same_of_what_istiod_sent(how: str) -> None:
    for reply in recorded(how).values():
        for each in reply.resources if reply.type_url == ASSIGNMENT else ():
            assert read_assignment(Place(each.name), each.raw) == as_betterproto2_says(each.raw)


@given(st.binary(max_size=300))
def test_any_bytes_are_an_assignment_or_rejected(raw: bytes) -> None:
    try:
        read_assignment(Place("a"), raw)
    except Rejected as error:
        assert error.resource == "a"


def assignment(**endpoint: object) -> ClusterLoadAssignment:
    address = Address(socket_address=SocketAddress(address="10.0.0.1", port_value=80))
    said = {"endpoint": Endpoint(address=address)} | endpoint
    return ClusterLoadAssignment("a", [LocalityLbEndpoints(lb_endpoints=[LbEndpoint(), LbEndpoint(**said)][1:])])


def at(**address: object) -> Endpoint:
    return Endpoint(address=Address(socket_address=SocketAddress(**address)))


def dropping(percent: int = 1, category: str = "x") -> ClusterLoadAssignment:
    share = ClusterLoadAssignmentPolicyDropOverload(category, FractionalPercent(percent))
    return ClusterLoadAssignment("a", policy=ClusterLoadAssignmentPolicy([share]))


REFUSED = {
    "no address": (assignment(endpoint=Endpoint()), "endpoint", "is required"),
    "a pipe without a path": (
        assignment(endpoint=Endpoint(address=Address(pipe=Pipe("x")))),
        "endpoint.address.pipe.path",
        "absolute",
    ),
    "a name where an address belongs": (assignment(endpoint=at(address="x.y", port_value=1)), "address", "not an IP"),
    "no port": (assignment(endpoint=at(address="10.0.0.1")), "port_value", "not a port"),
    "a port too high": (assignment(endpoint=at(address="10.0.0.1", port_value=65536)), "port_value", "not a port"),
    "UDP": (assignment(endpoint=at(address="10.0.0.1", port_value=1, protocol=Protocol.UDP)), "protocol", "TCP"),
    "weight 0": (assignment(load_balancing_weight=0), "lb_endpoints[0]", "weight of at least 1"),
    "an endpoint by name": (assignment(endpoint=None, endpoint_name="x"), "endpoint_name", "by name"),
    "an unknown health": (assignment(health_status=HealthStatus(9)), "lb_endpoints[0]", "newer"),
    "LEDS": (
        ClusterLoadAssignment("a", [LocalityLbEndpoints(leds_cluster_locality_config=b"x")]),
        "endpoints[0].leds_cluster_locality_config",
        "LEDS",
    ),
    "a priority too low": (ClusterLoadAssignment("a", [LocalityLbEndpoints(priority=129)]), "endpoints[0]", "newer"),
    "named endpoints": (ClusterLoadAssignment("a", named_endpoints={"x": Endpoint()}), "named_endpoints", "by name"),
    "two drop categories": (
        ClusterLoadAssignment(
            "a", policy=ClusterLoadAssignmentPolicy([ClusterLoadAssignmentPolicyDropOverload(category=c) for c in "ab"])
        ),
        "policy.drop_overloads",
        "more than one",
    ),
    "no cluster name": (ClusterLoadAssignment(""), "cluster_name", "is required"),
    "a drop without a category": (dropping(category=""), "policy.drop_overloads[0].category", "is required"),
    "a drop of more than all": (dropping(101), "policy.drop_overloads[0].drop_percentage", "more than all"),
    "an overprovisioning of nothing": (
        ClusterLoadAssignment("a", policy=ClusterLoadAssignmentPolicy(overprovisioning_factor=0)),
        "policy.overprovisioning_factor",
        "more than 0",
    ),
    "endpoints that are stale at once": (
        ClusterLoadAssignment("a", policy=ClusterLoadAssignmentPolicy(endpoint_stale_after=timedelta(0))),
        "policy.endpoint_stale_after",
        "more than zero",
    ),
    "a locality of weight 0": (
        ClusterLoadAssignment("a", [LocalityLbEndpoints(load_balancing_weight=0)]),
        "endpoints[0].load_balancing_weight",
        "at least 1",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_assignment_that_cannot_be_honoured_is_refused_with_the_place(case: str) -> None:
    message, field, reason = REFUSED[case]
    with pytest.raises(Rejected) as refused:
        Decoder().decode(ASSIGNMENT, "a", bytes(message))
    assert field in refused.value.field
    assert reason in refused.value.reason


def big() -> tuple[str, bytes]:
    reply = recorded("scale")["02-ClusterLoadAssignment"]
    each = max(reply.resources, key=lambda resource: len(resource.raw))
    return each.name, each.raw


def test_one_changed_endpoint_among_thousands_leaves_the_others_the_same_objects() -> None:
    decoder, (name, raw) = Decoder(), big()
    before = decoder.decode(ASSIGNMENT, name, raw)
    at = raw.rindex(b"10.")
    after = decoder.decode(ASSIGNMENT, name, raw[:at] + b"11." + raw[at + 3 :])
    old, new = ([e for each in value.localities for e in each.endpoints] for value in (before, after))
    assert len(old) == 10_000
    assert sum(a is not b for a, b in zip(old, new, strict=True)) == 1


def test_thousands_of_endpoints_are_read_in_small_steps() -> None:
    name, raw = big()
    turns = [thread_time()]
    turns += [thread_time() for _ in Decoder().steps(ASSIGNMENT, name, raw)]
    steps = sorted(after - before for before, after in pairwise(turns))
    assert len(steps) >= 10_000 / 64
    assert steps[len(steps) // 2] < 0.01  # the median: one step may pay for a garbage collection


def test_the_loop_gets_its_turn_while_endpoints_are_read() -> None:
    async def main() -> int:
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        counting = asyncio.create_task(count())
        await Decoder().decode_gently(ASSIGNMENT, *big())
        counting.cancel()
        return turns

    assert asyncio.run(main(), debug=True) > 20
