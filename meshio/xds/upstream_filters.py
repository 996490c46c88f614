"""The filters that a request passes when its host is chosen: of the router, or of a cluster, which goes first."""

from collections.abc import Sequence

from meshio.routing.filters import Filter
from meshio.xds.alteration import translate_alteration
from meshio.xds.extension import type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.extensions.filters.network.http_connection_manager.v3 import HttpFilter

CODEC = "envoy.extensions.filters.http.upstream_codec.v3.UpstreamCodec"
MUTATION = "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"


def translate_upstream_filters(place: Place, field: str, filters: Sequence[HttpFilter]) -> tuple[Filter, ...]:
    """The codec is the last, and nowhere else, as Envoy wants it. Raises Rejected."""
    kinds = [type_of(place.at(field, index), each.typed_config) for index, each in enumerate(filters)]
    if kinds and (kinds[-1] != CODEC or kinds.count(CODEC) != 1):
        raise place.rejected("must end with the upstream codec, and have only one", field)
    return tuple(found for index, each in enumerate(filters[:-1]) for found in translated(place.at(field, index), each))


def translated(here: Place, each: HttpFilter) -> tuple[Filter, ...]:
    """One of them; none where an optional one is not known."""
    if not each.name:
        raise here.rejected("has no name", "name")
    kind = type_of(here, each.typed_config)
    if kind == MUTATION and each.typed_config is not None:
        return (Filter(each.name, translate_alteration(here, each.typed_config.value), each.disabled),)
    if each.is_optional:
        return ()
    raise here.rejected(
        f"filter {each.name!r} ({kind or 'without a type'}) is not supported behind the choice of a host"
    )
