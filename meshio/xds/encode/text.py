"""Questions about one string -> StringMatcher."""

from meshio.errors import Rejected
from meshio.matching import Contains, Exact, Prefix, Regex, Suffix, Text
from meshio.xds.encode.parts import regex, text
from meshio.xds.proto.envoy.type.matcher.v3 import StringMatcher


def encode_text(question: Text) -> StringMatcher:
    """Raises Rejected for a question that xDS has no words for."""
    match question:
        case Exact(value, ignore_case):
            return StringMatcher(exact=text(value), ignore_case=ignore_case)
        case Prefix(value, ignore_case):
            return StringMatcher(prefix=text(value), ignore_case=ignore_case)
        case Suffix(value, ignore_case):
            return StringMatcher(suffix=text(value), ignore_case=ignore_case)
        case Contains(value, ignore_case):
            return StringMatcher(contains=text(value), ignore_case=ignore_case)
        case Regex(pattern):
            return StringMatcher(safe_regex=regex(text(pattern)))
    raise Rejected(str(question), "string_match", "xDS has no such matcher")
