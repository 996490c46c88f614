"""Request heads for peers that are particular about them: names in capital letters, whole URLs in the first line.

Envoy: http1/header_formatter.cc, http1/codec_impl.cc, checked on 1.40. For all others `head.py` has it.
"""

import re
from collections.abc import Callable

from meshio.message import Request, told_scheme
from meshio.transport.head import CRLF, encode_head
from meshio.upstream.cluster import HttpOptions

WORD = re.compile(rb"(?<![0-9A-Za-z])[a-z]")


def compile_head(http: HttpOptions) -> Callable[[Request], bytes]:
    """How a cluster wants to have heads written."""
    if not http.proper_case and not http.whole_urls:
        return encode_head
    proper, whole = http.proper_case, http.whole_urls

    def encode(request: Request) -> bytes:
        first, *lines = encode_head(request).split(CRLF)
        if whole:
            method, _, rest = first.partition(b" ")
            first = b"%b %b://%b%b" % (method, told_scheme(request), request.authority, rest)
        return CRLF.join([first, *(map(spelt, lines) if proper else lines)])

    return encode


def spelt(line: bytes) -> bytes:
    """A header with every word of its name in a capital letter: what follows no letter and no digit begins one."""
    name, colon, value = line.partition(b":")
    return WORD.sub(lambda found: found[0].upper(), name) + colon + value
