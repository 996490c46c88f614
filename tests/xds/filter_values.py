"""Values of HTTP filters that xDS can say, for the round trip through the encoder."""

from hypothesis import strategies as st

from meshio.access.rules import Access, Decision, Policy, Rules, Verdict
from meshio.access.term import (
    All,
    AnyOf,
    Anything,
    Asked,
    Authenticated,
    Direct,
    Not,
    Port,
    Remote,
    ServerName,
    UrlPath,
)
from meshio.matching import Metadata, PathTemplate
from meshio.matching.inputs import AddressInput, HeaderInput, NothingInput, PortInput, QueryInput
from meshio.matching.metadata import Boolean, Null
from meshio.matching.tree import Asked as AskedOf
from meshio.matching.tree import ByValue, InTurn, Leaf
from meshio.resilience.admission import Admission
from meshio.resilience.bucket import TokenBucket
from meshio.resilience.buffering import Buffer
from meshio.resilience.concurrency import Concurrency
from meshio.resilience.descriptors import Fixed, Limit, OfAddress, OfCluster, OfHeader, OfMatch, OfMetadata, OfQuery
from meshio.routing.alteration import Alteration, Alterations, QueryChange
from meshio.routing.conditional import Conditional, Skipping
from meshio.routing.filters import Filter, Override
from meshio.routing.mutation import HeaderMutation
from meshio.routing.rate_limit import LocalRateLimit
from tests.xds.values import (
    ADD,
    BYTES,
    COUNT,
    FLAG,
    FRACTION,
    HEADERS,
    LOWER,
    NAME,
    POSITIVE,
    QUERIES,
    STEP,
    TEMPLATE,
    TEXT,
    WORD,
    several,
)

SHARE = st.sampled_from([0.25, 0.5, 0.75, 1.0])
STATUS = st.sampled_from([400, 429, 503])
BUFFER = st.builds(Buffer, POSITIVE)

STEPS = several(STEP)
QUERY_CHANGE = st.one_of(
    st.builds(QueryChange, WORD, st.none()),
    st.builds(
        QueryChange, WORD, WORD, st.sampled_from(["append", "add_if_absent", "overwrite", "overwrite_if_exists"])
    ),
)
PARTS = st.builds(Alterations, STEPS, several(QUERY_CHANGE, 2), STEPS).map(
    lambda part: (part,) if part != Alterations() else ()
)
LEVEL_ALTERATION = st.builds(Alteration, PARTS)
ALTERATION = st.builds(Alteration, PARTS, FLAG)

BUCKET = st.builds(TokenBucket, COUNT, POSITIVE, st.integers(50, 10**6).map(lambda thousandths: thousandths / 1000))
ACTION = st.one_of(
    st.builds(Fixed, WORD, BYTES),
    st.builds(OfHeader, NAME, WORD, FLAG),
    st.builds(OfQuery, BYTES, WORD, FLAG),
    st.builds(OfAddress, st.none() | st.tuples(st.integers(0, 32), st.integers(0, 128))),
    st.just(OfCluster()),
    st.builds(OfMetadata, st.tuples(WORD, WORD) | st.tuples(WORD, WORD, WORD), WORD, st.just("") | WORD, FLAG),
    st.builds(OfMatch, WORD, BYTES, several(HEADERS, 2, 1) | several(QUERIES, 2, 1), FLAG),
)
HITS = st.none() | st.integers(0, 10**9)
LIMITS = several(st.builds(Limit, several(ACTION, 2, 1), st.integers(0, 10), HITS), 2)
OWN_LIMITS = several(st.builds(Limit, several(ACTION, 2, 1), st.just(0), HITS), 2)
ENTRY = st.tuples(WORD, st.just(b"") | BYTES)
DESCRIPTORS = st.dictionaries(several(ENTRY, 2, 1), BUCKET, max_size=3).map(lambda found: tuple(found.items()))
ADDED = several(ADD, 2).map(HeaderMutation)


def limiting(bucket):
    return st.builds(
        LocalRateLimit,
        bucket=bucket,
        descriptors=DESCRIPTORS,
        remembered=POSITIVE,
        limits=OWN_LIMITS,
        stage=st.integers(0, 10),
        host_limits=st.sampled_from(["override", "include", "ignore"]),
        always=FLAG,
        enabled=FRACTION,
        enforced=FRACTION,
        status=STATUS,
        exhausted=FLAG,
        refused=ADDED,
        passed=ADDED,
        shown=FLAG,
    )


NETWORK = st.sampled_from(["10.0.0.0/8", "2001:db8::/32", "127.0.0.1/32"])
COMMON = st.just(Anything()) | st.builds(UrlPath, TEXT) | st.builds(Asked, HEADERS)


def logic(leaves):
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Not, inner), st.builds(All, several(inner, 2, 1)), st.builds(AnyOf, several(inner, 2, 1))
        ),
        max_leaves=4,
    )


PERMISSION = logic(
    st.one_of(
        COMMON,
        st.builds(Asked, st.builds(PathTemplate, TEMPLATE)),
        st.builds(ServerName, TEXT),
        st.integers(0, 65535).map(lambda port: Port(range(port, port + 1))),
    )
)
PRINCIPAL = logic(COMMON | st.just(Authenticated()) | st.builds(Direct, NETWORK) | st.builds(Remote, NETWORK))
POLICIES = st.lists(
    st.builds(Policy, WORD, several(PERMISSION, 2, 1), several(PRINCIPAL, 2, 1)),
    max_size=2,
    unique_by=lambda policy: policy.name,
).map(lambda found: tuple(sorted(found, key=lambda policy: policy.name)))


def trees(ends):
    """Trees of questions that end so."""
    leaf, asked = ends.map(Leaf), st.builds(AskedOf, CONNECTED, TEXT) | NOTED
    several_ends = st.dictionaries(WORD.map(str.encode), leaf, min_size=1, max_size=2).map(lambda d: tuple(d.items()))
    return st.one_of(
        leaf,
        st.builds(InTurn, several(st.tuples(asked, leaf), 2, 1), st.none() | leaf),
        st.builds(ByValue, CONNECTED, several_ends, FLAG, st.none() | leaf),
    )


CONNECTED = st.one_of(
    st.builds(HeaderInput, LOWER.map(str.encode)),
    st.just(PortInput()),
    st.builds(AddressInput, FLAG),
    st.builds(NothingInput, st.sampled_from(["server name", "network namespace", "subject of a certificate"])),
)
NOTED = st.builds(Metadata, WORD, several(WORD, 2, 1), st.just(Null()) | st.builds(Boolean, FLAG), FLAG)
ENDS = st.sampled_from(["allow", "deny", "log"])
DECISION = st.builds(Decision, trees(st.builds(Verdict, WORD, ENDS)))
ACCESS = st.builds(Access, st.none() | st.builds(Rules, ENDS, POLICIES) | DECISION)
SKIPS = trees(st.none()) | st.just(InTurn(())) | st.just(ByValue(QueryInput(b"q"), ((b"1", Leaf(None)),)))

STATUSES = several(
    st.tuples(st.integers(100, 599), st.integers(0, 9)).map(lambda pair: range(pair[0], sum(pair))), 2, 1
)
ADMISSION = st.builds(
    Admission,
    STATUSES | st.just(Admission().statuses),
    st.frozensets(st.integers(0, 16), min_size=1) | st.just(Admission().grpc_statuses),
    st.integers(1, 99).map(float),
    st.integers(1, 9).map(float),
    SHARE,
    COUNT,
    SHARE,
)
SECONDS = st.integers(1, 10**6).map(lambda thousandths: thousandths / 1000)
CONCURRENCY = st.one_of(
    st.builds(
        Concurrency, SECONDS, SECONDS, st.none() | SECONDS, POSITIVE, SHARE, POSITIVE, POSITIVE, SHARE, SHARE, STATUS
    ),
    st.builds(Concurrency, SECONDS, fixed=SECONDS),
)

ADDED_FILTERS = st.one_of(
    *(
        st.builds(Filter, st.just(name), layer, FLAG)
        for name, layer in {
            "buffer": BUFFER,
            "mutation": ALTERATION,
            "limit": limiting(st.none() | BUCKET),
            "rbac": ACCESS,
            "conditional": st.builds(Conditional, BUFFER | ACCESS, st.none() | SKIPS),
            "admission": ADMISSION,
            "concurrency": CONCURRENCY,
        }.items()
    )
)
ADDED_OVERRIDES = st.one_of(
    st.builds(Override, st.just("buffer"), BUFFER | st.just(Buffer())),
    st.builds(Override, st.just("mutation"), LEVEL_ALTERATION),
    st.builds(Override, st.just("limit"), limiting(BUCKET)),
    st.builds(Override, st.just("rbac"), ACCESS),
    st.builds(Override, st.just("conditional"), st.builds(Skipping, SKIPS)),
)
