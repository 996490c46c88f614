"""The matcher of a virtual host -> `Tree` of routes. Envoy allows less here than the messages can say."""

from collections.abc import Callable
from typing import TypeAlias

from meshio.matching import Matcher, Text
from meshio.matching.tree import (
    Asked,
    ByValue,
    Every,
    HashShare,
    HeaderInput,
    InNetworks,
    Input,
    InTurn,
    Leaf,
    Not,
    Some,
    StateInput,
    Tree,
)
from meshio.routing.route import Route
from meshio.xds.extension import open_message, type_of
from meshio.xds.fields import refuse_unsupported
from meshio.xds.matching import fraction, header_name, text
from meshio.xds.notes import network
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.route.v3 import Route as RouteMessage
from meshio.xds.proto.envoy.config.route.v3 import RouteList
from meshio.xds.proto.envoy.extensions.matching.common_inputs.network.v3 import FilterStateInput
from meshio.xds.proto.envoy.extensions.matching.input_matchers.ip.v3 import Ip
from meshio.xds.proto.envoy.extensions.matching.input_matchers.runtime_fraction.v3 import RuntimeFraction
from meshio.xds.proto.envoy.type.matcher.v3 import HttpRequestHeaderMatchInput, RegexMatcher
from meshio.xds.proto.envoy.type.matcher.v3 import StringMatcher as EnvoyStringMatcher
from meshio.xds.proto.xds.core.v3 import TypedExtensionConfig
from meshio.xds.proto.xds.type.matcher.v3 import Matcher as MatcherMessage
from meshio.xds.proto.xds.type.matcher.v3 import (
    MatcherMatcherList,
    MatcherMatcherListPredicate,
    MatcherMatcherListPredicatePredicateList,
    MatcherMatcherListPredicateSinglePredicate,
    MatcherMatcherTree,
    MatcherMatcherTreeMatchMap,
    MatcherOnMatch,
    StringMatcher,
)

Routes: TypeAlias = tuple[Route, ...]
ReadRoute: TypeAlias = Callable[[Place, RouteMessage], Route]

ROUTE, ROUTE_LIST = "envoy.config.route.v3.Route", "envoy.config.route.v3.RouteList"
HEADER = "envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
STATE = "envoy.extensions.matching.common_inputs.network.v3.FilterStateInput"
IP = "envoy.extensions.matching.input_matchers.ip.v3.Ip"
SHARE = "envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction"


def translate_tree(place: Place, message: MatcherMessage, read: ReadRoute) -> Tree[Routes]:
    """A matcher; `read` translates the routes at its ends. One that asks nothing and ends nowhere matches nothing."""
    last = message.on_no_match
    otherwise = branch(place.at("on_no_match"), last, read) if last is not None else None
    if message.matcher_list is not None:
        return in_turn(place.at("matcher_list"), message.matcher_list, otherwise, read)
    if message.matcher_tree is not None:
        return by_value(place.at("matcher_tree"), message.matcher_tree, otherwise, read)
    return otherwise or InTurn(())


def in_turn(
    place: Place, message: MatcherMatcherList, otherwise: Tree[Routes] | None, read: ReadRoute
) -> InTurn[Routes]:
    """A list of predicates, each with what it leads to."""
    if not message.matchers:
        raise place.rejected("must hold at least one", "matchers")
    branches: list[tuple[Matcher, Tree[Routes]]] = []
    for index, field in enumerate(message.matchers):
        here = place.at("matchers", index)
        if field.predicate is None or field.on_match is None:
            raise here.rejected("must have a predicate and what it leads to")
        leads_to = branch(here.at("on_match"), field.on_match, read)
        branches.append((predicate(here.at("predicate"), field.predicate), leads_to))
    return InTurn(tuple(branches), otherwise)


def by_value(
    place: Place, message: MatcherMatcherTree, otherwise: Tree[Routes] | None, read: ReadRoute
) -> ByValue[Routes]:
    """A map from values of an input, or from their prefixes."""
    key = input_of(place.at("input"), message.input)
    if message.exact_match_map is not None:
        return ByValue(key, entries(place.at("exact_match_map"), message.exact_match_map, read), False, otherwise)
    if message.prefix_match_map is not None:
        return ByValue(key, entries(place.at("prefix_match_map"), message.prefix_match_map, read), True, otherwise)
    if message.custom_match is not None:
        raise place.rejected(f"{kind_of(place, message.custom_match)} is not supported", "custom_match")
    raise place.rejected("has no map")


def entries(
    place: Place, message: MatcherMatcherTreeMatchMap, read: ReadRoute
) -> tuple[tuple[bytes, Tree[Routes]], ...]:
    if not message.map:
        raise place.rejected("must hold at least one", "map")
    for key, each in message.map.items():
        refuse_unsupported(place.at("map", key), each)
    return tuple((key.encode(), branch(place.at("map", key), each, read)) for key, each in message.map.items())


def branch(place: Place, message: MatcherOnMatch, read: ReadRoute) -> Tree[Routes]:
    """What a match leads to: another matcher, a route, or several of which the first that matches wins."""
    if message.matcher is not None:
        return translate_tree(place.at("matcher"), message.matcher, read)
    if message.action is None:
        raise place.rejected("leads nowhere")
    here = place.at("action.typed_config")
    kind, raw = kind_of(here, message.action), raw_of(message.action)
    if kind == ROUTE:
        return Leaf((read(here, open_message(here, RouteMessage, raw)),))
    if kind == ROUTE_LIST:
        routes = enumerate(open_message(here, RouteList, raw).routes)
        return Leaf(tuple(read(here.at("routes", index), each) for index, each in routes))
    raise here.rejected(f"{kind or 'an action without a type'} is not supported")


def predicate(place: Place, message: MatcherMatcherListPredicate) -> Matcher:
    """A question, or several put together."""
    if message.single_predicate is not None:
        return single(place.at("single_predicate"), message.single_predicate)
    if message.or_matcher is not None:
        return Some(several(place.at("or_matcher"), message.or_matcher))
    if message.and_matcher is not None:
        return Every(several(place.at("and_matcher"), message.and_matcher))
    if message.not_matcher is not None:
        return Not(predicate(place.at("not_matcher"), message.not_matcher))
    raise place.rejected("has no condition")


def several(place: Place, message: MatcherMatcherListPredicatePredicateList) -> tuple[Matcher, ...]:
    if len(message.predicate) < 2:
        raise place.rejected("must hold at least two", "predicate")
    return tuple(predicate(place.at("predicate", index), each) for index, each in enumerate(message.predicate))


def single(place: Place, message: MatcherMatcherListPredicateSinglePredicate) -> Matcher:
    asked = input_of(place.at("input"), message.input)
    if message.value_match is not None:
        return Asked(asked, value_match(place.at("value_match"), message.value_match))
    if message.custom_match is not None:
        return Asked(asked, custom_match(place.at("custom_match"), message.custom_match))
    raise place.rejected("has no condition")


def input_of(place: Place, message: TypedExtensionConfig | None) -> Input:
    """What is asked about. Of all inputs Envoy lets a virtual host have these, and the environment of the proxy."""
    kind = kind_of(place, message)
    if message is not None and kind == HEADER:
        wanted = open_message(place, HttpRequestHeaderMatchInput, raw_of(message))
        return HeaderInput(header_name(place.at("header_name"), wanted.header_name))
    if message is not None and kind == STATE:
        state = open_message(place, FilterStateInput, raw_of(message))
        if not state.key:
            raise place.rejected("has no name", "key")
        return StateInput(state.key)
    raise place.rejected(f"{kind or 'an input without a type'} is not supported")


def value_match(place: Place, wanted: StringMatcher) -> Text:
    """A text. The message is Envoy's under another name, but that a regex must name its engine."""
    regex = wanted.safe_regex
    if regex is not None and regex.google_re2 is None:
        raise place.rejected("has no engine", "safe_regex")
    same = EnvoyStringMatcher(
        exact=wanted.exact,
        prefix=wanted.prefix,
        suffix=wanted.suffix,
        contains=wanted.contains,
        safe_regex=RegexMatcher(regex=regex.regex) if regex is not None else None,
        ignore_case=wanted.ignore_case,
    )
    return text(place, same)


def custom_match(place: Place, message: TypedExtensionConfig) -> Text:
    """A question of Envoy's own making about an input."""
    kind, raw = kind_of(place, message), raw_of(message)
    if kind == IP:
        ranges = enumerate(open_message(place, Ip, raw).cidr_ranges)
        networks = tuple(network(place.at("cidr_ranges", index), each) for index, each in ranges)
        if not networks:
            raise place.rejected("must hold at least one", "cidr_ranges")
        return InNetworks(networks)
    if kind == SHARE:
        config = open_message(place, RuntimeFraction, raw)
        if config.runtime_fraction is None:
            raise place.rejected("is required", "runtime_fraction")
        share = fraction(place.at("runtime_fraction"), config.runtime_fraction)
        return HashShare(share.numerator, share.denominator, config.seed)
    raise place.rejected(f"{kind or 'a matcher without a type'} is not supported")


def kind_of(place: Place, message: TypedExtensionConfig | None) -> str:
    return type_of(place, message.typed_config) if message is not None else ""


def raw_of(message: TypedExtensionConfig) -> bytes:
    return message.typed_config.value if message.typed_config is not None else b""
