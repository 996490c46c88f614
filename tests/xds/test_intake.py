import asyncio
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from meshio.mesh.resolve import ABSENT, resolve
from meshio.xds.discovery import Change, Reply, Resource
from meshio.xds.envelope import read_reply
from meshio.xds.intake import Intake
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES

GOLDEN = Path(__file__).parents[1] / "golden" / "istiod" / "sidecar"
REPLIES = [read_reply(path.read_bytes()) for path in sorted(GOLDEN.iterdir())]
RESOURCES = [resource for reply in REPLIES for resource in reply.resources]


def reply(type_url, *resources):
    return Reply(type_url, "1", "n", resources)


def take(intake, one, change=None):
    change = change or Change(one.resources)
    return asyncio.run(intake.take(one, change, 1.0))


@st.composite
def spoilt(draw):
    """A resource of a real istiod with bytes changed, cut out, or put in."""
    resource = draw(st.sampled_from(RESOURCES))
    raw = bytearray(resource.raw)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return Resource(resource.name, resource.type_url, bytes(raw))


@settings(max_examples=300)
@given(spoilt())
def test_whatever_bytes_come_they_are_taken_over_or_refused_by_name(resource):
    intake = Intake()
    faults = take(intake, reply(resource.type_url, resource))
    assert faults.keys() <= {resource.name}
    assert resource.name in intake.holdings.values[resource.type_url]
    resolve(intake.holdings.held())


@given(st.sampled_from([LISTENER, CLUSTER, ROUTES, ASSIGNMENT, NAMES]), st.text(max_size=5), st.binary(max_size=60))
def test_bytes_that_were_never_a_resource_do_no_harm(type_url, name, raw):
    faults = take(Intake(), reply(type_url, Resource(name, type_url, raw)))
    assert faults.keys() <= {name}


def test_what_is_gone_is_forgotten_but_names_asked_for_stay_known_as_absent():
    intake = Intake()
    take(intake, reply(CLUSTER), Change(gone=frozenset({"a"})))
    take(intake, reply(ROUTES), Change(gone=frozenset({"80"})))
    assert intake.holdings.values[CLUSTER] == {}
    assert intake.holdings.values[ROUTES] == {"80": ABSENT}


def test_a_full_state_with_a_bad_resource_keeps_its_last_good_value_and_drops_the_others():
    intake = Intake()
    clusters = REPLIES[0].resources
    take(intake, REPLIES[0], Change(clusters, full=True))
    good = intake.holdings.values[CLUSTER][clusters[0].name]
    worse = Resource(clusters[0].name, CLUSTER, b"\xff")
    faults = take(intake, reply(CLUSTER, worse), Change((worse,), full=True))
    assert [*faults] == [worse.name]
    assert intake.holdings.values[CLUSTER] == {worse.name: good}


def test_only_the_name_table_may_come_without_a_name():
    nameless = Resource("", CLUSTER, b"")
    assert [*take(Intake(), reply(CLUSTER, nameless))] == [""]
    table = next(resource for resource in RESOURCES if resource.type_url == NAMES)
    intake = Intake()
    assert take(intake, reply(NAMES, table)) == {}
    assert "reviews.default.svc.cluster.local" in intake.holdings.held().names
