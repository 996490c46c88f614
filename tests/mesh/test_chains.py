"""Which filter chain takes a connection: Envoy's sieve."""

from dataclasses import replace

import pytest

from meshio.mesh.chains import Connection, find_chain, find_listener, index_listeners
from meshio.routing.listener import ChainMatch, FilterChain, Listener, TcpChain
from meshio.routing.route import WeightedCluster


def chain(name, **match):
    return FilterChain(TcpChain((WeightedCluster("c"),)), ChainMatch(**match), name)


def listener(name, address, port, *chains, default=None, original=False):
    return Listener(name, address, port, chains, default, original)


OUTBOUND = listener(
    "virtualOutbound", "0.0.0.0", 15001, chain("blackhole", port=15001), chain("catchall"), original=True
)
INDEX = index_listeners(
    [listener("wild", "0.0.0.0", 80, chain("a")), listener("vip", "10.0.0.1", 80, chain("b")), OUTBOUND]
)


@pytest.mark.parametrize(
    ("addresses", "port", "name"),
    [
        (("10.0.0.1",), 80, "vip"),
        (("10.0.0.2",), 80, "wild"),
        ((), 80, "wild"),
        (("10.0.0.1",), 81, "virtualOutbound"),
        (("9.9.9.9", "10.0.0.1"), 80, "vip"),
    ],
)
def test_an_exact_address_beats_the_wildcard_which_beats_virtual_outbound(addresses, port, name):
    assert find_listener(INDEX, Connection(addresses, port)).name == name


def test_a_listener_with_two_addresses_is_found_by_both():
    index = index_listeners([replace(listener("two", "10.0.0.1", 80, chain("a")), further=(("fd00::1", 81),))])
    assert find_listener(index, Connection(("10.0.0.1",), 80)) is find_listener(index, Connection(("fd00::1",), 81))
    assert find_listener(index, Connection(("fd00::1",), 80)) is None


def test_without_virtual_outbound_nobody_takes_an_unknown_port():
    assert find_listener(index_listeners([]), Connection((), 80)) is None


HTTP = chain("http", transport_protocol="raw_buffer", application_protocols=("http/1.1", "h2c"))
SNI = listener(
    "sni",
    "0.0.0.0",
    443,
    chain("exact", server_names=("api.example.com",)),
    chain("long", server_names=("*.api.example.com",)),
    chain("short", server_names=("*.example.com",)),
    default=chain("default"),
)
PREFIXES = listener(
    "cidr", "0.0.0.0", 1, chain("wide", prefixes=("10.0.0.0/8",)), chain("narrow", prefixes=("10.1.0.0/16",))
)


@pytest.mark.parametrize(
    ("where", "connection", "name"),
    [
        (listener("l", "0.0.0.0", 80, HTTP, default=chain("tcp")), Connection((), 80), "http"),
        (listener("l", "0.0.0.0", 80, HTTP, default=chain("tcp")), Connection((), 80, tls=True), "tcp"),
        (SNI, Connection((), 443, "api.example.com", True), "exact"),
        (SNI, Connection((), 443, "x.api.example.com", True), "long"),
        (SNI, Connection((), 443, "x.example.com", True), "short"),
        (SNI, Connection((), 443, "example.org", True), "default"),
        (PREFIXES, Connection(("10.1.2.3",), 1), "narrow"),
        (PREFIXES, Connection(("10.2.2.3",), 1), "wide"),
        (OUTBOUND, Connection((), 15001), "blackhole"),
        (OUTBOUND, Connection((), 80), "catchall"),
    ],
)
def test_the_most_specific_chain_takes_the_connection(where, connection, name):
    assert find_chain(where, connection).name == name


def test_no_chain_means_that_envoy_closes_the_connection():
    assert find_chain(PREFIXES, Connection(("192.168.0.1",), 1)) is None
