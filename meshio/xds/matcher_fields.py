"""What happens to each field of conditions on requests, wherever they stand."""

from betterproto2 import Message

from meshio.xds.proto.envoy.extensions.matching.common_inputs.network.v3 import (
    DynamicMetadataInput,
    DynamicMetadataInputPathSegment,
    FilterStateInput,
)
from meshio.xds.proto.envoy.extensions.matching.input_matchers.ip.v3 import Ip
from meshio.xds.proto.envoy.extensions.matching.input_matchers.metadata.v3 import Metadata as MetadataInputMatcher
from meshio.xds.proto.envoy.extensions.matching.input_matchers.runtime_fraction.v3 import RuntimeFraction
from meshio.xds.proto.envoy.extensions.path.match.uri_template.v3 import UriTemplateMatchConfig
from meshio.xds.proto.envoy.extensions.path.rewrite.uri_template.v3 import UriTemplateRewriteConfig
from meshio.xds.proto.envoy.type.matcher.v3 import (
    AddressMatcher,
    DoubleMatcher,
    FilterStateMatcher,
    HttpRequestHeaderMatchInput,
    HttpRequestQueryParamMatchInput,
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
from meshio.xds.proto.xds.core.v3 import CidrRange, TypedExtensionConfig
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
)
from meshio.xds.proto.xds.type.matcher.v3 import RegexMatcher as XdsRegexMatcher
from meshio.xds.proto.xds.type.matcher.v3 import RegexMatcherGoogleRe2 as XdsGoogleRe2
from meshio.xds.proto.xds.type.matcher.v3 import StringMatcher as XdsStringMatcher
from meshio.xds.rule import Rules, ignored, read, rejected

MATCHER_FIELDS: dict[type[Message], Rules] = {
    AddressMatcher: read("ranges"),
    CidrRange: read("address_prefix", "prefix_len"),
    DoubleMatcher: read("range", "exact"),
    DoubleRange: read("start", "end"),
    DynamicMetadataInput: read("filter", "path"),
    DynamicMetadataInputPathSegment: read("key"),
    FilterStateInput: read("key"),
    FilterStateMatcher: read("key", "string_match", "address_match"),
    FractionalPercent: read("numerator", "denominator"),
    HttpRequestHeaderMatchInput: read("header_name"),
    HttpRequestQueryParamMatchInput: read("query_param"),
    MetadataInputMatcher: read("value", "invert"),
    Int32Range: read("start", "end"),
    Int64Range: read("start", "end"),
    Ip: {**read("cidr_ranges"), **ignored("names of statistics only", "stat_prefix")},
    PathMatcher: read("path"),
    ListMatcher: read("one_of"),
    Matcher: read("matcher_list", "matcher_tree", "on_no_match"),
    MatcherMatcherList: read("matchers"),
    MatcherMatcherListFieldMatcher: read("predicate", "on_match"),
    MatcherMatcherListPredicate: read("single_predicate", "or_matcher", "and_matcher", "not_matcher"),
    MatcherMatcherListPredicatePredicateList: read("predicate"),
    MatcherMatcherListPredicateSinglePredicate: read("input", "value_match", "custom_match"),
    MatcherMatcherTree: read("input", "exact_match_map", "prefix_match_map", "custom_match"),
    MatcherMatcherTreeMatchMap: read("map"),
    MatcherOnMatch: {
        **read("matcher", "action"),
        **rejected("the first match is taken: Envoy refuses it here, too", "keep_matching"),
    },
    MetadataMatcher: read("filter", "path", "value", "invert"),
    MetadataMatcherPathSegment: read("key"),
    OrMatcher: read("value_matchers"),
    RegexMatchAndSubstitute: read("pattern", "substitution"),
    RegexMatcher: read("regex", "google_re2"),
    RegexMatcherGoogleRe2: read("max_program_size"),
    RuntimeFraction: read("runtime_fraction", "seed"),
    StringMatcher: {
        **read("exact", "prefix", "suffix", "safe_regex", "contains", "ignore_case"),
        **rejected("matchers of others' making cannot be known", "custom"),
    },
    TypedExtensionConfig: read("name", "typed_config"),
    UriTemplateMatchConfig: read("path_template"),
    UriTemplateRewriteConfig: read("path_template_rewrite"),
    ValueMatcher: read(
        *("null_match", "double_match", "string_match", "bool_match", "present_match", "list_match", "or_match")
    ),
    ValueMatcherNullMatch: {},
    XdsGoogleRe2: {},
    XdsRegexMatcher: read("google_re2", "regex"),
    XdsStringMatcher: {
        **read("exact", "prefix", "suffix", "safe_regex", "contains", "ignore_case"),
        **rejected("matchers of others' making cannot be known", "custom"),
    },
}
