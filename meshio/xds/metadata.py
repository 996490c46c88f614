"""The metadata of clusters and routes: what istiod adds under `istio`, and what else is said to filters."""

from meshio.balancing.labels import FilterMetadata, Labels
from meshio.xds.labels import labels_of
from meshio.xds.proto.envoy.config.core.v3 import Metadata
from meshio.xds.proto.google.protobuf import Struct, Value


def istio_value(metadata: Metadata | None, key: str) -> Value | None:
    """One entry, None when it is not there."""
    istio = metadata.filter_metadata.get("istio") if metadata is not None else None
    return istio.fields.get(key) if istio is not None else None


def istio_text(metadata: Metadata | None, key: str) -> str:
    """A text, "" when it is not there."""
    value = istio_value(metadata, key)
    return (value.string_value or "") if value is not None else ""


def istio_flag(metadata: Metadata | None, key: str) -> bool:
    """A yes or no."""
    value = istio_value(metadata, key)
    return value is not None and bool(value.bool_value)


def istio_services(metadata: Metadata | None) -> tuple[tuple[str, str, str], ...]:
    """(host, name, namespace) of the services that a cluster stands for."""
    value = istio_value(metadata, "services")
    items = value.list_value.values if value is not None and value.list_value is not None else []
    found = [item.struct_value for item in items if item.struct_value is not None]
    return tuple((text_of(each, "host"), text_of(each, "name"), text_of(each, "namespace")) for each in found)


def text_of(struct: Struct, key: str) -> str:
    value = struct.fields.get(key)
    return (value.string_value or "") if value is not None else ""


def further(metadata: Metadata | None, istio: Labels) -> FilterMetadata:
    """All of it, but for Istio's part where that says no more than `istio` does."""
    if metadata is None:
        return ()
    said = ((name, labels_of(struct)) for name, struct in sorted(metadata.filter_metadata.items()))
    return tuple((name, labels) for name, labels in said if name != "istio" or labels != istio)
