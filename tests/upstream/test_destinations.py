"""Hosts that requests bring along, by their URL or by a header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.errors import NoHealthyHost
from meshio.message import Notes, Request
from meshio.naming.cache import NameCache
from meshio.upstream.cluster import ClientTls, Cluster, DynamicForward, OriginalDestination
from meshio.upstream.destinations import parse
from meshio.upstream.endpoint import Endpoint, LoadAssignment
from meshio.upstream.upstream import Upstream


def picked(discovery: OriginalDestination, *headers: tuple[bytes, bytes]) -> str:
    upstream = Upstream()
    upstream.update(Cluster("c", discovery, ClusterProvided()), LoadAssignment("c"))
    request = Request(b"GET", b"a", b"/", list(headers), host="10.0.0.1", port=80)
    assert upstream.pick(request) is upstream.pick(request)
    return upstream.pick(request).name


@pytest.mark.parametrize(
    ("told", "to"),
    [
        (OriginalDestination(), "10.0.0.1:80"),
        (OriginalDestination("x-to"), "10.0.0.2:81"),
        (OriginalDestination("x-other"), "10.0.0.1:80"),
        (OriginalDestination("x-wrong"), "10.0.0.1:80"),
        (OriginalDestination("", 99), "10.0.0.1:99"),
        (OriginalDestination("x-to", 99), "10.0.0.2:99"),
    ],
)
def test_where_a_request_goes(told: OriginalDestination, to: str) -> None:
    assert picked(told, (b"x-to", b"10.0.0.2:81"), (b"x-wrong", b"reviews:80")) == to


@pytest.mark.parametrize(
    ("said", "to"),
    [
        ("10.0.0.3:82", "10.0.0.3:82"),
        (["10.0.0.3:82", "1.1.1.1:1"], "10.0.0.3:82"),
        (5, "10.0.0.2:81"),
        ("reviews", "10.0.0.2:81"),
        ({"z": "10.0.0.3:82"}, "10.0.0.2:81"),
        ([], "10.0.0.2:81"),
    ],
)
def test_metadata_goes_before_a_header_as_in_envoy(said: object, to: str) -> None:
    upstream = Upstream()
    settings = OriginalDestination("x-to", path=("n", "k"))
    upstream.update(Cluster("c", settings, ClusterProvided()), LoadAssignment("c"))
    request = Request(b"GET", b"a", b"/", [(b"x-to", b"10.0.0.2:81")], host="10.0.0.1", port=80)
    request.notes = Notes(metadata={"n": {"k": said}})
    assert upstream.pick(request).name == to


@pytest.mark.parametrize(
    ("named", "address"),
    [
        (b"10.0.0.1:80", ("10.0.0.1", 80)),
        (b"[::1]:80", ("::1", 80)),
        (b"10.0.0.1:0", ("10.0.0.1", 0)),
        (b"::1:80", None),
        (b"10.0.0.1", None),
        (b"10.0.0.1:", None),
        (b"10.0.0.1:65536", None),
        (b"10.0.0.1:-1", None),
        (b"10.0.0.1:1 ", None),
        (b"a:80", None),
        (b"", None),
    ],
)
def test_addresses_in_headers(named: bytes, address: object) -> None:
    assert parse(named) == address


@given(st.binary(max_size=30))
def test_any_bytes_are_an_address_or_none(named: bytes) -> None:
    found = parse(named)
    assert found is None or 0 <= found[1] <= 65535


CACHE = NameCache("c")


def by_name(known: dict[tuple[str, int], Endpoint], tls: ClientTls | None = None) -> Upstream:
    upstream = Upstream(known=lambda cache: known)
    upstream.update(Cluster("c", DynamicForward(cache=CACHE), ClusterProvided(), tls=tls), LoadAssignment("c"))
    return upstream


def to(authority: bytes) -> Request:
    return Request(b"GET", authority, b"/", [], host="other", port=1)


@pytest.mark.parametrize(
    ("authority", "tls", "named"),
    [
        (b"some.Host", None, ("some.Host", 80)),
        (b"some.host:81", None, ("some.host", 81)),
        (b"some.host", ClientTls(), ("some.host", 443)),
    ],
)
def test_the_authority_names_the_host_of_a_dynamic_forward_proxy(
    authority: bytes, tls: ClientTls | None, named: tuple[str, int]
) -> None:
    endpoint = Endpoint(("10.0.0.1", 7), hostname="h", others=(("10.0.0.2", 7),))
    host = by_name({named: endpoint}, tls).pick(to(authority))
    assert (host.name, host.endpoint) == ("10.0.0.1:7", endpoint)


def test_a_host_by_name_stays_the_same_when_its_addresses_change() -> None:
    known = {("a", 80): Endpoint(("10.0.0.1", 80))}
    upstream = by_name(known)
    host = upstream.pick(to(b"a"))
    assert upstream.pick(to(b"a:80")) is host
    known["a", 80] = Endpoint(("10.0.0.2", 80))
    assert upstream.pick(to(b"a")) is host
    assert (host.name, host.endpoint.address) == ("10.0.0.2:80", ("10.0.0.2", 80))


def test_a_host_whose_name_was_forgotten_is_another_one_later() -> None:
    known = {("a", 80): Endpoint(("10.0.0.1", 80))}
    upstream = by_name(known)
    host = upstream.pick(to(b"a"))
    assert upstream.forget(("a", 80)) == [host]
    assert upstream.forget(("a", 80)) == []
    assert upstream.pick(to(b"a")) is not host


def test_a_name_that_nobody_has_looked_up_is_no_host() -> None:
    with pytest.raises(NoHealthyHost, match="looked up a:80"):
        by_name({}).pick(to(b"a"))


def test_a_connection_in_tls_of_its_own_is_named_by_where_it_goes() -> None:
    endpoint = Endpoint(("10.0.0.1", 8443))
    request = Request(b"GET", b"host.in.a.header", b"/", [], scheme=b"https", host="a.test", port=8443)
    assert by_name({("a.test", 8443): endpoint}).pick(request).endpoint is endpoint
