"""Header additions and removals, which have the same fields at every level of a route table."""

from collections.abc import Callable
from typing import Protocol

from meshio.errors import Rejected
from meshio.routing.mutation import NO_MUTATION, Append, HeaderMutation, HeaderValue
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import HeaderValueOption, HeaderValueOptionHeaderAppendAction
from meshio.xds.text import one_line, token

ACTIONS: dict[int, Append] = {
    HeaderValueOptionHeaderAppendAction.APPEND_IF_EXISTS_OR_ADD: "append",
    HeaderValueOptionHeaderAppendAction.ADD_IF_ABSENT: "add_if_absent",
    HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS_OR_ADD: "overwrite",
    HeaderValueOptionHeaderAppendAction.OVERWRITE_IF_EXISTS: "overwrite_if_exists",
}


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
    values = tuple(added(place.at(f"{field}_to_add", index), option) for index, option in enumerate(add))
    names = tuple(removed(place.at(f"{field}_to_remove", index), name) for index, name in enumerate(remove))
    return HeaderMutation(values, names)


def added(place: Place, option: HeaderValueOption) -> HeaderValue:
    """One header. The older `append` (a wrapped bool) wins over `append_action`, as in Envoy's header_parser.cc."""
    if option.header is None or not option.header.key:
        raise place.rejected("has no name", "header.key")
    action = ACTIONS.get(option.append_action)
    if action is None:
        raise place.rejected(f"{int(option.append_action)} is unknown", "append_action")
    if option.append is not None:
        action = "append" if option.append else "overwrite"
    name = token(place.at("header.key"), option.header.key)
    raw = option.header.value or option.header.raw_value.decode("latin-1")
    value = one_line(place.at("header.value"), raw)
    return built(place, lambda: HeaderMutation((HeaderValue(name, value, action, option.keep_empty_value),))).add[0]


def removed(place: Place, name: str) -> str:
    """A name that may be removed: not one that a request cannot do without."""
    lower = token(place, name)
    return built(place, lambda: HeaderMutation(remove=(lower,))).remove[0]


def built(place: Place, build: Callable[[], HeaderMutation]) -> HeaderMutation:
    """A mutation; what the value itself refuses is refused at its place."""
    try:
        return build()
    except Rejected as error:
        raise place.rejected(error.reason) from None
