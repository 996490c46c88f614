"""Which fields of the xDS API meshio honours: the table, and the walk that refuses all others.

Every field of every message that translation opens is in the table exactly once (a test compares it with the
generated classes), so that a new field of the API cannot be passed over by accident.
"""

from functools import cache

from betterproto2 import Message

from meshio.xds.cluster_fields import CLUSTER_FIELDS
from meshio.xds.core_fields import CORE_FIELDS
from meshio.xds.endpoint_fields import ENDPOINT_FIELDS
from meshio.xds.filter_fields import FILTER_FIELDS
from meshio.xds.listener_fields import LISTENER_FIELDS
from meshio.xds.matcher_fields import MATCHER_FIELDS
from meshio.xds.parse import metas_of, unknown_numbers
from meshio.xds.place import Place
from meshio.xds.route_fields import ROUTE_FIELDS
from meshio.xds.rule import Rule, Rules

FIELDS: dict[type[Message], Rules] = (
    CORE_FIELDS | MATCHER_FIELDS | LISTENER_FIELDS | FILTER_FIELDS | ROUTE_FIELDS | CLUSTER_FIELDS | ENDPOINT_FIELDS
)


def refuse_unsupported(place: Place, message: Message) -> None:
    """Raise Rejected for the first field of a message, at any depth, that is set and not supported."""
    if message._unknown_fields:
        number, name = unknown_numbers(message)[0], type(message).__name__
        raise place.rejected(f"field number {number} of {name} is newer than this version of meshio")
    here = message.__dict__
    for name, rule, presence in rows(type(message)):
        value = here[name]
        if value is None or not (presence or value):
            continue
        if rule.fate == "read":
            refuse_inside(place, name, value)
        elif rule.fate == "rejected" and value not in rule.values:
            raise place.rejected(rule.reason, name)


def refuse_inside(place: Place, name: str, value: object) -> None:
    """Walk on into messages that translation opens; well-known types have no fields to refuse."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, Message) and type(item) in FIELDS:
                refuse_unsupported(place.at(name, index), item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, Message) and type(item) in FIELDS:
                refuse_unsupported(place.at(name, key), item)
    elif isinstance(value, Message) and type(value) in FIELDS:
        refuse_unsupported(place.at(name), value)


@cache
def rows(cls: type[Message]) -> tuple[tuple[str, Rule, bool], ...]:
    """The fields of a class that need a look: name, rule, and whether "set to the default" differs from "not set"."""
    metas = metas_of(cls)
    return tuple(
        (name, rule, bool(metas[name].optional or metas[name].group))
        for name, rule in FIELDS[cls].items()
        if rule.fate == "rejected" or (rule.fate == "read" and metas[name].proto_type in ("message", "map"))
    )
