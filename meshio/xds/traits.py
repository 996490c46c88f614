"""What Istio's metadata says about an endpoint, straight from the wire."""

from typing import NamedTuple, TypeAlias

from meshio.balancing.labels import Labels
from meshio.xds.address import HERE
from meshio.xds.labels import BALANCER, labels_of
from meshio.xds.parse import parse
from meshio.xds.proto.google.protobuf import Struct
from meshio.xds.wire import Malformed, bytes_key, entry, sole, split

FILTER_METADATA, STRUCT_FIELD, STRING_VALUE = bytes_key(1), bytes_key(1), bytes_key(3)

LABELS = BALANCER.encode()
MOST = 64  # entries that are remembered

Texts: TypeAlias = dict[bytes, str]
Entry: TypeAlias = tuple[bytes, Texts, Labels]
Entries: TypeAlias = dict[bytes, Entry]


class Traits(NamedTuple):
    """What Istio's endpoint metadata says, and the labels that balancing policies choose by."""

    tls_mode: str = ""
    workload: str = ""
    tunnel: str = ""
    labels: Labels = ()


NO_TRAITS = Traits()


def traits_in(metadata: bytes, known: Entries) -> Traits:
    """Three entries of a `Metadata` message; others are for filters that meshio does not have."""
    match: Texts = {}
    istio: Texts = {}
    labels: Labels = ()
    try:
        for key, value in split(metadata):
            if key != FILTER_METADATA or not isinstance(value, bytes):
                continue
            name, found, own = known.get(value) or remembered(value, known)
            if name == b"envoy.transport_socket_match":
                match = found
            elif name == b"istio":
                istio = found
            elif name == LABELS:
                labels = own
    except (Malformed, UnicodeDecodeError) as error:
        raise HERE.rejected(f"malformed: {error}", "metadata") from None
    return Traits(match.get(b"tlsMode", ""), istio.get(b"workload", ""), match.get(b"tunnel", ""), labels)


def remembered(raw: bytes, known: Entries) -> Entry:
    """One filter's metadata; kept for the next endpoint, unless it is each endpoint's own. Raises as below."""
    found = metadata_entry(raw)
    if len(known) < MOST:
        known[raw] = found
    return found


def metadata_entry(raw: bytes) -> Entry:
    """One filter's metadata. Raises Malformed, UnicodeDecodeError."""
    name, struct = entry(raw)
    return (name, {}, labels_of(parse(Struct, struct))) if name == LABELS else (name, texts(struct), ())


def texts(struct: bytes) -> Texts:
    """The texts among the fields of a `Struct`. Raises Malformed, UnicodeDecodeError."""
    found: Texts = {}
    for key, value in split(struct):
        if key != STRUCT_FIELD or not isinstance(value, bytes):
            raise Malformed("not a Struct")
        name, item = entry(value)
        part = sole(item, STRING_VALUE)
        if part is None:
            part = next((each for kind, each in split(item) if kind == STRING_VALUE and isinstance(each, bytes)), b"")
        found[name] = part.decode()
    return found
