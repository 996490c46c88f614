"""Listeners: what each part becomes, and what is refused."""

from datetime import timedelta

import pytest
from betterproto2 import Message

from meshio.balancing.hashing import HashSourceIp, HashState
from meshio.errors import Rejected
from meshio.resilience.fault import Fault, Fraction
from meshio.resilience.streams import StreamLimits
from meshio.routing import listener as values
from meshio.routing.filters import Filter as ChainFilter
from meshio.routing.hop import Hop
from meshio.routing.listener import ChainMatch, FilterChain, HttpChain, PathNormalisation, TcpChain
from meshio.routing.route import WeightedCluster
from meshio.routing.trust import Trust
from meshio.routing.wishes import Router as RouterValue
from meshio.xds.decode import Decoder
from meshio.xds.layers import FAULT
from meshio.xds.proto.envoy.config.accesslog.v3 import (
    AccessLogFilter,
    AndFilter,
    ComparisonFilter,
    HeaderFilter,
    ResponseFlagFilter,
    StatusCodeFilter,
)
from meshio.xds.proto.envoy.config.core.v3 import (
    Address,
    CidrRange,
    HttpProtocolOptions,
    Metadata,
    RuntimeUInt32,
    SchemeHeaderTransformation,
    SocketAddress,
    SubstitutionFormatString,
    TrafficDirection,
)
from meshio.xds.proto.envoy.config.listener.v3 import AdditionalAddress, ApiListener, Filter, FilterChainMatch, Listener
from meshio.xds.proto.envoy.config.listener.v3 import FilterChain as ChainMessage
from meshio.xds.proto.envoy.config.route.v3 import Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost
from meshio.xds.proto.envoy.extensions.filters.http.fault.v3 import FaultAbort, HttpFault
from meshio.xds.proto.envoy.extensions.filters.http.router.v3 import Router
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import (
    HttpConnectionManager,
    HttpConnectionManagerInternalAddressConfig,
    HttpConnectionManagerUpgradeConfig,
    HttpFilter,
    LocalReplyConfig,
    Rds,
    RequestIdExtension,
    ResponseMapper,
)
from meshio.xds.proto.envoy.extensions.filters.network.tcp_proxy.v3 import (
    TcpProxy,
    TcpProxyWeightedCluster,
    TcpProxyWeightedClusterClusterWeight,
)
from meshio.xds.proto.envoy.type.v3 import FractionalPercent, HashPolicy, HashPolicyFilterState, HashPolicySourceIp
from meshio.xds.proto.google.protobuf import Any, Struct
from meshio.xds.proto.udpa.type.v1 import TypedStruct
from meshio.xds.types import LISTENER

HERE = Address(socket_address=SocketAddress(address="10.0.0.1", port_value=80))
ROUTER = HttpFilter("router", Any.pack(Router()))
UNKNOWN = Any("type.googleapis.com/some.Filter", b"")


def network(message: Message) -> Filter:
    return Filter("filter", Any.pack(message))


def tcp(**said: object) -> Filter:
    return network(TcpProxy("stat", **said))  # type: ignore[arg-type]


def http(*filters: HttpFilter, **said: object) -> Filter:
    said = {"rds": Rds(route_config_name="80")} | said
    return network(HttpConnectionManager(http_filters=[*filters, ROUTER], **said))  # type: ignore[arg-type]


def strict(*names: str) -> HttpFilter:
    return HttpFilter("router", Any.pack(Router(strict_check_headers=list(names))))


def listener(*filters: Filter, match: FilterChainMatch | None = None, **said: object) -> Listener:
    said = {"name": "l", "address": HERE, "filter_chains": [ChainMessage(match, list(filters))]} | said
    return Listener(**said)  # type: ignore[arg-type]


def decode(message: Listener) -> values.Listener:
    value = Decoder().decode(LISTENER, message.name, bytes(message))
    assert isinstance(value, values.Listener)
    return value


def target(*filters: Filter) -> HttpChain | TcpChain:
    return decode(listener(*filters)).chains[0].target


SILENT = StreamLimits(300.0)
NAMES = (ChainFilter("router"),)


def test_an_outbound_listener_says_where_and_whither() -> None:
    value = decode(listener(tcp(cluster="a"), use_original_dst=True, default_filter_chain=ChainMessage(None, [http()])))
    assert (value.name, value.address, value.port, value.original_destination) == ("l", "10.0.0.1", 80, True)
    assert value.chains == (FilterChain(TcpChain((WeightedCluster("a"),), "stat")),)
    assert value.default == FilterChain(HttpChain("80", filters=NAMES, limits=SILENT))


def test_inbound_listeners_are_accepted_and_not_looked_at() -> None:
    inbound = listener(Filter("nonsense", UNKNOWN), traffic_direction=TrafficDirection.INBOUND)
    assert Decoder().decode(LISTENER, "l", bytes(inbound)) is None


def test_tcp_goes_to_clusters_by_weight() -> None:
    clusters = [TcpProxyWeightedClusterClusterWeight(name, weight) for name, weight in (("a", 1), ("b", 3), ("c", 0))]
    chain = target(tcp(weighted_clusters=TcpProxyWeightedCluster(clusters)))
    assert chain == TcpChain((WeightedCluster("a", 1), WeightedCluster("b", 3)), "stat")


def test_a_connection_is_hashed_by_where_it_comes_from_and_chooses_by_labels() -> None:
    labels = {name: Metadata({"envoy.lb": Struct.from_dict({name: "x", "both": name})}) for name in ("a", "b")}
    entry = TcpProxyWeightedClusterClusterWeight("c", 1, labels["b"])
    hashed = [HashPolicy(source_ip=HashPolicySourceIp())]
    chain = target(
        tcp(weighted_clusters=TcpProxyWeightedCluster([entry]), metadata_match=labels["a"], hash_policy=hashed)
    )
    wanted = (("a", "x"), ("b", "x"), ("both", "b"))
    assert chain == TcpChain((WeightedCluster("c", wanted=wanted),), "stat", (HashSourceIp(),))
    assert target(tcp(cluster="c", hash_policy=[HashPolicy(filter_state=HashPolicyFilterState("k"))])) == TcpChain(
        (WeightedCluster("c"),), "stat", (HashState("k"),)
    )


@pytest.mark.parametrize(
    "policies",
    [[HashPolicy()], [HashPolicy(filter_state=HashPolicyFilterState())], [HashPolicy(HashPolicySourceIp())] * 2],
)
def test_a_connection_is_hashed_by_one_thing_at_most(policies: list[HashPolicy]) -> None:
    with pytest.raises(Rejected, match="hash_policy"):
        decode(listener(tcp(cluster="c", hash_policy=policies)))


def test_a_service_of_two_families_has_a_listener_with_two_addresses() -> None:
    further = [AdditionalAddress(Address(SocketAddress(address="fd00::1", port_value=80)))]
    assert decode(listener(tcp(cluster="a"), additional_addresses=further)).further == (("fd00::1", 80),)
    with pytest.raises(Rejected, match=r"additional_addresses\[0\]"):
        decode(listener(tcp(cluster="a"), additional_addresses=[AdditionalAddress()]))


@pytest.mark.parametrize(
    ("field", "said"),
    [
        (
            "scheme_to_overwrite",
            {"scheme_header_transformation": SchemeHeaderTransformation(scheme_to_overwrite="ftp")},
        ),
        ("underscores", {"common_http_protocol_options": HttpProtocolOptions(headers_with_underscores_action=9)}),
    ],
)
def test_what_happens_to_a_request_at_the_door_must_be_known(field: str, said: dict[str, object]) -> None:
    with pytest.raises(Rejected, match=field):
        target(http(**said))


def test_a_filter_chain_is_matched_by_what_a_client_can_know() -> None:
    match = FilterChainMatch(
        destination_port=443,
        prefix_ranges=[CidrRange("10.1.2.3", 8)],
        server_names=["a.b"],
        transport_protocol="tls",
        application_protocols=["h2c"],
    )
    (chain,) = decode(listener(tcp(cluster="a"), match=match)).chains
    assert chain.match == ChainMatch(443, ("10.0.0.0/8",), ("a.b",), "tls", ("h2c",))


def test_paths_are_normalised_as_the_connection_manager_says() -> None:
    chain = target(http(normalize_path=True, merge_slashes=True, path_with_escaped_slashes_action=4))
    assert isinstance(chain, HttpChain)
    assert chain.paths == PathNormalisation(True, True, "forward")


def test_upgrades_that_are_enabled_are_listed() -> None:
    upgrades = [
        HttpConnectionManagerUpgradeConfig("websocket"),
        HttpConnectionManagerUpgradeConfig("x", enabled=False),
    ]
    chain = target(http(upgrade_configs=upgrades))
    assert isinstance(chain, HttpChain)
    assert chain.upgrades == {"websocket"}


def test_streams_have_the_limits_that_are_said_and_envoy_s_else() -> None:
    longest = HttpProtocolOptions(max_stream_duration=timedelta(seconds=9))
    said = target(http(stream_idle_timeout=timedelta(0), common_http_protocol_options=longest))
    assert isinstance(said, HttpChain)
    assert said.limits == StreamLimits(None, 9.0)
    unsaid = target(http())
    assert isinstance(unsaid, HttpChain)
    assert unsaid.limits == StreamLimits(300.0, None)


def test_the_router_s_settings_and_whose_word_counts() -> None:
    options = Router(
        respect_expected_rq_timeout=True, suppress_envoy_headers=True, strict_check_headers=["x-envoy-retry-on"]
    )
    ranges = HttpConnectionManagerInternalAddressConfig(cidr_ranges=[CidrRange("10.1.2.3", 8)])
    message = HttpConnectionManager(
        rds=Rds(route_config_name="80"),
        http_filters=[HttpFilter("router", Any.pack(options))],
        internal_address_config=ranges,
        use_remote_address=True,
        skip_xff_append=True,
    )
    chain = target(network(message))
    assert isinstance(chain, HttpChain)
    assert chain.router == RouterValue(True, True, frozenset({b"x-envoy-retry-on"}))
    assert chain.hop.trust == Trust(True, ("10.0.0.0/8",), False)


def hop(direction: TrafficDirection = TrafficDirection.OUTBOUND, **said: object) -> Hop:
    found = decode(listener(http(**said), traffic_direction=direction)).chains[0].target
    assert isinstance(found, HttpChain)
    return found.hop


UUIDS = "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig"


def uuids(
    name: str = "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", raw: bytes = b""
) -> RequestIdExtension:
    return RequestIdExtension(typed_config=Any("type.googleapis.com/" + name, raw))


def test_what_the_connection_manager_adds_in_its_own_name() -> None:
    assert hop() == Hop()
    assert hop(generate_request_id=False, always_set_request_id_in_response=True) == Hop(False, True)
    assert hop(server_header_transformation=2, server_name="me", via="v") == Hop(
        server="pass_through", server_name="me", via="v"
    )
    assert hop(server_header_transformation=1) == Hop(server="append_if_absent")
    assert hop(request_id_extension=uuids(raw=b"\x0a\x00\x12\x02\x08\x01")) == Hop()


def test_routes_are_named_to_upstreams_by_outbound_listeners_with_tracing() -> None:
    assert hop(tracing=b"").names_routes
    assert not hop().names_routes
    assert not hop(TrafficDirection.UNSPECIFIED, tracing=b"").names_routes


def test_an_inline_route_table_is_part_of_the_chain() -> None:
    host = VirtualHost("h", ["*"], [Route(match=RouteMatch(prefix="/"), route=RouteAction(cluster="a"))])
    chain = target(http(rds=None, route_config=RouteConfiguration("inline", [host])))
    assert isinstance(chain, HttpChain)
    assert not isinstance(chain.routes, str)
    assert chain.routes.clusters() == {"a"}


def test_a_fault_for_every_request_is_a_layer() -> None:
    fault = HttpFault(abort=FaultAbort(http_status=500, percentage=FractionalPercent(1)))
    chain = target(http(HttpFilter("fault", Any.pack(fault))))
    assert isinstance(chain, HttpChain)
    assert chain.filters == (ChainFilter("fault", Fault(abort=500, abort_share=Fraction(1))), *NAMES)


def said_in_json(kind: str, value: dict[str, object]) -> Any:
    return Any.pack(TypedStruct("type.googleapis.com/" + kind, Struct.from_dict(value)))


def test_a_filter_may_be_said_in_json() -> None:
    said = said_in_json(FAULT, {"abort": {"http_status": 500, "percentage": {"numerator": 100}}, "delay": None})
    chain = target(http(HttpFilter("fault", said)))
    assert isinstance(chain, HttpChain)
    assert chain.filters == (ChainFilter("fault", Fault(abort=500, abort_share=Fraction(100))), *NAMES)


@pytest.mark.parametrize(
    "accepted",
    [
        HttpFilter("x", UNKNOWN, is_optional=True),
        HttpFilter("stats", Any.pack(TypedStruct("type.googleapis.com/stats.PluginConfig"))),
    ],
    ids=["optional", "known inside a TypedStruct"],
)
def test_filters_without_effect_are_no_layers(accepted: HttpFilter) -> None:
    chain = target(http(accepted))
    assert isinstance(chain, HttpChain)
    assert chain.filters == (ChainFilter(accepted.name), *NAMES)


def test_a_filter_may_wait_for_a_route_that_speaks_of_it() -> None:
    fault = HttpFault(abort=FaultAbort(http_status=500))
    chain = target(http(HttpFilter("fault", Any.pack(fault), disabled=True)))
    assert isinstance(chain, HttpChain)
    assert chain.filters == (ChainFilter("fault", Fault(abort=500), disabled=True), *NAMES)


def test_an_api_listener_is_one_chain_for_everything() -> None:
    manager = HttpConnectionManager(rds=Rds(route_config_name="r"), http_filters=[ROUTER])
    message = Listener("svc:9080", api_listener=ApiListener(Any.pack(manager)))
    value = decode(message)
    assert (value.address, value.port) == ("svc", 9080)
    assert value.chains == (FilterChain(HttpChain("r", filters=NAMES, limits=SILENT)),)


def with_filter(each: HttpFilter) -> Listener:
    return listener(http(each))


def replied(condition: AccessLogFilter | None = None, **said: object) -> Listener:
    mapper = ResponseMapper(condition, **said)  # type: ignore[arg-type]
    return listener(http(local_reply_config=LocalReplyConfig([mapper])))


def status(value: int, operator: int = 0) -> AccessLogFilter:
    comparison = ComparisonFilter(operator, RuntimeUInt32(value))  # type: ignore[arg-type]
    return AccessLogFilter(status_code_filter=StatusCodeFilter(comparison))


def flagged(*flags: str) -> AccessLogFilter:
    return AccessLogFilter(response_flag_filter=ResponseFlagFilter(list(flags)))


REFUSED = {
    "no address": (Listener("l"), "address", "required"),
    "no port": (listener(address=Address(socket_address=SocketAddress(address="x"))), "port_value", "not a port"),
    "no filter": (listener(), "filter_chains[0].filters[0]", "not supported"),
    "an unknown last filter": (listener(Filter("moon", UNKNOWN)), "filters[0]", "some.Filter"),
    "an unknown filter before it": (listener(Filter("moon", UNKNOWN), tcp(cluster="a")), "filters[0]", "moon"),
    "an unknown HTTP filter": (with_filter(HttpFilter("moon", UNKNOWN)), "http_filters[0]", "moon"),
    "a filter inside a TypedStruct": (
        with_filter(HttpFilter("moon", Any.pack(TypedStruct("type.googleapis.com/moon.Config")))),
        "http_filters[0]",
        "moon.Config",
    ),
    "JSON with a field too many": (
        with_filter(HttpFilter("f", said_in_json(FAULT, {"delays": {}}))),
        "http_filters[0].typed_config",
        "Unknown field 'delays'",
    ),
    "JSON of the wrong kind": (
        with_filter(HttpFilter("f", said_in_json(FAULT, {"upstream_cluster": 7}))),
        "http_filters[0].typed_config",
        "is not the JSON of",
    ),
    "JSON that is refused by the filter": (
        with_filter(HttpFilter("f", said_in_json(FAULT, {"abort": {"httpStatus": 99}}))),
        "http_filters[0].typed_config.abort.http_status",
        "200 to 599",
    ),
    "a filter that a condition chooses, even an optional one": (
        with_filter(HttpFilter("m", Any("x/envoy.extensions.filters.http.composite.v3.Composite"), is_optional=True)),
        "http_filters[0]",
        "condition",
    ),
    "a condition without a filter, even an optional one": (
        with_filter(
            HttpFilter("m", Any("x/envoy.extensions.common.matching.v3.ExtensionWithMatcher"), is_optional=True)
        ),
        "http_filters[0].typed_config.extension_config",
        "required",
    ),
    "a filter without a name": (with_filter(HttpFilter("", UNKNOWN, is_optional=True)), "name", "no name"),
    "an HTTP filter without config": (with_filter(HttpFilter("moon")), "http_filters[0]", "without a type"),
    "a filter by discovery": (with_filter(HttpFilter("x", config_discovery=b"x")), "config_discovery", "ECDS"),
    "no router": (
        listener(network(HttpConnectionManager(rds=Rds(route_config_name="80")))),
        "http_filters",
        "router",
    ),
    "two routers": (with_filter(ROUTER), "http_filters", "only one"),
    "no routes": (listener(http(rds=None)), "typed_config.rds", "no routes"),
    "nameless routes": (listener(http(rds=Rds())), "route_config_name", "no name"),
    "slashes of tomorrow": (listener(http(path_with_escaped_slashes_action=9)), "escaped_slashes", "unknown"),
    "a server header of tomorrow": (listener(http(server_header_transformation=9)), "server_header", "unknown"),
    "a server of two lines": (listener(http(server_name="a\nb")), "typed_config.server_name", "CR or LF"),
    "a hop of two lines": (listener(http(via="a\rb")), "typed_config.via", "CR or LF"),
    "strange ids": (listener(http(request_id_extension=uuids("moon.Id"))), "request_id_extension", "moon.Id"),
    "ids of no kind": (
        listener(http(request_id_extension=RequestIdExtension())),
        "request_id_extension.typed_config",
        "without a type",
    ),
    "broken ids": (listener(http(request_id_extension=uuids(raw=b"\x0a"))), "request_id_extension", "malformed"),
    "a strange internal network": (
        listener(
            http(
                internal_address_config=HttpConnectionManagerInternalAddressConfig(
                    cidr_ranges=[CidrRange("10.0.0.0", 77)]
                )
            )
        ),
        "internal_address_config.cidr_ranges[0]",
        "77",
    ),
    "a request timeout": (listener(http(request_timeout=timedelta(1))), "request_timeout", "by the application"),
    "patience back in time": (
        listener(http(stream_idle_timeout=timedelta(-1))),
        "stream_idle_timeout",
        "negative",
    ),
    "streams that end before they begin": (
        listener(http(common_http_protocol_options=HttpProtocolOptions(max_stream_duration=timedelta(-1)))),
        "common_http_protocol_options.max_stream_duration",
        "negative",
    ),
    "a router that is strict about nothing": (
        listener(network(HttpConnectionManager(rds=Rds(route_config_name="80"), http_filters=[strict("x-moon")]))),
        "strict_check_headers",
        "x-moon",
    ),
    "somebody else's certificate": (
        listener(http(forward_client_cert_details=4)),
        "forward_client_cert_details",
        "never passed on",
    ),
    "a mapper without a condition": (replied(), "mappers[0].filter", "required"),
    "a mapper of nothing": (replied(AccessLogFilter()), "mappers[0].filter", "no condition"),
    "a mapper to a strange status": (replied(status(404), status_code=600), "mappers[0].status_code", "200 to 599"),
    "a mapper of an unknown flag": (replied(flagged("XX")), "response_flag_filter.flags", "no response flag"),
    "a mapper of one of one": (
        replied(AccessLogFilter(and_filter=AndFilter([status(404)]))),
        "and_filter.filters",
        "at least two",
    ),
    "a mapper that compares with nothing": (
        replied(AccessLogFilter(status_code_filter=StatusCodeFilter(ComparisonFilter()))),
        "comparison.value",
        "required",
    ),
    "a mapper that compares nothing": (
        replied(AccessLogFilter(status_code_filter=StatusCodeFilter())),
        "status_code_filter.comparison",
        "required",
    ),
    "a mapper that compares in ways of tomorrow": (replied(status(404, 9)), "comparison.op", "unknown"),
    "a mapper by no header": (replied(AccessLogFilter(header_filter=HeaderFilter())), "header_filter", "required"),
    "a mapper by duration": (replied(AccessLogFilter(duration_filter=b"x")), "duration_filter", "not noted"),
    "a form of local replies": (
        listener(http(local_reply_config=LocalReplyConfig(body_format=SubstitutionFormatString()))),
        "local_reply_config.body_format",
        "no format",
    ),
    "TCP to nowhere": (listener(tcp()), "cluster", "no cluster"),
    "TCP without weight": (listener(tcp(weighted_clusters=TcpProxyWeightedCluster())), "clusters", "weight"),
    "a tunnel": (listener(tcp(cluster="a", tunneling_config=b"x")), "tunneling_config", "another proxy"),
    "a strange network": (
        listener(tcp(cluster="a"), match=FilterChainMatch(prefix_ranges=[CidrRange("10.0.0.0", 77)])),
        "prefix_ranges[0]",
        "10.0.0.0/77",
    ),
    "a source address": (
        listener(tcp(cluster="a"), match=FilterChainMatch(source_ports=[1])),
        "filter_chain_match.source_ports",
        "source",
    ),
    "an API listener for TCP": (
        Listener("a:1", api_listener=ApiListener(Any.pack(TcpProxy()))),
        "api_listener.api_listener",
        "connection manager",
    ),
    "broken bytes in a filter": (
        listener(
            Filter("x", Any("type.googleapis.com/" + TcpProxy.__module__.split("proto.")[1] + ".TcpProxy", b"\x0a"))
        ),
        "filters[0].typed_config",
        "malformed",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_listener_that_cannot_be_honoured_is_refused_with_the_place(case: str) -> None:
    message, field, reason = REFUSED[case]
    with pytest.raises(Rejected) as refused:
        decode(message)
    assert field in refused.value.field
    assert reason in refused.value.reason
