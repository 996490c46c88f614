"""Cross-origin requests: what browsers are told about who may ask. Envoy: cors_filter.cc, checked on 1.40."""

from dataclasses import dataclass

from meshio.errors import RequestError
from meshio.matching import Text
from meshio.message import Body, Headers, Request, Response, Send
from meshio.resilience.fault import Fraction

ORIGIN = b"access-control-allow-origin"
ALL = Fraction(100)


@dataclass(frozen=True, slots=True)
class Cors:
    """A route's policy. Texts are header values; "" leaves the header out.

    origins                who may ask, any of which must match
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
        tests, forward_unmatched, share = [origin.test() for origin in self.origins], self.forward_unmatched, self.share
        always = said(("allow-credentials", "true" if self.credentials else ""))
        exposed = said(("expose-headers", self.exposed))
        preflight = said(("allow-methods", self.methods), ("allow-headers", self.headers), ("max-age", self.max_age))

        async def asked(request: Request) -> Response:
            origin = request.header(b"origin")
            if not origin or not share.draw():
                return await send(request)
            allowed = any(test(origin) for test in tests)
            if preflighting(request) and (allowed or not forward_unmatched):
                answer = [(ORIGIN, origin), *always, *preflight, *exposed] if allowed else [*always, *preflight]
                return granted(request, answer)
            return await (told(send, request, [(ORIGIN, origin), *always, *exposed]) if allowed else send(request))

        return asked


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
