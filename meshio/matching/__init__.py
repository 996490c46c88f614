"""What can be asked of a request. Each matcher is a value; `test()` compiles it.

Semantics are Envoy's (source/common/http/header_utility.cc, source/common/router/config_impl.cc,
source/common/common/matchers.cc). What is compared with the wire is bytes. `str(matcher)` says the question in words,
for `explain`.

Matchers are a vocabulary, and used several at a time; so this room has a front, and others import from here.
"""

from meshio.matching.chance import RuntimeFraction
from meshio.matching.header import Header, HeaderPresent, HeaderRange
from meshio.matching.kind import Connect, Grpc, PeerCertificate
from meshio.matching.matcher import Matcher, Test
from meshio.matching.metadata import FilterState, FilterStateAddress, Metadata
from meshio.matching.path import BarePath, Path, PathPrefix, PathRegex, PathSeparatedPrefix
from meshio.matching.query import Query, QueryPresent
from meshio.matching.template import PathTemplate
from meshio.matching.text import Contains, Exact, Prefix, Regex, Suffix, Text, TextTest

__all__ = [
    "BarePath",
    "Connect",
    "Contains",
    "Exact",
    "FilterState",
    "FilterStateAddress",
    "Grpc",
    "Header",
    "HeaderPresent",
    "HeaderRange",
    "Matcher",
    "Metadata",
    "Path",
    "PathPrefix",
    "PathRegex",
    "PathSeparatedPrefix",
    "PathTemplate",
    "PeerCertificate",
    "Prefix",
    "Query",
    "QueryPresent",
    "Regex",
    "RuntimeFraction",
    "Suffix",
    "Test",
    "Text",
    "TextTest",
]
