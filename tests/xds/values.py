"""Any value that can be encoded, as hypothesis strategies."""

import json
from dataclasses import replace

from hypothesis import strategies as st

from meshio.balancing.client_weights import ClientWeights
from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.consistent import USUAL, Consistency
from meshio.balancing.hashing import HashCookie, HashHeader, HashQuery, HashSourceIp, HashState
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.override_host import OverrideHost
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.subset import Selector, Subset
from meshio.balancing.uniform import Random
from meshio.balancing.zone import FAIR, ZoneAware
from meshio.matching import (
    BarePath,
    Connect,
    Contains,
    Exact,
    FilterState,
    FilterStateAddress,
    Grpc,
    Header,
    HeaderPresent,
    HeaderRange,
    Metadata,
    PathPrefix,
    PathRegex,
    PathSeparatedPrefix,
    PathTemplate,
    PeerCertificate,
    Prefix,
    Query,
    QueryPresent,
    Regex,
    RuntimeFraction,
    Suffix,
)
from meshio.matching import Path as WholePath
from meshio.matching.inputs import HeaderInput, StateInput
from meshio.matching.metadata import Boolean, Either, Null, Number, OneOf, Present, Words
from meshio.matching.tree import Asked as AskedOf
from meshio.matching.tree import ByValue, Every, HashShare, InNetworks, InTurn, Leaf, Not, Some
from meshio.mesh.snapshot import Name
from meshio.naming.cache import NameCache
from meshio.naming.resolver import CARES
from meshio.naming.resolver import Resolver as NameResolver
from meshio.resilience import verdict
from meshio.resilience.back_off import RateLimited, ResetHeader
from meshio.resilience.fault import Fault, Fraction
from meshio.resilience.limits import Limits, RetryBudget
from meshio.resilience.outlier import OutlierDetection
from meshio.resilience.rates import FailurePercentage, SuccessRate
from meshio.resilience.retry import Retry
from meshio.resilience.streams import StreamDuration, StreamLimits
from meshio.routing.alteration import Alteration, Alterations, RemoveMatching
from meshio.routing.body_format import BodyFormat
from meshio.routing.cors import Cors
from meshio.routing.filters import Filter, Override
from meshio.routing.hop import Hop
from meshio.routing.listener import ChainMatch, FilterChain, HttpChain, Listener, PathNormalisation, TcpChain
from meshio.routing.mutation import HeaderMutation, HeaderValue
from meshio.routing.rewording import (
    AllOf,
    AnyOf,
    Asked,
    Flagged,
    GrpcIs,
    Noted,
    Rewording,
    Rewordings,
    Sampled,
    StatusIs,
)
from meshio.routing.rewrite import (
    HostFormat,
    HostFromHeader,
    HostFromPath,
    HostLiteral,
    HostOfEndpoint,
    PathFormat,
    PrefixRewrite,
    RegexRewrite,
)
from meshio.routing.route import (
    ByHash,
    ByHeader,
    DirectResponse,
    Follow,
    Forward,
    Mirror,
    Redirect,
    Route,
    RouteTable,
    VirtualHost,
    WeightedCluster,
)
from meshio.routing.session import SessionCookie, SessionHeader, StatefulSession
from meshio.routing.trust import NOBODY, Trust
from meshio.upstream.cluster import (
    Aggregate,
    ClientTls,
    Cluster,
    Dns,
    DynamicForward,
    Eds,
    HttpOptions,
    OriginalDestination,
    Static,
    TlsMatch,
)
from meshio.upstream.endpoint import (
    AS_REQUESTS,
    CheckedAt,
    Endpoint,
    LoadAssignment,
    Locality,
    LocalityEndpoints,
)
from meshio.upstream.health_check import AddedHeader, HealthCheck, HttpProbe, TcpProbe

WORD = st.text("abcXYZ-_.9", min_size=1, max_size=8)
LOWER = st.text("abcxyz-9", min_size=1, max_size=8)
BYTES = WORD.map(str.encode)
SECONDS = st.integers(1, 10**8).map(lambda thousandths: thousandths / 1000)
MAYBE_SECONDS = st.none() | SECONDS
COUNT = st.integers(0, 2**32 - 1)
POSITIVE = st.integers(1, 2**31)
PERCENT = st.integers(0, 100)
PORT = st.integers(1, 65535)
FLAG = st.booleans()
REGEX = st.sampled_from(["a.*", "[a-z]+", "^(x|y)$"])
PATTERN = REGEX.map(str.encode)
TEMPLATE = st.sampled_from(["/a/{x}", "/{x=**}.js", "/*/b"])


def several(strategy: st.SearchStrategy, most: int = 3, least: int = 0) -> st.SearchStrategy:
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


FRACTION = st.sampled_from([100, 10_000, 1_000_000]).flatmap(
    lambda denominator: st.builds(Fraction, st.integers(0, denominator), st.just(denominator))
)
TEXT = st.one_of(
    st.builds(Regex, PATTERN), *(st.builds(kind, BYTES, FLAG) for kind in (Exact, Prefix, Suffix, Contains))
)
PATH = st.one_of(
    *(st.builds(kind, BYTES, FLAG) for kind in (WholePath, PathPrefix)),
    st.builds(PathSeparatedPrefix, BYTES.map(lambda octets: b"/p" + octets), FLAG),
    st.builds(PathRegex, PATTERN),
)
NAME = LOWER.map(str.encode)
HEADERS = st.one_of(
    st.builds(Header, NAME, TEXT, FLAG, FLAG),
    st.builds(HeaderPresent, NAME, FLAG, FLAG, FLAG),
    st.builds(HeaderRange, NAME, st.integers(-9, 9), st.integers(10, 99), FLAG, FLAG),
)
QUERIES = st.builds(Query, BYTES, TEXT) | st.builds(QueryPresent, BYTES, FLAG)
NUMBERS = st.integers(-9, 9).map(float)
SINGLE = st.one_of(
    st.just(Null()), st.builds(Present, FLAG), st.builds(Boolean, FLAG), st.builds(Words, TEXT),
    st.builds(Number, NUMBERS), st.builds(Number, NUMBERS, NUMBERS),
)  # fmt: skip
VALUE = SINGLE | st.builds(OneOf, SINGLE) | st.builds(Either, several(SINGLE, 3, 2))
NOTES = st.one_of(
    st.builds(Metadata, WORD, several(WORD, 2, 1), VALUE, FLAG),
    st.builds(FilterState, WORD, TEXT),
    st.builds(FilterStateAddress, WORD, several(st.sampled_from(["10.0.0.0/8", "fd00::/16"]))),
)
CHANCE = FRACTION.map(lambda share: RuntimeFraction(share.numerator, share.denominator))
MATCH = st.tuples(PATH.map(lambda path: (path,)), several(CHANCE, 1), several(HEADERS, 2), several(QUERIES, 2)).map(
    lambda parts: sum(parts, ())
)
CERTIFICATE = st.builds(PeerCertificate, st.none() | FLAG, st.none() | FLAG)
RARE = st.one_of(
    st.one_of(*(st.builds(kind, BYTES, FLAG) for kind in (WholePath, PathPrefix))).map(lambda path: (BarePath(path),)),
    st.builds(PathTemplate, TEMPLATE).map(lambda path: (path,)),
    st.tuples(st.just(Connect())),
    st.tuples(st.just(PathPrefix(b"/")), st.one_of(st.just(Grpc()), CERTIFICATE, NOTES)),
)
"""Conditions that few routes have; kept out of whole tables, which are slow enough to make."""

ADD = st.builds(
    HeaderValue, LOWER, WORD, st.sampled_from(["append", "add_if_absent", "overwrite", "overwrite_if_exists"]), FLAG
)
MUTATION = st.builds(HeaderMutation, several(ADD, 2), several(LOWER, 2))
PATH_REWRITE = st.none() | st.builds(PrefixRewrite, WORD) | st.builds(RegexRewrite, REGEX, WORD)
HOST_REWRITE = st.one_of(
    st.none(),
    st.builds(HostLiteral, WORD),
    st.builds(HostFromHeader, LOWER),
    st.builds(HostFromPath, REGEX, WORD),
    st.builds(HostFormat, WORD),
    st.just(HostOfEndpoint()),
)
MAYBE = st.none() | FLAG
CORS = st.builds(Cors, several(TEXT), WORD, WORD, WORD, WORD, MAYBE, MAYBE, FRACTION, MAYBE)
MILLISECONDS = st.integers(1, 99_999).map(lambda number: number / 1000)
FAULT = st.one_of(
    st.builds(
        Fault, MILLISECONDS, FRACTION, st.integers(200, 599), FRACTION, rate=st.integers(1, 99), rate_share=FRACTION,
        cluster=WORD, headers=several(HEADERS, 2), nodes=st.frozensets(WORD, max_size=2), most=st.none() | COUNT,
    ),
    st.builds(Fault, delay_share=FRACTION, delay_asked=st.just(True), grpc_abort=COUNT, abort_share=FRACTION),
    st.builds(Fault, abort_share=FRACTION, abort_asked=st.just(True), rate_share=FRACTION, rate_asked=st.just(True)),
)  # fmt: skip
STATE = st.one_of(
    st.builds(SessionCookie, WORD, WORD, st.integers(0, 99), several(st.tuples(WORD, WORD), 2)),
    st.builds(SessionHeader, LOWER),
)
SESSION = st.builds(StatefulSession, STATE, FLAG)
OVERRIDE = st.one_of(
    st.builds(Override, st.just("envoy.filters.http.fault"), FAULT | st.just(Fault())),
    st.builds(Override, st.just("envoy.filters.http.cors"), CORS),
    st.builds(Override, st.just("envoy.filters.http.stateful_session"), SESSION | st.just(StatefulSession())),
    st.builds(Override, WORD, disabled=st.just(True)),
)
OVERRIDES = st.lists(OVERRIDE, max_size=2, unique_by=lambda each: each.name).map(
    lambda found: tuple(sorted(found, key=lambda each: each.name))
)
JSON = st.recursive(
    st.one_of(
        WORD,
        FLAG.map(lambda value: ("bool", value)),
        st.integers(-9, 9).map(lambda value: ("number", value / 2)),
        st.just(("null", None)),
    ),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda items: ("list", tuple(items)))
        | st.dictionaries(WORD, inner, max_size=2).map(lambda items: ("struct", tuple(sorted(items.items()))))
    ),
    max_leaves=4,
)
LABELS = st.dictionaries(WORD, JSON, max_size=2).map(lambda items: tuple(sorted(items.items())))
METADATA = st.dictionaries(WORD, LABELS, max_size=1).map(lambda said: tuple(said.items()))
WEIGHTED = st.builds(
    WeightedCluster,
    WORD,
    st.integers(1, 1000),
    MUTATION,
    MUTATION,
    st.none() | st.builds(HostLiteral, WORD),
    OVERRIDES,
    LABELS,
) | st.builds(WeightedCluster, st.just(""), st.integers(1, 1000), MUTATION, header=LOWER)
HASHED = st.one_of(
    st.builds(HashHeader, LOWER, FLAG) | st.builds(HashHeader, LOWER, FLAG, REGEX, WORD),
    st.builds(HashCookie, WORD, MAYBE_SECONDS, WORD, FLAG, several(st.tuples(WORD, st.just("") | WORD), 2)),
    st.builds(HashState, WORD, FLAG),
    st.builds(HashSourceIp, FLAG),
    st.builds(HashQuery, WORD, FLAG),
)
RETRY = st.builds(
    Retry,
    on=st.frozensets(st.sampled_from(["5xx", "reset", "retriable-status-codes", "unavailable"]), min_size=1),
    attempts=st.integers(1, 9),
    statuses=st.frozensets(st.integers(400, 599), max_size=3),
    per_try_timeout=MAYBE_SECONDS,
    first_delay=st.integers(1, 50).map(lambda n: n / 1000),
    longest_delay=st.integers(50, 900).map(lambda n: n / 1000),
    avoid_previous=FLAG,
    host_attempts=st.integers(1, 9),
    buffer_limit=POSITIVE,
    headers=several(HEADERS, 1),
    requests=several(HEADERS, 1),
    per_try_idle=MAYBE_SECONDS,
    rate_limited=st.none()
    | st.builds(RateLimited, several(st.builds(ResetHeader, NAME, st.sampled_from(["seconds", "at"])), 2, 1), SECONDS),
    hedged=FLAG,
    priorities=st.integers(0, 3),
    avoid_canaries=FLAG,
    avoid_labels=st.none() | LABELS,
)


def harmless(text) -> bool:
    """A pattern that takes nothing that a message cannot do without."""
    return not any(text.test()(name) for name in (b":method", b":path", b":scheme", b":authority", b"host", b":status"))


STEP = ADD | LOWER.filter(lambda name: name != "host") | st.builds(RemoveMatching, TEXT.filter(harmless))
MIRROR = st.builds(Mirror, WORD, FRACTION, FLAG, st.just(""), several(STEP, 2), st.just("") | WORD) | st.builds(
    Mirror, st.just(""), FRACTION, FLAG, LOWER
)


def one_limit(forward: Forward) -> Forward:
    """What is kept of a body is the route's matter, whoever sends it again."""
    if forward.follow is None or forward.retry is None:
        return forward
    return replace(forward, follow=replace(forward.follow, buffer_limit=forward.retry.buffer_limit))


def anew(forward: Forward) -> Forward:
    """With a path that is written, not rewritten."""
    return replace(forward, path_rewrite=None, path_format=PathFormat("/%PATH%"))


FOLLOW = st.builds(
    Follow,
    most=st.integers(0, 9),
    codes=st.frozensets(st.sampled_from([301, 302, 303, 307, 308]), min_size=1),
    cross_scheme=FLAG,
    safe=FLAG,
    listed=st.none() | st.frozensets(WORD, max_size=2),
    fresh=FLAG,
    copied=st.lists(LOWER.map(str.encode), max_size=2, unique=True).map(tuple),
)
FORWARD = st.builds(
    Forward,
    clusters=several(WEIGHTED, 3, 1),
    timeout=MAYBE_SECONDS,
    retry=st.none() | RETRY,
    path_rewrite=PATH_REWRITE,
    host_rewrite=HOST_REWRITE,
    mirrors=several(MIRROR, 2),
    hash_policies=several(HASHED, 2),
    max_grpc_timeout=st.none() | st.just(0.0) | SECONDS,
    missing_cluster_status=st.sampled_from([503, 404, 500]),
    draw=st.none() | st.builds(ByHeader, LOWER) | st.just(ByHash()),
    forwards_host=FLAG,
    follow=st.none() | FOLLOW,
    grpc_offset=st.just(0.0) | SECONDS,
    idle_timeout=st.none() | st.just(0.0) | SECONDS,
    high=FLAG,
).flatmap(lambda one: st.sampled_from([one_limit(one), one_limit(anew(one))]))
FORWARD_WITHIN = st.builds(
    lambda forward, duration: replace(forward, timeout=None, duration=duration),
    FORWARD,
    st.builds(StreamDuration, MAYBE_SECONDS, MAYBE_SECONDS, st.just(0.0) | SECONDS),
)
REDIRECT = st.builds(
    Redirect,
    status=st.sampled_from([301, 302, 303, 307, 308]),
    host=st.just("") | WORD,
    port=st.just(0) | PORT,
    path_rewrite=PATH_REWRITE,
    strip_query=FLAG,
).flatmap(lambda one: st.sampled_from([one, *variants(one)]))
JSON = st.recursive(
    st.none() | FLAG | st.integers(-9, 9).map(float) | st.sampled_from(["x", "%PROTOCOL%", "%REQ(x)% y"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORD, inner, max_size=2),
    max_leaves=4,
)
FORM = st.one_of(
    st.builds(BodyFormat, st.just("") | WORD | st.just("%RESPONSE_CODE%"), st.just("{}"), FLAG, st.just("") | WORD),
    st.builds(
        BodyFormat,
        st.none(),
        st.dictionaries(WORD, JSON, max_size=2).map(lambda fields: json.dumps(fields, sort_keys=True)),
        FLAG,
        st.just("") | WORD,
    ),
)
CONDITION = st.recursive(
    st.one_of(
        st.builds(StatusIs, st.sampled_from(["EQ", "GE", "LE", "NE"]), st.integers(200, 599)),
        st.builds(Flagged, st.frozensets(st.sampled_from(["UH", "NR"]))),
        st.builds(Asked, st.builds(HeaderPresent, LOWER.map(str.encode), FLAG, FLAG)),
        st.just(AllOf(())),
        st.just(AnyOf(())),
        st.builds(GrpcIs, st.frozensets(st.integers(0, 16)), FLAG),
        st.builds(Sampled, st.builds(Fraction, st.integers(0, 100))),
        st.builds(Noted, st.tuples(WORD, WORD), st.just(Null()) | st.builds(Boolean, FLAG), FLAG),
    ),
    lambda inner: (
        st.lists(inner, min_size=2, max_size=2).map(tuple).map(AllOf)
        | st.lists(inner, min_size=2, max_size=2).map(tuple).map(AnyOf)
    ),
    max_leaves=3,
)
REPLIES = st.builds(
    Rewordings,
    several(
        st.builds(
            Rewording,
            CONDITION,
            st.none() | st.integers(200, 599),
            st.none() | st.binary(max_size=4),
            st.none() | FORM,
            several(ADD, 1),
        ),
        2,
    ),
    st.none() | FORM,
)
DIRECT = st.builds(DirectResponse, st.integers(200, 599), st.binary(max_size=9), st.none() | FORM)


def variants(redirect: Redirect) -> list[Redirect]:
    """The same with the parts that exclude each other."""
    rest = {"status": redirect.status, "host": redirect.host, "port": redirect.port}
    return [Redirect(**rest, https=True), Redirect(**rest, scheme="http"), Redirect(**rest, path="/x")]


ROUTE = st.builds(
    Route,
    match=MATCH,
    action=FORWARD | FORWARD_WITHIN | REDIRECT | DIRECT,
    name=WORD,
    request_headers=MUTATION,
    response_headers=MUTATION,
    overrides=OVERRIDES,
    decorator=WORD,
    decorates=FLAG,
    origin=WORD,
    metadata=METADATA,
)


def domains_apart(hosts: list[VirtualHost]) -> tuple[VirtualHost, ...]:
    """Envoy refuses a table that names a domain twice."""
    return tuple(replace(host, domains=(f"d{i}",)) for i, host in enumerate(hosts))


VIRTUAL_HOST = st.builds(
    VirtualHost,
    name=WORD,
    domains=st.just(("x",)),
    routes=several(ROUTE, 2),
    request_headers=MUTATION,
    response_headers=MUTATION,
    attempt_count=FLAG,
    answers_attempt_count=FLAG,
    secure=FLAG,
    tells_timeouts=FLAG,
)
TABLE = st.builds(
    RouteTable, WORD, st.lists(VIRTUAL_HOST, max_size=2).map(domains_apart), FLAG, MUTATION, MUTATION, FLAG,
    host_header=st.just("") | LOWER, private_headers=several(LOWER, 2),
)  # fmt: skip
INPUT = st.builds(HeaderInput, NAME) | st.builds(StateInput, WORD)
QUESTION = st.one_of(
    TEXT,
    st.builds(InNetworks, several(st.sampled_from(["10.0.0.0/8", "fd00::/16"]), 2, 1)),
    st.builds(HashShare, st.integers(0, 100), st.sampled_from([100, 10_000]), st.integers(0, 9)),
)
ASKED = st.builds(AskedOf, INPUT, QUESTION)
PREDICATE = ASKED | st.one_of(
    st.builds(Not, ASKED), st.builds(Every, several(ASKED, 2, 2)), st.builds(Some, several(ASKED, 2, 2))
)
LEAF = several(st.builds(Route, st.just((PathPrefix(b"/"),)), DIRECT, WORD), 2).map(Leaf)
TREE = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.builds(InTurn, several(st.tuples(PREDICATE, inner), 2, 1), st.none() | inner),
        st.builds(
            ByValue, INPUT, st.dictionaries(BYTES, inner, min_size=1, max_size=2).map(lambda d: tuple(d.items())), FLAG,
            st.none() | inner,
        ),
    ),
    max_leaves=4,
)  # fmt: skip

HEALTH = st.sampled_from(["unknown", "healthy", "unhealthy", "draining", "timeout", "degraded"])
ZONE_AWARE = st.builds(ZoneAware, PERCENT, COUNT, FLAG, st.none() | COUNT, FLAG)
ADDRESS = st.tuples(st.sampled_from(["10.0.0.1", "127.0.0.1", "::1"]), PORT) | st.just(("/run/x.sock", 0))
CHECKED_AT = st.just(AS_REQUESTS) | st.builds(CheckedAt, PORT, st.just("") | WORD, st.none() | ADDRESS, FLAG)
ENDPOINT = st.builds(
    Endpoint,
    ADDRESS,
    POSITIVE,
    HEALTH,
    st.sampled_from(["", "istio"]),
    st.just("") | WORD,
    st.just("") | WORD,
    several(ADDRESS, 2),
    st.sampled_from(["", "http"]),
    LABELS,
    CHECKED_AT,
)
LOCALITY = st.just(Locality()) | st.builds(Locality, WORD, WORD, st.just("") | WORD)
GROUP = st.builds(LocalityEndpoints, several(ENDPOINT), LOCALITY, st.integers(0, 128), COUNT)
SHARES = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
ASSIGNED = st.builds(LoadAssignment, WORD, several(GROUP), POSITIVE, SHARES, FLAG, st.none() | SECONDS)

TLS = st.builds(
    ClientTls,
    sni=st.just("") | WORD,
    certificate=st.just("") | WORD,
    roots=st.just("") | WORD,
    subject_names=several(WORD),
    alpn=several(WORD),
    minimum=st.sampled_from(["", "TLSv1.2"]),
    maximum=st.sampled_from(["", "TLSv1.3"]),
    auto_sni=FLAG,
    auto_san=FLAG,
)
TLS_MATCH = st.builds(
    TlsMatch, WORD, st.dictionaries(WORD, WORD, max_size=2).map(lambda d: tuple(sorted(d.items()))), st.none() | TLS
)
ONE_HOST = ENDPOINT.map(lambda endpoint: LoadAssignment("dns", (LocalityEndpoints((endpoint,)),)))
FAMILY = st.sampled_from(["auto", "v4", "v6", "v4_preferred", "all"])
FAILURE = st.none() | SECONDS.map(lambda first: (round(first + 0.001, 3), round(first + 1, 3)))
RESOLVER = st.sampled_from([CARES, NameResolver(system=True)]) | st.builds(
    NameResolver, several(st.sampled_from(["127.0.0.1:53", "[::1]:5353"]), 2), FLAG, FLAG, FLAG, st.integers(0, 9),
    st.integers(0, 9), FLAG,
)  # fmt: skip
DISCOVERY = st.one_of(
    st.builds(Eds, WORD),
    st.builds(Static, ASSIGNED),
    st.builds(
        Dns, ONE_HOST, FLAG, SECONDS.map(lambda refresh: round(refresh + 0.001, 3)), st.just(0.0) | SECONDS, FLAG,
        FAMILY,
        FAILURE, RESOLVER, FLAG,
    ),
)  # fmt: skip
SLOW_START = st.none() | st.builds(SlowStart, SECONDS, POSITIVE.map(float), PERCENT.map(float))
OWN_HASH = st.builds(HashHeader, LOWER, FLAG) | st.builds(HashCookie, WORD, st.none(), WORD, FLAG)
CONSISTENCY = st.just(USUAL) | st.builds(Consistency, FLAG, st.just(0) | st.integers(100, 300), several(OWN_HASH, 2))
POLICY = st.one_of(
    st.builds(RoundRobin, SLOW_START),
    st.just(Random()),
    st.builds(LeastRequest, st.integers(2, 9), st.integers(0, 9).map(float), SLOW_START, FLAG),
    st.builds(RingHash, st.integers(1, 1024), st.integers(1024, 4096), FLAG, CONSISTENCY),
    st.builds(Maglev, st.sampled_from([7, 65537]), CONSISTENCY),
)
POLICY = POLICY | st.builds(
    ClientWeights,
    SECONDS,
    SECONDS,
    SECONDS,
    st.integers(0, 9).map(float),
    several(WORD, 2),
    SLOW_START,
    st.none() | st.sampled_from([0.25, 10.0, 3600.0]),
)
SELECTOR = st.one_of(
    st.builds(Selector, st.just(("a", "b")), st.sampled_from(["", "none", "any", "default"]), st.just(()), FLAG),
    st.just(Selector(("a", "b", "c"), "keys", ("a", "c"))),
)
SUBSET = st.builds(
    Subset, POLICY, several(SELECTOR, 2), st.sampled_from(["none", "any", "default"]), LABELS, *[FLAG] * 6
)
POLICY = POLICY | SUBSET | st.builds(OverrideHost, POLICY, several(LOWER, 2, 1))
STATUSES = st.tuples(st.integers(100, 200), st.integers(201, 600))
PROBE = st.one_of(
    st.builds(
        HttpProbe, WORD, st.just("") | WORD, st.sampled_from(["POST", "PUT"]), st.binary(max_size=3),
        several(STATUSES).filter(len), several(STATUSES), several(st.binary(min_size=1, max_size=3)), st.just(1024),
        st.none() | st.builds(Prefix, BYTES),
        several(st.builds(AddedHeader, LOWER, WORD, st.sampled_from(["append", "overwrite"]), FLAG)), several(LOWER),
    ),
    st.builds(TcpProbe, st.binary(max_size=3), several(st.binary(min_size=1, max_size=3))),
)  # fmt: skip
HEALTH_CHECK = st.builds(
    HealthCheck, PROBE, SECONDS, SECONDS, COUNT, COUNT, SECONDS, SECONDS, SECONDS, SECONDS, SECONDS,
    st.just(0.0) | SECONDS, st.just(0.0) | SECONDS, PERCENT, FLAG, FLAG, FLAG,
)  # fmt: skip
BUDGET = st.builds(RetryBudget, PERCENT.map(float), COUNT)
LIMITS = st.builds(Limits, COUNT, COUNT, COUNT, COUNT, st.none() | BUDGET, st.none() | COUNT, st.none() | COUNT)
NAME_CACHE = st.builds(
    NameCache, WORD, FAMILY, RESOLVER, SECONDS.map(lambda refresh: round(refresh + 0.001, 3)),
    SECONDS.map(lambda shortest: round(shortest + 1, 3)), SECONDS.map(lambda lifetime: round(lifetime + 0.001, 3)),
    st.integers(2, 2**32 - 1), FAILURE, FLAG, SECONDS, st.integers(0, 2**32 - 1),
    several(st.tuples(WORD, PORT), 2).map(lambda ahead: tuple(dict.fromkeys(ahead))),
)  # fmt: skip
FORWARDED = st.builds(DynamicForward, cache=NAME_CACHE)
PROVIDED = (
    FORWARDED
    | st.builds(OriginalDestination, st.just("") | LOWER, st.just(0) | PORT)
    | st.builds(Aggregate, several(WORD).filter(len))
)
WHERE_AND_HOW = st.tuples(DISCOVERY, POLICY) | st.tuples(PROVIDED, st.just(ClusterProvided()))


def localities(policy):
    """(locality_weighted, zone_aware): one or the other, and no zones for those that do not look at them."""
    zones = isinstance(policy, RoundRobin | Random | LeastRequest)
    weights = st.tuples(FLAG, st.just(FAIR))
    return weights | st.tuples(st.just(False), ZONE_AWARE) if zones else weights


PLACED = WHERE_AND_HOW.flatmap(lambda pair: st.tuples(st.just(pair), localities(pair[1])))
OUTLIER = st.builds(
    OutlierDetection,
    COUNT, PERCENT, COUNT, PERCENT, COUNT, PERCENT, FLAG,
    SECONDS, st.just(0.001), SECONDS, st.just(0.0) | SECONDS, PERCENT, FLAG,
    st.builds(SuccessRate, COUNT, COUNT, COUNT, PERCENT, PERCENT),
    st.builds(FailurePercentage, PERCENT, COUNT, COUNT, PERCENT, PERCENT), FLAG,
)  # fmt: skip
ERRORS = st.recursive(
    st.builds(verdict.Heads, several(HEADERS, 2)),
    lambda inner: st.one_of(
        st.builds(verdict.Contrary, inner),
        st.builds(verdict.Together, several(inner, 3, 2)),
        st.builds(verdict.Either, several(inner, 3, 2)),
    ),
    max_leaves=4,
)
HTTP = st.builds(
    HttpOptions, st.sampled_from(["http/1.1", "h2", "auto", "downstream"]), MAYBE_SECONDS, COUNT, MAYBE_SECONDS,
    st.just(0), POSITIVE, POSITIVE, MAYBE_SECONDS, st.none() | ERRORS, *[st.just(False)] * 2,
)  # fmt: skip
HTTP = HTTP | st.builds(HttpOptions, st.sampled_from(["http/1.1", "auto"]), proper_case=FLAG, whole_urls=FLAG)
OUTWARD = Alteration((Alterations((HeaderValue("x-a", "%UPSTREAM_HOST%"), "x-b"), (), ("x-c",)),))
CLUSTERS = PLACED.flatmap(
    lambda placed: st.builds(
        Cluster,
        name=WORD,
        discovery=st.just(placed[0][0]),
        policy=st.just(placed[0][1]),
        locality_weighted=st.just(placed[1][0]),
        zone_aware=st.just(placed[1][1]),
        limits=LIMITS,
        high_limits=LIMITS,
        outlier=st.none() | OUTLIER,
        connect_timeout=SECONDS,
        tls=st.none() | TLS,
        tls_matches=several(TLS_MATCH, 2),
        http=HTTP,
        panic_threshold=PERCENT.map(float),
        overridable=st.frozensets(HEALTH),
        close_on_change=FLAG,
        health_check=st.none() | HEALTH_CHECK,
        alt_stat_name=WORD,
        subset=st.just("") | WORD,
        services=several(st.tuples(WORD, WORD, WORD), 2),
        external=FLAG,
        origin=st.just("") | WORD,
        metadata=METADATA,
        retry=st.none() | RETRY.map(lambda retry: replace(retry, buffer_limit=1024 * 1024, hedged=False)),
        hash_policies=several(HASHED, 2),
        filters=several(st.tuples(WORD, st.just(OUTWARD), FLAG), 2),
        eyeballs=st.tuples(st.sampled_from(["", "v4", "v6"]), POSITIVE),
        tcp_keepalive=st.none() | st.tuples(POSITIVE, POSITIVE, POSITIVE),
    )
)

FILTERS = st.tuples(
    st.just(Filter("istio.alpn")),
    st.builds(Filter, st.just("envoy.filters.http.fault"), FAULT, FLAG),
    st.just(Filter("envoy.filters.http.cors", Cors())),
    st.builds(Filter, st.just("envoy.filters.http.stateful_session"), SESSION),
    st.just(Filter("envoy.filters.http.router")),
)
HOP = st.builds(
    Hop,
    makes_ids=FLAG,
    answers_id=FLAG,
    server=st.sampled_from(["overwrite", "append_if_absent", "pass_through"]),
    server_name=WORD,
    via=st.just("") | WORD,
    names_routes=FLAG,
    trust=st.just(NOBODY)
    | st.builds(Trust, st.just(True), several(st.sampled_from(["10.0.0.0/8", "::1/128"]), 2), FLAG)
    | st.builds(Trust, st.just(False), st.just(("10.0.0.0/8",)), FLAG),
    scheme=st.sampled_from(["", "http", "https"]),
    tells_port=FLAG,
    underscores=st.sampled_from(["allow", "refuse", "drop"]),
)
HTTP_CHAIN = st.builds(
    HttpChain,
    routes=WORD | TABLE,
    paths=st.builds(PathNormalisation, FLAG, FLAG, st.sampled_from(["keep", "reject", "redirect", "forward"])),
    filters=FILTERS,
    upgrades=st.frozensets(st.just("websocket")),
    stat_prefix=WORD,
    hop=HOP,
    replies=REPLIES,
    limits=st.builds(StreamLimits, MAYBE_SECONDS, MAYBE_SECONDS),
)
TCP_CHAIN = st.builds(
    TcpChain,
    several(st.builds(WeightedCluster, WORD, st.integers(1, 99), wanted=LABELS), 3, 1),
    WORD,
    several(st.just(HashSourceIp()) | st.builds(HashState, WORD), 1),
    st.none() | st.tuples(st.just(NameCache("one", most=7)), PORT.filter(bool)),
)
CHAIN_MATCH = st.builds(
    ChainMatch,
    st.none() | PORT,
    several(st.sampled_from(["10.0.0.0/8", "0.0.0.0/0", "::1/128"]), 2),
    several(WORD, 2),
    st.sampled_from(["", "tls", "raw_buffer"]),
    several(WORD, 2),
)
CHAIN = st.builds(FilterChain, HTTP_CHAIN | TCP_CHAIN, CHAIN_MATCH, st.just("") | WORD)
LISTENERS = st.builds(
    Listener,
    WORD,
    st.just("10.0.0.1"),
    PORT,
    several(CHAIN, 2),
    st.none() | CHAIN,
    FLAG,
    several(st.tuples(st.just("::1"), PORT), 2),
)
ADDRESSES = several(st.sampled_from(["10.0.0.1", "10.0.0.2", "2001:db8::1"]))
NAMES_TABLE = st.dictionaries(WORD, st.builds(Name, ADDRESSES, WORD, WORD, several(WORD)), max_size=3)
