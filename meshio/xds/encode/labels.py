"""Labels -> the metadata that says them."""

from meshio.balancing.labels import FilterMetadata, Label, Labels
from meshio.xds.labels import BALANCER
from meshio.xds.proto.envoy.config.core.v3 import Metadata
from meshio.xds.proto.envoy.type.metadata.v3 import MetadataKey, MetadataKeyPathSegment
from meshio.xds.proto.google.protobuf import ListValue, NullValue, Struct, Value


def encode_labels(labels: Labels) -> Struct:
    return Struct({name: encode_label(label) for name, label in labels})


def encode_label(label: Label) -> Value:
    """One JSON value."""
    match label:
        case str():
            return Value(string_value=label)
        case "bool", bool(value):
            return Value(bool_value=value)
        case "number", float(value):
            return Value(number_value=value)
        case "list", tuple(items):
            return Value(list_value=ListValue([encode_label(each) for each in items]))
        case "struct", tuple(fields):
            return Value(struct_value=encode_labels(fields))
    return Value(null_value=NullValue.NULL_VALUE)


def encode_metadata(said: FilterMetadata) -> Metadata | None:
    """What is said to filters; None for nothing."""
    return Metadata(filter_metadata={name: encode_labels(labels) for name, labels in said}) if said else None


def encode_path(path: tuple[str, ...]) -> MetadataKey:
    """The way to a value in a filter's metadata."""
    return MetadataKey(key=path[0], path=[MetadataKeyPathSegment(key=step) for step in path[1:]])


def with_labels(metadata: Metadata | None, labels: Labels) -> Metadata | None:
    """The metadata, with the balancer's part in it."""
    if not labels:
        return metadata
    others = metadata.filter_metadata if metadata is not None else {}
    return Metadata(filter_metadata={**others, BALANCER: encode_labels(labels)})
