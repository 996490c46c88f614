"""Texts that end up in a request or response: whoever writes a route must not be able to write a second request."""

import re

from meshio.xds.place import Place

TOKEN = re.compile(r":?[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2, and pseudo-headers


def one_line(place: Place, value: str) -> str:
    """A value without NUL, CR and LF (Envoy's HTTP_HEADER_VALUE), in characters that a header can hold."""
    if any(character in value for character in "\0\r\n"):
        raise place.rejected("holds NUL, CR or LF")
    return value


def token(place: Place, name: str) -> str:
    """The name of a header, in lower case."""
    if not TOKEN.fullmatch(name):
        raise place.rejected(f"{name!r} is not the name of a header")
    return name.lower()
