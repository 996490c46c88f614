"""Tree of routes -> the matcher of a virtual host."""

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from meshio.errors import Rejected
from meshio.matching import Matcher, Metadata, Text
from meshio.matching.inputs import HeaderInput, Input, QueryInput, StateInput
from meshio.matching.tree import Asked, ByValue, Every, HashShare, InNetworks, InTurn, Leaf, Not, Some, Tree
from meshio.resilience.fault import Fraction
from meshio.xds.encode.notes import encode_value as encode_note
from meshio.xds.encode.parts import packed, runtime_share, text
from meshio.xds.encode.text import encode_text
from meshio.xds.extension import PREFIX
from meshio.xds.inputs import CONNECTION
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import CidrRange
from meshio.xds.proto.envoy.extensions.matching.common_inputs.network.v3 import (
    DynamicMetadataInput,
    DynamicMetadataInputPathSegment,
    FilterStateInput,
)
from meshio.xds.proto.envoy.extensions.matching.input_matchers.ip.v3 import Ip
from meshio.xds.proto.envoy.extensions.matching.input_matchers.metadata.v3 import Metadata as MetadataMessage
from meshio.xds.proto.envoy.extensions.matching.input_matchers.runtime_fraction.v3 import RuntimeFraction
from meshio.xds.proto.envoy.type.matcher.v3 import HttpRequestHeaderMatchInput, HttpRequestQueryParamMatchInput
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.proto.xds.core.v3 import TypedExtensionConfig
from meshio.xds.proto.xds.type.matcher.v3 import Matcher as MatcherMessage
from meshio.xds.proto.xds.type.matcher.v3 import (
    MatcherMatcherList,
    MatcherMatcherListFieldMatcher,
    MatcherMatcherListPredicate,
    MatcherMatcherListPredicatePredicateList,
    MatcherMatcherListPredicateSinglePredicate,
    MatcherMatcherTree,
    MatcherMatcherTreeMatchMap,
    MatcherOnMatch,
    RegexMatcher,
    RegexMatcherGoogleRe2,
    StringMatcher,
)

A = TypeVar("A")
KINDS = {read(Place(kind), b""): kind for kind, read in CONNECTION.items()}
Encode: TypeAlias = Callable[[A], Any]


def encode_tree(tree: Tree[A], encode: Encode[A]) -> MatcherMessage:
    """`encode` writes what it leads to."""
    match tree:
        case Leaf():
            return MatcherMessage(on_no_match=encode_branch(tree, encode))
        case InTurn((), None):
            return MatcherMessage()
        case InTurn(branches, otherwise):
            fields = [
                MatcherMatcherListFieldMatcher(encode_predicate(matcher), encode_branch(leads_to, encode))
                for matcher, leads_to in branches
            ]
            message = MatcherMessage(matcher_list=MatcherMatcherList(fields))
        case ByValue(key, branches, prefixes, otherwise):
            entries = {text(value): encode_branch(leads_to, encode) for value, leads_to in branches}
            message = MatcherMessage(matcher_tree=MatcherMatcherTree(input=encode_input(key)))
            assert message.matcher_tree is not None
            if prefixes:
                message.matcher_tree.prefix_match_map = MatcherMatcherTreeMatchMap(entries)
            else:
                message.matcher_tree.exact_match_map = MatcherMatcherTreeMatchMap(entries)
    message.on_no_match = encode_branch(otherwise, encode) if otherwise is not None else None
    return message


def encode_branch(tree: Tree[A], encode: Encode[A]) -> MatcherOnMatch:
    if not isinstance(tree, Leaf):
        return MatcherOnMatch(matcher=encode_tree(tree, encode))
    return MatcherOnMatch(action=TypedExtensionConfig("action", encode(tree.action)))


def encode_predicate(matcher: Matcher) -> MatcherMatcherListPredicate:
    """Raises Rejected for a question that xDS has no words for."""
    match matcher:
        case Asked(key, question):
            return MatcherMatcherListPredicate(single_predicate=encode_asked(key, question))
        case Metadata():
            return MatcherMatcherListPredicate(single_predicate=encode_noted(matcher))
        case Not(inner):
            return MatcherMatcherListPredicate(not_matcher=encode_predicate(inner))
        case Every(matchers):
            together = MatcherMatcherListPredicatePredicateList(list(map(encode_predicate, matchers)))
            return MatcherMatcherListPredicate(and_matcher=together)
        case Some(matchers):
            together = MatcherMatcherListPredicatePredicateList(list(map(encode_predicate, matchers)))
            return MatcherMatcherListPredicate(or_matcher=together)
    raise Rejected(str(matcher), "predicate", "xDS has no such matcher")


def encode_asked(key: Input, question: Text) -> MatcherMatcherListPredicateSinglePredicate:
    asked = MatcherMatcherListPredicateSinglePredicate(input=encode_input(key))
    match question:
        case InNetworks(networks):
            ranges = [network.partition("/") for network in networks]
            config = Ip([CidrRange(address, int(length)) for address, _, length in ranges], "meshio")
            asked.custom_match = TypedExtensionConfig("ip", packed(config))
        case HashShare(numerator, denominator, seed):
            share = RuntimeFraction(runtime_share(Fraction(numerator, denominator)), seed)
            asked.custom_match = TypedExtensionConfig("share", packed(share))
        case _:
            asked.value_match = encode_value(question)
    return asked


def encode_noted(question: Metadata) -> MatcherMatcherListPredicateSinglePredicate:
    path = [DynamicMetadataInputPathSegment(key=step) for step in question.path]
    matcher = MetadataMessage(encode_note(question.value), question.invert)
    return MatcherMatcherListPredicateSinglePredicate(
        input=TypedExtensionConfig("metadata", packed(DynamicMetadataInput(question.filter, path))),
        custom_match=TypedExtensionConfig("metadata", packed(matcher)),
    )


def encode_value(question: Text) -> StringMatcher:
    """The message is Envoy's StringMatcher under another name, but that a regex names its engine."""
    same = encode_text(question)
    regex = same.safe_regex
    return StringMatcher(
        exact=same.exact,
        prefix=same.prefix,
        suffix=same.suffix,
        contains=same.contains,
        safe_regex=RegexMatcher(google_re2=RegexMatcherGoogleRe2(), regex=regex.regex) if regex is not None else None,
        ignore_case=same.ignore_case,
    )


def encode_input(key: Input) -> TypedExtensionConfig:
    match key:
        case HeaderInput(name):
            return TypedExtensionConfig("header", packed(HttpRequestHeaderMatchInput(text(name))))
        case StateInput(state):
            return TypedExtensionConfig("state", packed(FilterStateInput(state)))
        case QueryInput(name):
            return TypedExtensionConfig("query", packed(HttpRequestQueryParamMatchInput(text(name))))
    if (kind := KINDS.get(key)) is not None:
        return TypedExtensionConfig("connection", Any(type_url=PREFIX + kind))
    raise Rejected(str(key), "input", "xDS has no such input")
