"""Host names as a pod's resolver and Istio's name table see them."""

import pytest

from meshio.mesh.names import (
    Tables,
    candidates,
    is_address,
    name_addresses,
    resolve_name,
    search_domains,
    service_ports,
    told_addresses,
)
from meshio.mesh.snapshot import Identity, Name, Snapshot
from meshio.routing.listener import FilterChain, HttpChain, Listener
from meshio.routing.route import RouteTable, VirtualHost

HOME = Identity(namespace="default", domain="default.svc.cluster.local")
REVIEWS = ("reviews.default.svc.cluster.local", "reviews", "reviews.default", "10.96.0.11")
SNAPSHOT = Snapshot(
    listeners={
        "10.96.0.13_8888": Listener(
            "10.96.0.13_8888",
            "10.96.0.13",
            8888,
            (FilterChain(HttpChain("details.other.svc.cluster.local:8888")),),
        )
    },
    routes={"9080": RouteTable("9080", (VirtualHost("reviews:9080", REVIEWS, ()), VirtualHost("any", ("*",), ())))},
)


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("reviews", ("10.96.0.11",)),
        ("reviews.default", ("10.96.0.11",)),
        ("reviews.default.svc", ("10.96.0.11",)),
        ("reviews.default.svc.cluster.local", ("10.96.0.11",)),
        ("reviews.default.svc.cluster.local.", ("10.96.0.11",)),
        ("REVIEWS", ("10.96.0.11",)),
        ("details.other", ("10.96.0.13",)),
        ("details.other.svc", ("10.96.0.13",)),
        ("details", ()),
        ("example.com", ()),
        ("10.1.2.3", ("10.1.2.3",)),
        ("[fd00::1]", ("fd00::1",)),
    ],
)
def test_a_name_means_what_it_means_in_a_pod_of_the_callers_namespace(host, addresses):
    assert resolve_name(host, name_addresses(SNAPSHOT, Tables()), HOME) == addresses


def test_the_name_table_wins_and_its_alternatives_count():
    names = {"db.default.svc.cluster.local": Name(("10.0.0.1", "10.0.0.2"), alternatives=("db.mesh",))}
    known = name_addresses(Snapshot(routes=SNAPSHOT.routes, names=names), Tables())
    assert resolve_name("db", known, HOME) == ("10.0.0.1", "10.0.0.2")
    assert resolve_name("db.mesh", known, HOME) == ("10.0.0.1", "10.0.0.2")
    assert resolve_name("reviews", known, HOME) == ("10.96.0.11",)


def test_the_virtual_ip_of_an_ipv6_service_is_an_address_without_brackets():
    hosts = (VirtualHost("six:80", ("six.default.svc.cluster.local", "six", "[fd00::1]"), ()),)
    known = name_addresses(Snapshot(routes={"80": RouteTable("80", hosts)}), Tables())
    assert resolve_name("six", known, HOME) == ("fd00::1",)


def test_what_istio_allocates_by_itself_is_no_place_to_go_to():
    told = {"a.example": Name(("240.240.0.1", "10.0.0.1", "2001:2::1", "fd00::1")), "b.example": Name(("240.240.0.2",))}
    assert told_addresses("A.example", told, HOME) == ("10.0.0.1", "fd00::1")
    assert told_addresses("b.example", told, HOME) == told_addresses("c.example", told, HOME) == ()


def test_the_search_list_is_that_of_resolv_conf():
    assert search_domains(HOME) == ("default.svc.cluster.local", "svc.cluster.local", "cluster.local")
    assert list(candidates("a.b", HOME))[-1] == "a.b"
    assert next(candidates("a.b.c.d.e.f", HOME)) == "a.b.c.d.e.f"
    assert list(candidates("a.", HOME)) == ["a"]


@pytest.mark.parametrize(("text", "answer"), [("1.2.3.4", True), ("::1", True), ("[::1]", True), ("a.b", False)])
def test_literals_are_told_from_names(text, answer):
    assert is_address(text) is answer


def test_a_services_ports_are_those_of_the_tables_that_name_it():
    ports = service_ports(SNAPSHOT, Tables())
    assert ports["reviews"] == ports["reviews.default"] == (9080,)


def test_what_a_table_tells_is_read_once():
    tables, table = Tables(), SNAPSHOT.routes["9080"]
    assert tables.told(table) is tables.told(table)
    tables.forget_others({})
    assert tables.told(table).port == 9080
