"""SubstitutionFormatString -> `BodyFormat`."""

import json

from meshio.errors import Rejected
from meshio.routing.body_format import BodyFormat
from meshio.xds.content import content
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import SubstitutionFormatString
from meshio.xds.proto.google.protobuf import Value
from meshio.xds.text import one_line


def translate_form(place: Place, message: SubstitutionFormatString) -> BodyFormat:
    """A text or JSON with commands in it. Raises Rejected."""
    kind = one_line(place.at("content_type"), message.content_type)
    omit = message.omit_empty_values
    struct = message.json_format
    text = text_of(place, message) if struct is None else None
    fields = {name: plain(value) for name, value in struct.fields.items()} if struct is not None else {}
    try:
        return BodyFormat(text, json.dumps(fields, sort_keys=True), omit, kind)
    except Rejected as error:
        raise place.rejected(error.reason, error.field) from None


def text_of(place: Place, message: SubstitutionFormatString) -> str:
    if message.text_format_source is not None:
        here = place.at("text_format_source")
        try:
            return content(here, message.text_format_source).decode()
        except UnicodeDecodeError:
            raise here.rejected("is not UTF-8") from None
    if message.text_format is not None:
        return message.text_format
    raise place.rejected("has no format")


def plain(value: Value) -> object:
    """A value of a Struct as Python has it."""
    if value.struct_value is not None:
        return {name: plain(each) for name, each in value.struct_value.fields.items()}
    if value.list_value is not None:
        return [plain(each) for each in value.list_value.values]
    if value.string_value is not None:
        return value.string_value
    return value.number_value if value.number_value is not None else value.bool_value
