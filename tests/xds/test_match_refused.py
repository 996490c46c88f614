"""Conditions that Envoy 1.40 refuses: meshio refuses them too, and names the place."""

import pytest

from meshio.errors import Rejected
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.config.route.v3 import HeaderMatcher, QueryParameterMatcher, Route, RouteAction, RouteMatch
from meshio.xds.proto.envoy.extensions.path.match.uri_template.v3 import UriTemplateMatchConfig
from meshio.xds.proto.envoy.extensions.path.rewrite.uri_template.v3 import UriTemplateRewriteConfig
from meshio.xds.proto.envoy.type.matcher.v3 import (
    AddressMatcher,
    DoubleMatcher,
    FilterStateMatcher,
    ListMatcher,
    MetadataMatcher,
    MetadataMatcherPathSegment,
    OrMatcher,
    RegexMatcher,
    RegexMatcherGoogleRe2,
    StringMatcher,
    ValueMatcher,
)
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.proto.xds.core.v3 import CidrRange
from meshio.xds.proto.xds.core.v3 import TypedExtensionConfig as XdsExtension
from tests.xds.routes import TO_A, decode, regex, table


def header(**said: object) -> RouteMatch:
    return RouteMatch(prefix="/", headers=[HeaderMatcher(**{"name": "a"} | said)])  # type: ignore[arg-type]


def query(name: str, **said: object) -> RouteMatch:
    return RouteMatch(prefix="/", query_parameters=[QueryParameterMatcher(name, **said)])  # type: ignore[arg-type]


def metadata(value: ValueMatcher | None = None, keys: tuple[str, ...] = ("k",), name: str = "f") -> RouteMatch:
    path = [MetadataMatcherPathSegment(key=key) for key in keys]
    return RouteMatch(prefix="/", dynamic_metadata=[MetadataMatcher(name, path, value)])


def state(**said: object) -> RouteMatch:
    return RouteMatch(prefix="/", filter_state=[FilterStateMatcher(**{"key": "k"} | said)])  # type: ignore[arg-type]


def policy(config: UriTemplateMatchConfig | UriTemplateRewriteConfig | None) -> TypedExtensionConfig:
    return TypedExtensionConfig("x", Any.pack(config) if config is not None else None)


def template(text: str) -> RouteMatch:
    return RouteMatch(path_match_policy=policy(UriTemplateMatchConfig(text)))


SMALL = RegexMatcher(regex="a" * 20, google_re2=RegexMatcherGoogleRe2(10))
PRESENT = ValueMatcher(present_match=True)
REFUSED = {
    "an empty regex": (RouteMatch(safe_regex=regex("")), "safe_regex.regex", "empty"),
    "a regex beyond its own limit": (RouteMatch(safe_regex=SMALL), "safe_regex.regex", "of which 10 are allowed"),
    **{
        f"{value!r} as segments": (RouteMatch(path_separated_prefix=value), "path_separated_prefix", "must not")
        for value in ("", "a", "/", "/a/", "/a?b", "/a#b")
    },
    "a header's second line": (header(name="a\nb"), "headers[0].name", "CR or LF"),
    **{
        f"{kind} nothing": (header(**{kind: ""}), f"headers[0].{kind}", "empty")
        for kind in ("prefix_match", "suffix_match", "contains_match")
    },
    **{
        f"{kind} nothing, by string": (
            header(string_match=StringMatcher(**{kind: ""})),
            f"headers[0].string_match.{kind}",
            "empty",
        )
        for kind in ("prefix", "suffix", "contains")
    },
    "a regex without case": (
        header(string_match=StringMatcher(safe_regex=regex("a"), ignore_case=True)),
        "string_match.ignore_case",
        "no effect",
    ),
    "a matcher of others": (
        header(string_match=StringMatcher(custom=XdsExtension("x"))),
        "string_match.custom",
        "cannot be known",
    ),
    "a nameless parameter": (query("", present_match=True), "query_parameters[0].name", "1 to 1024"),
    "a long parameter": (query("a" * 1025), "query_parameters[0].name", "1 to 1024"),
    "metadata of nobody": (metadata(PRESENT, name=""), "dynamic_metadata[0].filter", "no name"),
    "metadata nowhere": (metadata(PRESENT, ()), "dynamic_metadata[0].path", "at least one key"),
    "metadata under no name": (metadata(PRESENT, ("",)), "dynamic_metadata[0].path", "no empty one"),
    "metadata of no value": (metadata(), "dynamic_metadata[0].value", "required"),
    "metadata without condition": (metadata(ValueMatcher()), "value", "no condition"),
    "no number": (metadata(ValueMatcher(double_match=DoubleMatcher())), "value.double_match", "no condition"),
    "no item": (metadata(ValueMatcher(list_match=ListMatcher())), "value.list_match", "no condition"),
    "one of one": (
        metadata(ValueMatcher(or_match=OrMatcher([PRESENT]))),
        "value.or_match.value_matchers",
        "at least two",
    ),
    "state of no name": (state(key="", string_match=StringMatcher(exact="v")), "filter_state[0].key", "no name"),
    "state without condition": (state(), "filter_state[0]", "no condition"),
    "no address": (
        state(address_match=AddressMatcher([CidrRange("zz", 8)])),
        "filter_state[0].address_match.ranges[0].address_prefix",
        "zz",
    ),
    "an empty template": (template(""), "path_match_policy.typed_config.path_template", "1 to 256"),
    "a bad template": (template("/{a"), "path_match_policy.typed_config.path_template", "does not close"),
    "no template": (RouteMatch(path_match_policy=policy(None)), "path_match_policy", "without a type"),
    "another policy": (
        RouteMatch(path_match_policy=policy(UriTemplateRewriteConfig("/"))),
        "path_match_policy",
        "UriTemplateRewriteConfig is not supported",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_condition_that_envoy_refuses_is_refused_with_its_place(case: str) -> None:
    match, field, reason = REFUSED[case]
    with pytest.raises(Rejected) as refused:
        decode(table(Route(match=match, route=TO_A)))
    assert field in refused.value.field
    assert reason in refused.value.reason


FILLED = policy(UriTemplateRewriteConfig("/{a}"))
REWRITES = {
    "no template to fill from": (RouteMatch(prefix="/"), RouteAction(cluster="a", path_rewrite_policy=FILLED)),
    "a variable that is not there": (template("/{b}"), RouteAction(cluster="a", path_rewrite_policy=FILLED)),
    "two rewrites": (template("/{a}"), RouteAction(cluster="a", path_rewrite_policy=FILLED, prefix_rewrite="/")),
    "a prefix of a template": (template("/{a}"), RouteAction(cluster="a", prefix_rewrite="/x")),
    "another policy": (
        template("/{a}"),
        RouteAction(cluster="a", path_rewrite_policy=policy(UriTemplateMatchConfig("/"))),
    ),
    "no policy": (template("/{a}"), RouteAction(cluster="a", path_rewrite_policy=policy(None))),
}


@pytest.mark.parametrize("case", REWRITES)
def test_a_template_rewrite_needs_its_template(case: str) -> None:
    match, action = REWRITES[case]
    with pytest.raises(Rejected) as refused:
        decode(table(Route(match=match, route=action)))
    assert "rewrite" in refused.value.field
