"""One response after another, out of the bytes of one connection. Pure but for httptools; no I/O.

httptools (llhttp, strict) refuses by itself: repeated or non-numeric content-length, content-length beside
transfer-encoding, bare CR or LF, control characters, folded headers, blanks before a colon, bad chunk sizes.
What it lets through and Envoy does not is refused here (Envoy: http/http1/codec_impl.cc).
"""

import httptools

from meshio.errors import ProtocolBroken
from meshio.message import Headers
from meshio.transport.body import Stream

LARGE = 64 * 1024  # bytes that arrive with a head: of a body that is no longer worth a copy
START = (b"H", b"")
FRAMING = frozenset({b"content-length", b"transfer-encoding"})


class Incoming:
    """What has arrived of the response to the request under way.

    headed     the final head is complete: `status` and `headers` hold
    ended      the body is complete too: `chunks` (unless a `stream` takes them) and `trailers` hold
    consented  100 Continue was seen
    reusable   nothing that was received forbids another exchange on this connection

    A head that is the last one's on this connection, byte for byte, is not parsed again: services say the same most of
    the time. `_last` is that head, `_known` what it says, once it has come twice.

    The parser sees a body of known length only up to the end of the segment that the head ends in; of the rest, `_left`
    bytes are counted and handed on as they are.
    """

    __slots__ = (
        "_bodiless", "_coding", "_fed", "_known", "_last", "_left", "_length", "_most_bytes", "_most_headers",
        "_parser", "_peer", "_touched", "chunks", "consented", "ended", "headed", "headers", "reusable", "status",
        "stream", "trailers",
    )  # fmt: skip

    def __init__(self, peer: str, most_bytes: int, most_headers: int) -> None:
        self._peer = peer
        self._most_bytes = most_bytes
        self._most_headers = most_headers
        self._parser = httptools.HttpResponseParser(self)
        self._left = 0
        self._last = b""
        self._known: tuple[int, Headers, int] | None = None
        self.stream: Stream | None = None
        self._touched = True  # something has arrived since `begin`
        self.begin(b"")
        self.ended = self._touched = True

    def begin(self, method: bytes) -> None:
        """A request with this method goes out: forget the last response."""
        self._bodiless = method == b"HEAD"
        if not self._touched:
            return
        self._touched = False
        self._coding = self._length = b""
        self._fed = self.status = 0
        self.headers: Headers = []
        self.trailers: Headers | None = None
        self.chunks: list[bytes | memoryview] = []
        self.headed = self.ended = self.reusable = self.consented = False

    def repeat(self, data: bytes) -> tuple[int, Headers, bytes] | None:
        """Status, headers and body where this is a whole response with the head of the last one, and comes first.

        It leaves everything as `begin` did, which then has nothing to do.
        """
        known = self._known
        if known is None or not data.startswith(self._last) or self._fed or self.headed:
            return None
        status, headers, size = known
        begin = len(self._last)
        if len(data) - begin != size or self._bodiless:
            return None
        return status, headers.copy(), data[begin:]

    def feed(self, data: bytes) -> None:
        """Take what arrived. Raises ProtocolBroken; never after `ended`: what is too much only costs the connection."""
        first = not (self._fed or self.headed)
        self._touched = True
        if first:
            if data[:1] not in START:  # llhttp takes RTSP, ICE and empty lines before a response
                raise ProtocolBroken(f"{self._peer} sent no valid HTTP: a response begins with HTTP/")
        elif self._left:
            self._count_down(data)
            return
        rest: memoryview | None = None
        if len(data) > LARGE and not self.headed and (end := data.find(b"\r\n\r\n") + 4) > 3:
            data, rest = data[:end], memoryview(data)[end:]
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.ended:
                raise self._broken(error) from error
            self.reusable = False
        if self.ended:
            if self._bodiless:
                self._parser = httptools.HttpResponseParser(self)  # the old one waits for a body
            elif first and self.reusable and self._length:
                self._remember(data)
        elif self._fed > self._most_bytes:
            raise ProtocolBroken(f"{self._peer} sent more than {self._most_bytes} bytes of headers")
        elif self.headed and self._length:
            self._left = int(self._length) - sum(map(len, self.chunks))
            self.reusable = self._parser.should_keep_alive()
            self._parser = httptools.HttpResponseParser(self)  # the old one would wait for the body
        if rest:
            self._feed_rest(rest)

    def _feed_rest(self, rest: memoryview) -> None:
        """What came in one piece with a head. A long body is not copied as a whole: `Stream` hands it out in parts."""
        if self.ended:
            self.reusable = False
        elif self._left > len(rest):
            self._left -= len(rest)
            self._take(rest)
        else:
            self.feed(bytes(rest))

    def pour(self, data: bytes) -> bool:
        """Take what is in the midst of a streamed body of known length; anything else is left to `feed`."""
        left, stream = self._left - len(data), self.stream
        if left <= 0 or stream is None:
            return False
        self._left = left
        stream.feed(data)
        return True

    def _remember(self, data: bytes) -> None:
        """The head of a response whose end was the end of the data."""
        size = int(self._length)
        head = data[: len(data) - size]
        if head.endswith(b"\r\n\r\n"):  # else the announced body was none: 304
            self._known = (self.status, self.headers.copy(), size) if head == self._last else None
            self._last = head

    def _count_down(self, data: bytes) -> None:
        left = self._left - len(data)
        if left < 0:
            data, left, self.reusable = data[:left], 0, False
        self._left = left
        self.ended = not left
        self._take(data)

    def _take(self, chunk: bytes | memoryview) -> None:
        if self.stream is None:
            self.chunks.append(chunk)
        else:
            self.stream.feed(chunk)

    @property
    def started(self) -> bool:
        """Anything at all has arrived."""
        return self._fed > 0 or self.headed

    def eof(self) -> bool:
        """The peer will send no more. True when that is how the body ends: it has no other end."""
        return self.headed and not (self._length or self._coding)

    def release(self) -> None:
        """Let go of the parser, which refers to this."""
        del self._parser

    def on_message_begin(self) -> None:
        if self.ended:
            raise ProtocolBroken(f"{self._peer} sent a response that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        name, value = name.lower(), value.rstrip(b" \t")  # llhttp leaves what stands behind a value
        if self.headed:
            self.trailers = [*(self.trailers or ()), (name, value)]
            return
        self.headers.append((name, value))
        if name in FRAMING:
            if name == b"content-length":
                self._length = value
            else:
                self._coding += value.lower()  # two of them make what is not "chunked"

    def on_headers_complete(self) -> None:
        self.status = status = self._parser.get_status_code()
        if self._fed > self._most_bytes:
            self._measure()
        if len(self.headers) > self._most_headers:
            raise ProtocolBroken(f"{self._peer} sent {len(self.headers)} headers; the limit is {self._most_headers}")
        if self._coding or status < 200 or status == 204:
            self._check_framing()
        if status < 200:
            return
        self.headed = True
        if self._bodiless:
            self.ended = True
            self.reusable = self._parser.should_keep_alive()

    def on_body(self, chunk: bytes) -> None:
        if self.ended:
            raise ProtocolBroken(f"{self._peer} sent a body where there is none")
        self._fed = 0
        self._take(chunk)

    def on_message_complete(self) -> None:
        if self.headed:
            self.ended = True
            self.reusable = self._parser.should_keep_alive()
            return
        self.consented = self.consented or self.status == 100
        self.headers = []
        self._length = self._coding = b""

    def _measure(self) -> None:
        size = sum(len(name) + len(value) for name, value in self.headers)
        if size > self._most_bytes:
            raise ProtocolBroken(f"{self._peer} sent {size} bytes of headers; the limit is {self._most_bytes}")

    def _check_framing(self) -> None:
        status = self.status
        if status < 100:
            raise ProtocolBroken(f"{self._peer} answered with status {status:03}")
        if status == 101:
            raise ProtocolBroken(f"{self._peer} switched protocols; nobody asked for that")
        if self._coding not in (b"", b"chunked"):
            raise ProtocolBroken(f"{self._peer} used the transfer coding {self._coding.decode('latin-1')!r}")
        if (status < 200 or status == 204) and (self._coding or self._length.strip(b"0")):
            raise ProtocolBroken(f"{self._peer} announced a body for status {status}")

    def _broken(self, error: Exception) -> ProtocolBroken:
        """What we found wrong ourselves inside of a callback, or what httptools did."""
        ours = error.__context__
        return ours if isinstance(ours, ProtocolBroken) else ProtocolBroken(f"{self._peer} sent no valid HTTP: {error}")
