"""The header-mutation filter -> `Alteration`."""

from meshio.errors import Rejected
from meshio.routing.alteration import Alteration, Alterations, QueryChange, RemoveMatching, Step
from meshio.routing.mutation import Append
from meshio.xds.extension import open_message
from meshio.xds.matching import text
from meshio.xds.mutation import added
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.common.mutation_rules.v3 import HeaderMutation as Mutation
from meshio.xds.proto.envoy.config.core.v3 import (
    KeyValueAppend,
    KeyValueAppendKeyValueAppendAction,
    KeyValueMutation,
    KeyValuePair,
)
from meshio.xds.proto.envoy.extensions.filters.http.header_mutation.v3 import (
    HeaderMutation,
    HeaderMutationPerRoute,
    Mutations,
)
from meshio.xds.text import one_line

ACTIONS: dict[int, Append] = {
    KeyValueAppendKeyValueAppendAction.APPEND_IF_EXISTS_OR_ADD: "append",
    KeyValueAppendKeyValueAppendAction.ADD_IF_ABSENT: "add_if_absent",
    KeyValueAppendKeyValueAppendAction.OVERWRITE_IF_EXISTS_OR_ADD: "overwrite",
    KeyValueAppendKeyValueAppendAction.OVERWRITE_IF_EXISTS: "overwrite_if_exists",
}
NEEDED = (b":method", b":path", b":scheme", b":authority", b"host")
STATUS = (b":status",)


def translate_alteration(place: Place, raw: bytes) -> Alteration:
    """The filter's own config."""
    config = open_message(place, HeaderMutation, raw)
    return Alteration(parts(place, config.mutations), config.most_specific_header_mutations_wins)


def translate_override(place: Place, raw: bytes) -> Alteration:
    """What one level of a route table adds."""
    return Alteration(parts(place, open_message(place, HeaderMutationPerRoute, raw).mutations))


def parts(place: Place, mutations: Mutations | None) -> tuple[Alterations, ...]:
    if mutations is None:
        return ()
    here = place.at("mutations")
    part = Alterations(
        steps(here, "request_mutations", mutations.request_mutations, NEEDED),
        tuple(
            query_change(here.at("query_parameter_mutations", index), each)
            for index, each in enumerate(mutations.query_parameter_mutations)
        ),
        steps(here, "response_mutations", mutations.response_mutations, STATUS),
    )
    return (part,) if part != Alterations() else ()


def steps(place: Place, field: str, mutations: list[Mutation], needed: tuple[bytes, ...]) -> tuple[Step, ...]:
    return tuple(step(place.at(field, index), each, needed) for index, each in enumerate(mutations))


def step(place: Place, mutation: Mutation, needed: tuple[bytes, ...]) -> Step:
    """One change. `needed` are names that a message cannot do without: Envoy would fail every one of them."""
    if mutation.append is not None:
        return added(place.at("append"), mutation.append)
    if mutation.remove is not None:
        name = one_line(place.at("remove"), mutation.remove).lower()
        if name.encode() in needed:
            raise place.rejected(f"a message cannot do without {name}", "remove")
        return name
    if mutation.remove_on_match is None:
        raise place.rejected("says no change")
    here = place.at("remove_on_match.key_matcher")
    if mutation.remove_on_match.key_matcher is None:
        raise here.rejected("is required")
    names = text(here, mutation.remove_on_match.key_matcher)
    missed = next((name for name in needed if names.test()(name)), None)
    if missed is not None:
        raise here.rejected(f"a message cannot do without {missed.decode()}")
    return RemoveMatching(names)


def query_change(place: Place, mutation: KeyValueMutation) -> QueryChange:
    """Envoy takes a record, not an entry, and only text in it."""
    if mutation.append is not None and mutation.remove:
        raise place.rejected("cannot both append and remove", "remove")
    if mutation.append is None:
        if not mutation.remove:
            raise place.rejected("says no change")
        return QueryChange(mutation.remove, None)
    here = place.at("append")
    name, value = record(here.at("record"), mutation.append.record)
    try:
        return QueryChange(name, value, action(here, mutation.append))
    except Rejected as error:
        raise here.rejected(error.reason, "record.value") from None


def record(place: Place, pair: KeyValuePair | None) -> tuple[str, str]:
    if pair is None:
        raise place.rejected("is required")
    if not pair.key:
        raise place.rejected("is required", "key")
    if pair.value is None or pair.value.string_value is None:
        raise place.rejected("must be a text", "value")
    return pair.key, pair.value.string_value


def action(place: Place, append: KeyValueAppend) -> Append:
    found = ACTIONS.get(append.action)
    if found is None:
        raise place.rejected(f"{int(append.action)} is unknown", "action")
    return found
