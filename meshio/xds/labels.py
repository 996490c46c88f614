"""What balancing policies choose by: the metadata `envoy.lb` of endpoints, and what routes ask for."""

from meshio.balancing.labels import Label, Labels
from meshio.xds.proto.envoy.config.core.v3 import Metadata
from meshio.xds.proto.google.protobuf import Struct, Value

BALANCER = "envoy.lb"


def labels_of(struct: Struct | None) -> Labels:
    """A JSON object as labels, names sorted."""
    if struct is None:
        return ()
    return tuple(sorted(((name, label_of(value)) for name, value in struct.fields.items()), key=lambda pair: pair[0]))


def label_of(value: Value) -> Label:
    """One JSON value."""
    if value.string_value is not None:
        return value.string_value
    if value.bool_value is not None:
        return "bool", value.bool_value
    if value.number_value is not None:
        return "number", value.number_value
    if value.list_value is not None:
        return "list", tuple(label_of(each) for each in value.list_value.values)
    if value.struct_value is not None:
        return "struct", labels_of(value.struct_value)
    return "null", None


def wanted_labels(metadata: Metadata | None) -> Labels:
    """What a route's `metadata_match` asks for."""
    return labels_of(metadata.filter_metadata.get(BALANCER)) if metadata is not None else ()
