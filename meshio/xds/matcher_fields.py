"""What happens to each field of conditions on requests, wherever they stand."""

from betterproto2 import Message

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
    PathMatcher,
    RegexMatchAndSubstitute,
    RegexMatcher,
    RegexMatcherGoogleRe2,
    StringMatcher,
    ValueMatcher,
    ValueMatcherNullMatch,
)
from meshio.xds.proto.envoy.type.v3 import DoubleRange, FractionalPercent, Int32Range, Int64Range
from meshio.xds.proto.xds.core.v3 import CidrRange
from meshio.xds.rule import Rules, read, rejected

MATCHER_FIELDS: dict[type[Message], Rules] = {
    AddressMatcher: read("ranges"),
    CidrRange: read("address_prefix", "prefix_len"),
    DoubleMatcher: read("range", "exact"),
    DoubleRange: read("start", "end"),
    FilterStateMatcher: read("key", "string_match", "address_match"),
    FractionalPercent: read("numerator", "denominator"),
    Int32Range: read("start", "end"),
    Int64Range: read("start", "end"),
    PathMatcher: read("path"),
    ListMatcher: read("one_of"),
    MetadataMatcher: read("filter", "path", "value", "invert"),
    MetadataMatcherPathSegment: read("key"),
    OrMatcher: read("value_matchers"),
    RegexMatchAndSubstitute: read("pattern", "substitution"),
    RegexMatcher: read("regex", "google_re2"),
    RegexMatcherGoogleRe2: read("max_program_size"),
    StringMatcher: {
        **read("exact", "prefix", "suffix", "safe_regex", "contains", "ignore_case"),
        **rejected("matchers of others' making cannot be known", "custom"),
    },
    UriTemplateMatchConfig: read("path_template"),
    UriTemplateRewriteConfig: read("path_template_rewrite"),
    ValueMatcher: read(
        *("null_match", "double_match", "string_match", "bool_match", "present_match", "list_match", "or_match")
    ),
    ValueMatcherNullMatch: {},
}
