"""Questions about what kind of request it is, and over which connection it came."""

from dataclasses import dataclass

from meshio.matching.matcher import Test
from meshio.message import Request

CONTENT_TYPE, GRPC, GRPC_PLUS = b"content-type", b"application/grpc", b"application/grpc+"


@dataclass(frozen=True, slots=True)
class Grpc:
    """A gRPC request, by its content type (Envoy: `Grpc::Common::isGrpcRequestHeaders`)."""

    def test(self) -> Test:
        def test(request: Request) -> bool:
            kind = request.header(CONTENT_TYPE)
            return kind is not None and (kind == GRPC or kind.startswith(GRPC_PLUS))

        return test

    def __str__(self) -> str:
        return "request is gRPC"


@dataclass(frozen=True, slots=True)
class Connect:
    """A CONNECT request. It has no path, so that it meets no other question about the path."""

    def test(self) -> Test:
        return lambda request: request.method == b"CONNECT"

    def __str__(self) -> str:
        return "request is CONNECT"


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """Whether the caller presented a certificate, and whether it was verified; None does not ask.

    The caller is the application in the same process: it presents none.
    """

    presented: bool | None = None
    validated: bool | None = None

    def test(self) -> Test:
        holds = not self.presented and not self.validated
        return lambda request: holds

    def __str__(self) -> str:
        asked = {"presented": self.presented, "verified": self.validated}
        words = [("" if wanted else "not ") + word for word, wanted in asked.items() if wanted is not None]
        return f"a certificate of the caller is {' and '.join(words) or 'presented or not'}"
