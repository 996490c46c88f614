"""The table of fields is complete: whatever the API has is read, ignored for a reason, or rejected."""

import sys
from dataclasses import fields
from datetime import timedelta
from typing import get_args, get_type_hints

import pytest
from betterproto2 import FieldMetadata, Message

from meshio.errors import Rejected
from meshio.xds.fields import FIELDS, refuse_unsupported
from meshio.xds.place import Place

CLASSES = sorted(FIELDS, key=lambda cls: (cls.__module__, cls.__name__))
WELL_KNOWN = "meshio.xds.proto.google.protobuf"
REJECTED = [(cls, name) for cls in CLASSES for name, rule in FIELDS[cls].items() if rule.fate == "rejected"]


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_field_of_a_message_has_exactly_one_fate(cls: type[Message]) -> None:
    assert set(FIELDS[cls]) == {field.name for field in fields(cls)}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_what_is_ignored_or_rejected_says_why(cls: type[Message]) -> None:
    assert all(rule.reason or rule.fate == "read" or rule.values for rule in FIELDS[cls].values())


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_messages_that_are_read_are_in_the_table_too(cls: type[Message]) -> None:
    hints = get_type_hints(cls, vars(sys.modules[cls.__module__]), {})
    for name, rule in FIELDS[cls].items():
        for inner in get_args(hints[name]) or (hints[name],):
            if rule.fate == "read" and isinstance(inner, type) and issubclass(inner, Message):
                assert inner in FIELDS or inner.__module__ == WELL_KNOWN


def something(cls: type[Message], name: str) -> object:
    """A value for a field that is not its default, nor one that is let through."""
    meta = FieldMetadata.get(cls.__dataclass_fields__[name])
    hint = get_type_hints(cls, vars(sys.modules[cls.__module__]), {})[name]
    kind = next((each for each in get_args(hint) or (hint,) if each is not type(None)), str)
    values = {str: "x", bytes: b"x", bool: True, int: 77, float: 7.5, timedelta: timedelta(seconds=7)}
    value = values[kind] if kind in values else kind(77) if issubclass(kind, int) else kind()
    if meta.map_meta is not None:
        return {"x": value}
    return [value] if meta.repeated else value


@pytest.mark.parametrize(("cls", "name"), REJECTED, ids=lambda each: each if isinstance(each, str) else each.__name__)
def test_a_field_that_is_not_supported_is_refused_by_name(cls: type[Message], name: str) -> None:
    message = cls(**{name: something(cls, name)})
    with pytest.raises(Rejected) as refused:
        refuse_unsupported(Place("some-resource", "somewhere"), message)
    assert refused.value.resource == "some-resource"
    assert refused.value.field == f"somewhere.{name}"
    assert refused.value.reason == FIELDS[cls][name].reason
