"""The answers that Envoy gives itself: status, body and header set (http/utility.cc, `sendLocalReply`).

To gRPC requests the answer is HTTP 200 with `grpc-status` and `grpc-message`. `date` is left to whoever has
a clock (`stamped`), `server` to the connection manager (`hop.py`).
"""

from dataclasses import dataclass, field
from email.utils import formatdate

from meshio.errors import Finish, RequestError
from meshio.message import Body, Headers, Request, Response
from meshio.routing.hop import sign_as_envoy
from meshio.routing.words import GRPC, GRPC_STATUS, UNKNOWN, is_grpc

BODILESS = frozenset({204, 304})


def local_reply(error: RequestError, request: Request) -> Response:
    """The response that Envoy would give for this failure; `request.record` learns flag, details and words."""
    record = request.record
    if error.flag not in ("-", *record.flags):
        record.flags.append(error.flag)
    record.details = error.details or record.details
    record.error = str(error)
    finish = error.finish if error.also is None else in_turn(error.finish, error.also)
    shape = Shape(finish=finish, extra=list(error.headers), grpc_status=error.grpc_status)
    response = answer(request, error.status, error.body, shape)
    if error.after:
        status, response.status = response.status, error.status  # what filters see of an answer to gRPC, too
        for change in error.after:
            change(request, response)
        response.status = status
    (request.sign or sign_as_envoy)(request, response)
    return response


def in_turn(first: Finish | None, second: Finish) -> Finish:
    def both(request: Request, response: Response) -> None:
        if first is not None:
            first(request, response)
        second(request, response)

    return both


@dataclass(frozen=True, slots=True)
class Shape:
    """What a local answer carries beside status and body.

    `finish` is the route's change to response headers. As in Envoy it meets `headers` alone and a response
    code of 0, and what it says of content-type holds only if there is a body. `extra` comes behind it. `grpc_status`
    is what a gRPC client is told where it does not follow from the HTTP status. `kind` is the content type of a body
    that was written in a form of its own.
    """

    headers: Headers = field(default_factory=list)
    finish: Finish | None = None
    extra: Headers = field(default_factory=list)
    grpc_status: int | None = None
    kind: bytes = b""


PLAIN = Shape()


def answer(request: Request, status: int, body: bytes = b"", shape: Shape = PLAIN) -> Response:
    """Compose a local answer in the form that the request's client understands: plain text or gRPC."""
    response = Response(0, list(shape.headers), Body(), request.record)
    if shape.finish is not None:
        shape.finish(request, response)
    response.status = status
    response.headers = [*response.headers, *shape.extra]
    if shape.kind:
        retype(response, shape.kind)
    reword: Finish | None = getattr(request, "reword", None)
    if reword is not None:
        response.body = Body(body)
        reword(request, response)
        body, response.body = response.body.data, Body()
    if is_grpc(request):
        as_grpc(response, body, shape.grpc_status, request.method)
    else:
        as_text(response, body, request.method)
    return response


def as_text(response: Response, body: bytes, method: bytes) -> None:
    """Plain text, unless the route said otherwise. A status without content keeps Envoy's content-length."""
    if not body:
        response.headers = without(response.headers, b"content-length", b"content-type")
        if method != b"HEAD" and response.status not in BODILESS:
            response.headers.append((b"content-length", b"0"))
        return
    headers = [*without(response.headers, b"content-length"), (b"content-length", b"%d" % len(body))]
    if response.header(b"content-type") is None:
        headers.append((b"content-type", b"text/plain"))
    response.headers = headers
    if method != b"HEAD" and response.status not in BODILESS:
        response.body = Body(body)


def as_grpc(response: Response, body: bytes, status: int | None, method: bytes) -> None:
    """`status` is the gRPC status, None for the one that goes with the HTTP status."""
    headers = without(response.headers, b"content-length", b"content-type")
    headers.append((b"content-type", GRPC))
    known = GRPC_STATUS.get(response.status, UNKNOWN) if status is None else status
    headers.append((b"grpc-status", b"%d" % known))
    if method != b"HEAD":
        headers += [(b"grpc-message", percent_encoded(body))] if body else []
        headers.append((b"content-length", b"0"))
    response.status, response.headers = 200, headers


def percent_encoded(text: bytes) -> bytes:
    """gRPC's encoding of `grpc-message` as Envoy does it: `~` is encoded, too."""
    return b"".join(b"%c" % byte if 0x20 <= byte < 0x7E and byte != 0x25 else b"%%%02X" % byte for byte in text)


def retype(response: Response, kind: bytes) -> None:
    """Give a response this content type."""
    response.headers = [*without(response.headers, b"content-type"), (b"content-type", kind)]


def without(headers: Headers, *names: bytes) -> Headers:
    return [header for header in headers if header[0] not in names]


def stamped(response: Response, now: float) -> Response:
    """Give a local answer its `date`. `now` is seconds since the epoch."""
    response.headers.append((b"date", formatdate(now, usegmt=True).encode()))
    return response
