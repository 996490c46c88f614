"""Cross-origin requests: what browsers are told about who may ask. Envoy: cors_filter.cc, checked on 1.40."""

from collections.abc import Callable
from dataclasses import dataclass

from meshio.errors import RequestError
from meshio.matching import Text
from meshio.message import Body, Headers, Request, Response, Send
from meshio.resilience.fault import Fraction

ORIGIN = b"access-control-allow-origin"
ASKED = {
    b"access-control-allow-methods": b"access-control-request-method",
    b"access-control-allow-headers": b"access-control-request-headers",
}
ANY = b"*"
ALL = Fraction(100)


@dataclass(frozen=True, slots=True)
class Cors:
    """A route's policy. Texts are header values; "" leaves the header out.

    origins                who may ask, any of which must match; one that takes "*" takes everybody
    methods, headers       "*" answers with what was asked for
    max_age                seconds, as text, for which a browser may remember the answer
    forward_unmatched      a preflight of somebody else goes to the upstream; else it is answered without permission
    share                  of the requests; the others pass as if there were no policy
    """

    origins: tuple[Text, ...] = ()
    methods: str = ""
    headers: str = ""
    exposed: str = ""
    max_age: str = ""
    credentials: bool = False
    forward_unmatched: bool = True
    share: Fraction = ALL

    def around(self, send: Send) -> Send:
        """Preflights are answered here; other answers, failures too, tell an origin that it may see them."""
        allows, forward_unmatched, share = allowing(self.origins), self.forward_unmatched, self.share
        always = said(("allow-credentials", "true" if self.credentials else ""))
        exposed = said(("expose-headers", self.exposed))

        async def asked(request: Request) -> Response:
            origin = request.header(b"origin")
            if not origin or not share.draw():
                return await send(request)
            allowed = allows(origin)
            if preflighting(request) and (allowed or not forward_unmatched):
                may = [*always, *self.permissions(request)]
                return granted(request, [(ORIGIN, origin), *may, *exposed] if allowed else may)
            return await (told(send, request, [(ORIGIN, origin), *always, *exposed]) if allowed else send(request))

        return asked

    def permissions(self, request: Request) -> Headers:
        """What a preflight is told that the request may do."""
        told = said(("allow-methods", self.methods), ("allow-headers", self.headers))
        answers = [(name, request.header(ASKED[name]) or b"" if value == ANY else value) for name, value in told]
        return [*answers, *said(("max-age", self.max_age))]


def allowing(origins: tuple[Text, ...]) -> Callable[[bytes], bool]:
    """Whether an origin may ask. Envoy tries each matcher with a literal "*" first: `exact: "*"` is everybody."""
    tests = [origin.test() for origin in origins]
    if any(test(ANY) for test in tests):
        return lambda origin: True
    return lambda origin: any(test(origin) for test in tests)


def said(*headers: tuple[str, str]) -> Headers:
    """Those of the headers that have a value, by the last part of their name."""
    return [(f"access-control-{name}".encode(), value.encode()) for name, value in headers if value]


def preflighting(request: Request) -> bool:
    """Whether a browser asks before it sends the request that it has in mind."""
    return request.method == b"OPTIONS" and bool(request.header(b"access-control-request-method"))


def granted(request: Request, headers: Headers) -> Response:
    """The answer to a preflight."""
    request.record.details = "cors_response"
    headers = [*headers, (b"server", b"envoy"), (b"content-length", b"0")]
    return Response(200, headers, Body(), request.record)


async def told(send: Send, request: Request, headers: Headers) -> Response:
    """Pass the request on; what comes back says these headers in place of its own."""
    try:
        response = await send(request)
    except RequestError as error:
        error.headers = (*error.headers, *headers)
        raise
    names = {name for name, _ in headers}
    response.headers = [header for header in response.headers if header[0] not in names] + headers
    return response
