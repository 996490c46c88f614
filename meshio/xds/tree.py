"""xDS's matchers -> `Tree`. What they may ask about, and what they lead to, differs from place to place: `Grammar`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from meshio.matching import Matcher, Text
from meshio.matching.inputs import HeaderInput, Input, StateInput
from meshio.matching.metadata import Metadata
from meshio.matching.tree import Asked, ByValue, Every, HashShare, InNetworks, InTurn, Leaf, Not, Some, Tree
from meshio.xds.extension import open_message, type_of
from meshio.xds.fields import refuse_unsupported
from meshio.xds.matching import fraction, header_name, text
from meshio.xds.notes import network, value
from meshio.xds.place import Place
from meshio.xds.proto.envoy.extensions.matching.common_inputs.network.v3 import DynamicMetadataInput, FilterStateInput
from meshio.xds.proto.envoy.extensions.matching.input_matchers.ip.v3 import Ip
from meshio.xds.proto.envoy.extensions.matching.input_matchers.metadata.v3 import Metadata as MetadataMessage
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

A = TypeVar("A")
ReadInput: TypeAlias = Callable[[Place, bytes], Input]

HEADER = "envoy.type.matcher.v3.HttpRequestHeaderMatchInput"
NETWORK = "envoy.extensions.matching.common_inputs.network.v3."
STATE, NOTE = NETWORK + "FilterStateInput", NETWORK + "DynamicMetadataInput"
IP = "envoy.extensions.matching.input_matchers.ip.v3.Ip"
SHARE = "envoy.extensions.matching.input_matchers.runtime_fraction.v3.RuntimeFraction"
METADATA = "envoy.extensions.matching.input_matchers.metadata.v3.Metadata"


@dataclass(frozen=True, slots=True)
class Grammar(Generic[A]):
    """What a matcher may say in one place.

    end      an action (its type and its bytes) as what the tree leads to. Raises Rejected for what it does not know
    inputs   what it may ask about, by the type of the input; headers and filter state may always be asked about
    notes    whether dynamic metadata may be asked about
    """

    end: Callable[[Place, str, bytes], A]
    inputs: Mapping[str, ReadInput]
    notes: bool = False


def translate_tree(place: Place, message: MatcherMessage, grammar: Grammar[A]) -> Tree[A]:
    """A matcher. One that asks nothing and ends nowhere matches nothing."""
    last = message.on_no_match
    otherwise = branch(place.at("on_no_match"), last, grammar) if last is not None else None
    if message.matcher_list is not None:
        return in_turn(place.at("matcher_list"), message.matcher_list, otherwise, grammar)
    if message.matcher_tree is not None:
        return by_value(place.at("matcher_tree"), message.matcher_tree, otherwise, grammar)
    return otherwise or InTurn(())


def in_turn(place: Place, message: MatcherMatcherList, otherwise: Tree[A] | None, grammar: Grammar[A]) -> InTurn[A]:
    """A list of predicates, each with what it leads to."""
    if not message.matchers:
        raise place.rejected("must hold at least one", "matchers")
    branches: list[tuple[Matcher, Tree[A]]] = []
    for index, field in enumerate(message.matchers):
        here = place.at("matchers", index)
        if field.predicate is None or field.on_match is None:
            raise here.rejected("must have a predicate and what it leads to")
        leads_to = branch(here.at("on_match"), field.on_match, grammar)
        branches.append((predicate(here.at("predicate"), field.predicate, grammar), leads_to))
    return InTurn(tuple(branches), otherwise)


def by_value(place: Place, message: MatcherMatcherTree, otherwise: Tree[A] | None, grammar: Grammar[A]) -> ByValue[A]:
    """A map from values of an input, or from their prefixes."""
    key = input_of(place.at("input"), message.input, grammar)
    if message.exact_match_map is not None:
        return ByValue(key, entries(place.at("exact_match_map"), message.exact_match_map, grammar), False, otherwise)
    if message.prefix_match_map is not None:
        return ByValue(key, entries(place.at("prefix_match_map"), message.prefix_match_map, grammar), True, otherwise)
    if message.custom_match is not None:
        raise place.rejected(f"{kind_of(place, message.custom_match)} is not supported", "custom_match")
    raise place.rejected("has no map")


def entries(
    place: Place, message: MatcherMatcherTreeMatchMap, grammar: Grammar[A]
) -> tuple[tuple[bytes, Tree[A]], ...]:
    if not message.map:
        raise place.rejected("must hold at least one", "map")
    for key, each in message.map.items():
        refuse_unsupported(place.at("map", key), each)
    return tuple((key.encode(), branch(place.at("map", key), each, grammar)) for key, each in message.map.items())


def branch(place: Place, message: MatcherOnMatch, grammar: Grammar[A]) -> Tree[A]:
    """What a match leads to: another matcher, or an end."""
    if message.matcher is not None:
        return translate_tree(place.at("matcher"), message.matcher, grammar)
    if message.action is None:
        raise place.rejected("leads nowhere")
    here = place.at("action.typed_config")
    return Leaf(grammar.end(here, kind_of(here, message.action), raw_of(message.action)))


def predicate(place: Place, message: MatcherMatcherListPredicate, grammar: Grammar[A]) -> Matcher:
    """A question, or several put together."""
    if message.single_predicate is not None:
        return single(place.at("single_predicate"), message.single_predicate, grammar)
    if message.or_matcher is not None:
        return Some(several(place.at("or_matcher"), message.or_matcher, grammar))
    if message.and_matcher is not None:
        return Every(several(place.at("and_matcher"), message.and_matcher, grammar))
    if message.not_matcher is not None:
        return Not(predicate(place.at("not_matcher"), message.not_matcher, grammar))
    raise place.rejected("has no condition")


def several(
    place: Place, message: MatcherMatcherListPredicatePredicateList, grammar: Grammar[A]
) -> tuple[Matcher, ...]:
    if len(message.predicate) < 2:
        raise place.rejected("must hold at least two", "predicate")
    return tuple(predicate(place.at("predicate", index), each, grammar) for index, each in enumerate(message.predicate))


def single(place: Place, message: MatcherMatcherListPredicateSinglePredicate, grammar: Grammar[A]) -> Matcher:
    if grammar.notes and message.input is not None and kind_of(place.at("input"), message.input) == NOTE:
        return noted(place, message.input, message)
    asked = input_of(place.at("input"), message.input, grammar)
    if message.value_match is not None:
        return Asked(asked, value_match(place.at("value_match"), message.value_match))
    if message.custom_match is not None:
        return Asked(asked, custom_match(place.at("custom_match"), message.custom_match))
    raise place.rejected("has no condition")


def input_of(place: Place, message: TypedExtensionConfig | None, grammar: Grammar[A]) -> Input:
    """What is asked about."""
    kind = kind_of(place, message)
    if message is not None and kind == HEADER:
        wanted = open_message(place, HttpRequestHeaderMatchInput, raw_of(message))
        return HeaderInput(header_name(place.at("header_name"), wanted.header_name))
    if message is not None and kind == STATE:
        state = open_message(place, FilterStateInput, raw_of(message))
        if not state.key:
            raise place.rejected("has no name", "key")
        return StateInput(state.key)
    if message is not None and kind in grammar.inputs:
        return grammar.inputs[kind](place, raw_of(message))
    raise place.rejected(f"{kind or 'an input without a type'} is not supported")


def noted(place: Place, asked: TypedExtensionConfig, message: MatcherMatcherListPredicateSinglePredicate) -> Metadata:
    """A question about a value of the request's metadata."""
    here = place.at("input")
    wanted = open_message(here, DynamicMetadataInput, raw_of(asked))
    path = tuple(step.key or "" for step in wanted.path)
    if not wanted.filter or not path or not all(path):
        raise here.rejected("must have a filter and a path, and nothing empty in it")
    there = place.at("custom_match")
    if message.custom_match is None or kind_of(there, message.custom_match) != METADATA:
        raise there.rejected("must be one about metadata")
    question = open_message(there, MetadataMessage, raw_of(message.custom_match))
    if question.value is None:
        raise there.rejected("is required", "value")
    return Metadata(wanted.filter, path, value(there.at("value"), question.value), question.invert)


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
