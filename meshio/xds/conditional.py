"""Filters under a condition (ExtensionWithMatcher) -> `Conditional`."""

from collections.abc import Callable

from meshio.matching.tree import Tree
from meshio.message import Layer
from meshio.routing.conditional import NOBODY, Conditional, Skipping
from meshio.xds.extension import open_message
from meshio.xds.inputs import REQUEST
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.common.matching.v3 import ExtensionWithMatcher, ExtensionWithMatcherPerRoute
from meshio.xds.proto.xds.type.matcher.v3 import Matcher
from meshio.xds.tree import Grammar, translate_tree

KIND = "envoy.extensions.common.matching.v3.ExtensionWithMatcher"
SKIP = "envoy.extensions.filters.common.matcher.action.v3.SkipFilter"


def skips(place: Place, kind: str, raw: bytes) -> None:
    """The only end there is: the filter is skipped."""
    if kind != SKIP:
        raise place.rejected(f"{kind or 'an action without a type'} is not supported")


GRAMMAR: Grammar[None] = Grammar(skips, REQUEST, notes=True)


def translate_conditional(
    place: Place, raw: bytes, inner: Callable[[Place, TypedExtensionConfig], Layer | None]
) -> Layer | None:
    """`inner` translates the filter itself; None for one without effect."""
    message = open_message(place, ExtensionWithMatcher, raw)
    if message.extension_config is None:
        raise place.rejected("is required", "extension_config")
    tree = skipping(place.at("xds_matcher"), message.xds_matcher) if message.xds_matcher is not None else None
    layer = inner(place.at("extension_config"), message.extension_config)
    return Conditional(layer, tree) if layer is not None else None


def translate_override(place: Place, raw: bytes) -> Layer:
    """What a level of a route table says about who skips the filter."""
    message = open_message(place, ExtensionWithMatcherPerRoute, raw)
    if message.xds_matcher is None:
        return Skipping(NOBODY)
    return Skipping(skipping(place.at("xds_matcher"), message.xds_matcher))


def skipping(place: Place, message: Matcher) -> Tree[None]:
    return translate_tree(place, message, GRAMMAR)
