"""Whatever bytes a control plane sends: a value or Rejected, and nothing else."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshio.errors import Rejected
from meshio.xds.decode import Decoder
from meshio.xds.discovery import Resource
from meshio.xds.proto.envoy.config.cluster.v3 import Cluster
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES
from tests.xds.recordings import recorded

RESOURCES = [
    each
    for how in ("sidecar", "grpc")
    for reply in recorded(how).values()
    for each in reply.resources
    if len(each.raw) < 20_000
]
BYTES = st.integers(0, 255)


def changed(raw: bytes, changes: list[tuple[float, int, str]]) -> bytes:
    """Bytes replaced, inserted, removed, or the rest cut off, at places from 0 to 1."""
    data = bytearray(raw)
    for where, byte, how in changes:
        at = int(where * len(data))
        if how == "replace" and at < len(data):
            data[at] = byte
        elif how == "insert":
            data.insert(at, byte)
        elif how == "remove":
            del data[at : at + 1]
        elif how == "cut":
            del data[at:]
    return bytes(data)


CHANGES = st.lists(
    st.tuples(st.floats(0, 1), BYTES, st.sampled_from(["replace", "replace", "insert", "remove", "cut"])),
    min_size=1,
    max_size=4,
)


@settings(max_examples=1_000)
@given(st.sampled_from(RESOURCES), CHANGES)
def test_a_recorded_resource_with_flipped_bytes_is_a_value_or_rejected(
    each: Resource, changes: list[tuple[float, int, str]]
) -> None:
    try:
        Decoder().decode(each.type_url, each.name, changed(each.raw, changes))
    except Rejected as error:
        assert error.resource
        assert error.field
        assert error.reason


@given(st.sampled_from([LISTENER, ROUTES, CLUSTER, ASSIGNMENT, NAMES]), st.binary(max_size=100))
def test_any_bytes_are_a_value_or_rejected(type_url: str, raw: bytes) -> None:
    try:
        Decoder().decode(type_url, "x", raw)
    except Rejected:
        pass


def test_a_bad_resource_leaves_the_last_good_one_known() -> None:
    decoder, raw = Decoder(), bytes(Cluster(name="a"))
    good = decoder.decode(CLUSTER, "a", raw)
    with pytest.raises(Rejected):
        decoder.decode(CLUSTER, "a", raw[:-1])
    assert decoder.decode(CLUSTER, "a", raw) is good


def test_a_resource_under_another_name_is_rejected() -> None:
    with pytest.raises(Rejected, match="itself says 'a'"):
        Decoder().decode(CLUSTER, "b", bytes(Cluster(name="a")))


def test_a_type_nobody_asked_for_is_rejected() -> None:
    with pytest.raises(Rejected, match="not asked for"):
        Decoder().decode("type.googleapis.com/x.Y", "a", b"")


def test_a_forgotten_resource_is_decoded_anew() -> None:
    decoder, raw = Decoder(), bytes(Cluster(name="a"))
    first = decoder.decode(CLUSTER, "a", raw)
    decoder.forget(CLUSTER, "a")
    assert decoder.decode(CLUSTER, "a", raw) == first
    assert decoder.decode(CLUSTER, "a", raw) is not first


def test_decoding_in_steps_gives_the_same_values() -> None:
    async def main() -> None:
        at_once, gently = Decoder(), Decoder()
        for each in RESOURCES:
            value = await gently.decode_gently(each.type_url, each.name, each.raw)
            assert value == at_once.decode(each.type_url, each.name, each.raw)

    asyncio.run(main(), debug=True)
