"""Matchers of virtual hosts that cannot be honoured: each is refused, and the text says where."""

import pytest

from meshio.errors import Rejected
from meshio.xds.proto.envoy.config.core.v3 import CidrRange
from meshio.xds.proto.envoy.config.route.v3 import Route, RouteConfiguration, VirtualHost
from meshio.xds.proto.envoy.extensions.matching.common_inputs.network.v3 import FilterStateInput
from meshio.xds.proto.envoy.extensions.matching.input_matchers.ip.v3 import Ip
from meshio.xds.proto.envoy.extensions.matching.input_matchers.runtime_fraction.v3 import RuntimeFraction
from meshio.xds.proto.envoy.type.matcher.v3 import HttpRequestHeaderMatchInput
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.proto.xds.core.v3 import TypedExtensionConfig
from meshio.xds.proto.xds.type.matcher.v3 import (
    Matcher,
    MatcherMatcherList,
    MatcherMatcherListFieldMatcher,
    MatcherMatcherListPredicate,
    MatcherMatcherListPredicatePredicateList,
    MatcherMatcherListPredicateSinglePredicate,
    MatcherMatcherTree,
    MatcherMatcherTreeMatchMap,
    MatcherOnMatch,
    RegexMatcher,
    StringMatcher,
)
from tests.xds.routes import ANY, OTHER, TO_A, decode


def extension(message: object) -> TypedExtensionConfig:
    return TypedExtensionConfig("x", Any.pack(message))  # type: ignore[arg-type]


HEADER = extension(HttpRequestHeaderMatchInput("x"))
STRANGE = TypedExtensionConfig("x", OTHER)
LEAF = MatcherOnMatch(action=extension(Route(match=ANY, route=TO_A)))
V = StringMatcher(exact="v")


def tree(**said: object) -> Matcher:
    return Matcher(matcher_tree=MatcherMatcherTree(**said))  # type: ignore[arg-type]


def by(predicate: MatcherMatcherListPredicate | None, leads_to: MatcherOnMatch | None = LEAF) -> Matcher:
    return Matcher(matcher_list=MatcherMatcherList([MatcherMatcherListFieldMatcher(predicate, leads_to)]))


def single(**said: object) -> Matcher:
    asked = MatcherMatcherListPredicateSinglePredicate(**{"input": HEADER} | said)  # type: ignore[arg-type]
    return by(MatcherMatcherListPredicate(single_predicate=asked))


ASKED = MatcherMatcherListPredicate(
    single_predicate=MatcherMatcherListPredicateSinglePredicate(input=HEADER, value_match=V)
)
ONE = MatcherMatcherListPredicate(or_matcher=MatcherMatcherListPredicatePredicateList([ASKED]))
MAP = MatcherMatcherTreeMatchMap({"a": LEAF})
KEPT = MatcherMatcherTreeMatchMap({"a": MatcherOnMatch(action=LEAF.action, keep_matching=True)})
NOTHING = MatcherMatcherTreeMatchMap({"a": MatcherOnMatch()})
REFUSED = {
    "nothing in turn": (Matcher(matcher_list=MatcherMatcherList()), "matcher_list.matchers", "at least one"),
    "no predicate": (by(None), "matchers[0]", "a predicate"),
    "no end": (by(ASKED, None), "matchers[0]", "what it leads to"),
    "an empty predicate": (by(MatcherMatcherListPredicate()), "predicate", "no condition"),
    "one of one": (by(ONE), "predicate.or_matcher.predicate", "at least two"),
    "no input": (single(input=None, value_match=V), "single_predicate.input", "without a type"),
    "an unknown input": (single(input=STRANGE, value_match=V), "single_predicate.input", "some.Thing"),
    "no question": (single(), "single_predicate", "no condition"),
    "an unknown question": (single(custom_match=STRANGE), "custom_match", "some.Thing"),
    "an empty text": (single(value_match=StringMatcher(prefix="")), "value_match.prefix", "empty"),
    "no engine": (
        single(value_match=StringMatcher(safe_regex=RegexMatcher(regex="a"))),
        "value_match.safe_regex",
        "engine",
    ),
    "no networks": (single(custom_match=extension(Ip([], "s"))), "custom_match.cidr_ranges", "at least one"),
    "no network": (single(custom_match=extension(Ip([CidrRange("zz")], "s"))), "cidr_ranges[0]", "zz"),
    "no share": (single(custom_match=extension(RuntimeFraction())), "custom_match.runtime_fraction", "required"),
    "a nameless header": (
        tree(input=extension(HttpRequestHeaderMatchInput()), exact_match_map=MAP),
        "input.header_name",
        "no name",
    ),
    "nameless state": (tree(input=extension(FilterStateInput()), exact_match_map=MAP), "input.key", "no name"),
    "no map": (tree(input=HEADER), "matcher_tree", "no map"),
    "an empty map": (tree(input=HEADER, prefix_match_map=MatcherMatcherTreeMatchMap()), "map", "at least one"),
    "a custom map": (tree(input=HEADER, custom_match=STRANGE), "matcher_tree.custom_match", "some.Thing"),
    "to be continued": (tree(input=HEADER, exact_match_map=KEPT), "map[a].keep_matching", "first match"),
    "an entry that leads nowhere": (tree(input=HEADER, exact_match_map=NOTHING), "map[a]", "leads nowhere"),
    "an unknown action": (Matcher(on_no_match=MatcherOnMatch(action=STRANGE)), "typed_config", "some.Thing"),
    "a route without an action": (
        Matcher(on_no_match=MatcherOnMatch(action=extension(Route(match=ANY)))),
        "on_no_match.action.typed_config",
        "no action",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_matcher_that_cannot_be_honoured_is_refused_with_its_place(case: str) -> None:
    matcher, field, reason = REFUSED[case]
    with pytest.raises(Rejected) as refused:
        decode(RouteConfiguration("t", [VirtualHost("h", ["*"], matcher=matcher)]))
    assert refused.value.field.startswith("virtual_hosts[0].matcher")
    assert field in refused.value.field
    assert reason in refused.value.reason


HOSTS = {
    "no name": (VirtualHost("", ["*"]), "virtual_hosts[0].name", "required"),
    "routes, too": (
        VirtualHost("h", ["*"], [Route(match=ANY, route=TO_A)], matcher=Matcher(on_no_match=LEAF)),
        "virtual_hosts[0].matcher",
        "exclude",
    ),
    "a domain of two lines": (VirtualHost("h", ["a\nb"]), "virtual_hosts[0].domains[0]", "CR or LF"),
    "unknown TLS": (VirtualHost("h", ["*"], require_tls=5), "virtual_hosts[0].require_tls", "unknown"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", HOSTS)
def test_a_virtual_host_that_envoy_refuses_is_refused(case: str) -> None:
    host, field, reason = HOSTS[case]
    with pytest.raises(Rejected) as refused:
        decode(RouteConfiguration("t", [host]))
    assert (refused.value.field, reason in refused.value.reason) == (field, True)


@pytest.mark.parametrize("name", [":path", "Host"])
def test_what_makes_a_request_cannot_be_for_proxies_only(name: str) -> None:
    with pytest.raises(Rejected, match="internal_only_headers"):
        decode(RouteConfiguration("t", internal_only_headers=[name]))
