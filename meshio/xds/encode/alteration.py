"""The header-mutation filter -> Mutations."""

from meshio.errors import Rejected
from meshio.routing.alteration import Alteration, Alterations, QueryChange, RemoveMatching, Step
from meshio.routing.mutation import Append
from meshio.xds.encode.parts import header_to_add
from meshio.xds.encode.text import encode_text
from meshio.xds.proto.envoy.config.common.mutation_rules.v3 import HeaderMutation, HeaderMutationRemoveOnMatch
from meshio.xds.proto.envoy.config.core.v3 import (
    KeyValueAppend,
    KeyValueAppendKeyValueAppendAction,
    KeyValueMutation,
    KeyValuePair,
)
from meshio.xds.proto.envoy.extensions.filters.http.header_mutation.v3 import Mutations
from meshio.xds.proto.google.protobuf import Value

ACTIONS: dict[Append, KeyValueAppendKeyValueAppendAction] = {
    "append": KeyValueAppendKeyValueAppendAction.APPEND_IF_EXISTS_OR_ADD,
    "add_if_absent": KeyValueAppendKeyValueAppendAction.ADD_IF_ABSENT,
    "overwrite": KeyValueAppendKeyValueAppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
    "overwrite_if_exists": KeyValueAppendKeyValueAppendAction.OVERWRITE_IF_EXISTS,
}


def encode_mutations(alteration: Alteration) -> Mutations | None:
    """What one filter or one level says. Raises Rejected for several together."""
    match alteration.parts:
        case ():
            return None
        case (part,):
            return encode_part(part)
    raise Rejected("Alteration", "parts", "xDS has one part in each place")


def encode_part(part: Alterations) -> Mutations:
    return Mutations(
        request_mutations=[encode_step(each) for each in part.request],
        query_parameter_mutations=[encode_query(each) for each in part.query],
        response_mutations=[encode_step(each) for each in part.response],
    )


def encode_step(step: Step) -> HeaderMutation:
    if isinstance(step, str):
        return HeaderMutation(remove=step)
    if isinstance(step, RemoveMatching):
        return HeaderMutation(remove_on_match=HeaderMutationRemoveOnMatch(key_matcher=encode_text(step.names)))
    return HeaderMutation(append=header_to_add(step))


def encode_query(change: QueryChange) -> KeyValueMutation:
    if change.value is None:
        return KeyValueMutation(remove=change.name)
    pair = KeyValuePair(key=change.name, value=Value(string_value=change.value))
    return KeyValueMutation(append=KeyValueAppend(record=pair, action=ACTIONS[change.action]))
