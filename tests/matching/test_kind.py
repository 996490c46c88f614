"""What kind of request, and over which connection, against answers of Envoy 1.40."""

import pytest

from meshio.matching import Connect, Grpc, PeerCertificate
from meshio.message import Request
from tests.matching.asked import request


@pytest.mark.parametrize(
    ("kind", "yes"),
    [
        (b"application/grpc", True),
        (b"application/grpc+proto", True),
        (b"application/grpc;x", False),
        (b"application/grpcx", False),
        (b"Application/grpc", False),
        (b"application/grpc-web", False),
    ],
)
def test_grpc_is_known_by_its_content_type(kind: bytes, yes: bool) -> None:
    assert Grpc().test()(request(b"/", (b"content-type", kind))) is yes
    assert Grpc().test()(request()) is False


def test_connect_is_a_method() -> None:
    assert Connect().test()(Request(b"CONNECT", b"h:80", b"", []))
    assert not Connect().test()(request())


@pytest.mark.parametrize(
    ("matcher", "yes"),
    [
        (PeerCertificate(), True),
        (PeerCertificate(presented=False), True),
        (PeerCertificate(presented=True), False),
        (PeerCertificate(validated=False), True),
        (PeerCertificate(validated=True), False),
        (PeerCertificate(presented=False, validated=True), False),
    ],
)
def test_an_application_presents_no_certificate(matcher: PeerCertificate, yes: bool) -> None:
    assert matcher.test()(request()) is yes


def test_they_say_what_they_ask() -> None:
    said = [str(each) for each in (Grpc(), Connect(), PeerCertificate(True, False), PeerCertificate())]
    assert said == [
        "request is gRPC",
        "request is CONNECT",
        "a certificate of the caller is presented and not verified",
        "a certificate of the caller is presented or not",
    ]
