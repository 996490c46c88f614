"""Cross-origin requests: what browsers are told about who may ask. Envoy: cors_filter.cc, checked on 1.40."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from meshio.errors import RequestError
from meshio.matching import Text
from meshio.message import Body, Headers, Layer, Request, Response, Send
from meshio.resilience.fault import Fraction
from meshio.resilience.site import Site

ORIGIN = b"access-control-allow-origin"
ASKED = {
    b"access-control-allow-methods": b"access-control-request-method",
    b"access-control-allow-headers": b"access-control-request-headers",
}
ANY = b"*"
ALL = Fraction(100)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Cors:
    """A policy. Texts are header values; "" leaves the header out, unless a less specific level says it.

    origins                who may ask, any of which must match; one that takes "*" takes everybody
    methods, headers       "*" answers with what was asked for
    max_age                seconds, as text, for which a browser may remember the answer
    credentials            None for unsaid, which means no
    forward_unmatched      a preflight of somebody else goes to the upstream (so if unsaid); else it is answered
                           without permission
    share                  of the requests; the others pass as if there were no policy
    private_network        a preflight that asks for a private network's sake may; None for unsaid, which means no
    older                  said in a field of the route or virtual host: counts where no level speaks of the filter
    """

    origins: tuple[Text, ...] = ()
    methods: str = ""
    headers: str = ""
    exposed: str = ""
    max_age: str = ""
    credentials: bool | None = None
    forward_unmatched: bool | None = None
    share: Fraction = ALL
    private_network: bool | None = None
    older: bool = False

    def settled(self, levels: Sequence[Layer], site: Site) -> Layer:
        """Each part as the most specific level says it that says it; the share is the most specific level's.

        The filter looks at routes that forward, and has no policy of its own.
        """
        policies = [level for level in levels if isinstance(level, Cors)]
        said = [each for each in policies if not each.older] or policies
        if not said or not site.forwards:
            return Cors()
        return Cors(
            first((each.origins for each in said), ()),
            first((each.methods for each in said), ""),
            first((each.headers for each in said), ""),
            first((each.exposed for each in said), ""),
            first((each.max_age for each in said), ""),
            first((each.credentials for each in said), None),
            first((each.forward_unmatched for each in said), None),
            said[0].share,
            first((each.private_network for each in said), None),
        )

    def around(self, send: Send) -> Send:
        """Preflights are answered here; other answers, failures too, tell an origin that it may see them."""
        forward_unmatched, share = self.forward_unmatched is not False, self.share
        if not share.numerator or (not self.origins and forward_unmatched):
            return send
        allows = allowing(self.origins)
        always = said(("allow-credentials", "true" if self.credentials else ""))
        exposed = said(("expose-headers", self.exposed))

        async def asked(request: Request) -> Response:
            origin = b",".join([value for name, value in request.headers if name == b"origin"])
            if not origin or not share.draw():
                return await send(request)
            allowed = allows(origin)
            if preflighting(request) and (allowed or not forward_unmatched):
                may = [*always, *self.permissions(request)]
                return granted(request, [(ORIGIN, origin), *may] if allowed else may, exposed if allowed else [])
            return await (told(send, request, [(ORIGIN, origin), *always, *exposed]) if allowed else send(request))

        return asked

    def permissions(self, request: Request) -> Headers:
        """What a preflight is told that the request may do."""
        told = said(("allow-methods", self.methods), ("allow-headers", self.headers))
        answers = [(name, request.header(ASKED[name]) or b"" if value == ANY else value) for name, value in told]
        private = self.private_network and request.header(b"access-control-request-private-network") == b"true"
        return [*answers, *said(("max-age", self.max_age), ("allow-private-network", "true" if private else ""))]


def first(values: Iterable[T], otherwise: T) -> T:
    """The first that says something."""
    return next((value for value in values if value not in ((), "", None)), otherwise)


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


def granted(request: Request, headers: Headers, exposed: Headers) -> Response:
    """The answer to a preflight."""
    request.record.details = "cors_response"
    headers = [*headers, *exposed, (b"content-length", b"0")]
    return Response(200, headers, Body(), request.record)


async def told(send: Send, request: Request, headers: Headers) -> Response:
    """Pass the request on; what comes back says these headers in place of its own."""
    try:
        response = await send(request)
    except RequestError as error:
        error.after += (lambda request, response: tell(response, headers),)
        raise
    tell(response, headers)
    return response


def tell(response: Response, headers: Headers) -> None:
    names = {name for name, _ in headers}
    response.headers = [header for header in response.headers if header[0] not in names] + headers
