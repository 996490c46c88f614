"""Header additions and removals, which have the same fields at every level of a route table."""

from typing import Protocol

from meshio.routing.mutation import NO_MUTATION, Append, HeaderMutation, HeaderValue
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import HeaderValueOption, HeaderValueOptionHeaderAppendAction

ACTIONS: dict[int, Append] = {
    HeaderValueOptionHeaderAppendAction.APPEND_IF_EXISTS_OR_ADD: "append",
    HeaderValueOptionHeaderAppendAction.ADD_IF_ABSENT: "add_if_absent",
    HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD: "overwrite",
    HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS: "overwrite_if_exists",
}
FORBIDDEN = ("host",)


class Level(Protocol):
    """Route table, virtual host, route or weighted cluster."""

    request_headers_to_add: list[HeaderValueOption]
    request_headers_to_remove: list[str]
    response_headers_to_add: list[HeaderValueOption]
    response_headers_to_remove: list[str]


def request_mutation(place: Place, level: Level) -> HeaderMutation:
    """What a level does to requests."""
    return mutation(place, "request_headers", level.request_headers_to_add, level.request_headers_to_remove)


def response_mutation(place: Place, level: Level) -> HeaderMutation:
    """What a level does to responses."""
    return mutation(place, "response_headers", level.response_headers_to_add, level.response_headers_to_remove)


def mutation(place: Place, field: str, add: list[HeaderValueOption], remove: list[str]) -> HeaderMutation:
    if not add and not remove:
        return NO_MUTATION
    return HeaderMutation(
        tuple(added(place.at(f"{field}_to_add", index), option) for index, option in enumerate(add)),
        tuple(removed(place.at(f"{field}_to_remove", index), name) for index, name in enumerate(remove)),
    )


def added(place: Place, option: HeaderValueOption) -> HeaderValue:
    """One header. The older `append` (a wrapped bool) wins over `append_action`, as in Envoy's header_parser.cc."""
    if option.header is None or not option.header.key:
        raise place.rejected("has no name", "header.key")
    action = ACTIONS.get(option.append_action)
    if action is None:
        raise place.rejected(f"{int(option.append_action)} is unknown", "append_action")
    if option.append is not None:
        action = "append" if option.append else "overwrite"
    name, value = option.header.key.lower(), option.header.value or raw_text(place, option.header.raw_value)
    if name in FORBIDDEN or (name.startswith(":") and field_is_response(place)):
        raise place.rejected(f"{name} cannot be set this way", "header.key")
    return HeaderValue(name, value, action, option.keep_empty_value)


def field_is_response(place: Place) -> bool:
    return "response_headers" in place.path.rpartition(".")[2]


def raw_text(place: Place, raw: bytes) -> str:
    """Bytes that stand for themselves, as latin-1 like every header value."""
    return raw.decode("latin-1")


def removed(place: Place, name: str) -> str:
    """Envoy refuses to remove what a request cannot do without (header_parser.cc)."""
    if not name or name.startswith(":") or name.lower() == "host":
        raise place.rejected(f"{name or 'an empty name'} cannot be removed")
    return name.lower()
