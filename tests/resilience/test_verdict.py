"""What an answer counts for at its host (parity topic outlier holds it to Envoy)."""

import pytest

from meshio.matching import Exact, Header, HeaderPresent
from meshio.message import Body, Response
from meshio.resilience.verdict import Contrary, Either, Heads, Together, compile_verdict

BAD, TEAPOT = HeaderPresent(b"x-bad"), Header(b":status", Exact(b"418"))


def counted(errors: object, grpc: bool, status: int, *headers: tuple[bytes, bytes]) -> int:
    verdict = compile_verdict(errors, grpc)  # type: ignore[arg-type]
    response = Response(status, list(headers), Body())
    return response.status if verdict is None else verdict(response)


@pytest.mark.parametrize(
    ("errors", "status", "headers", "counts"),
    [
        (Heads((TEAPOT,)), 418, [], 500),
        (Heads((TEAPOT,)), 503, [], 200),
        (Heads((BAD,)), 503, [(b"x-bad", b"")], 503),
        (Heads((BAD, TEAPOT)), 200, [(b"x-bad", b"")], 200),
        (Heads(), 200, [], 500),
        (Contrary(Heads((TEAPOT,))), 200, [], 500),
        (Either((Heads((TEAPOT,)), Heads((BAD,)))), 418, [], 500),
        (Together((Heads((TEAPOT,)), Heads((BAD,)))), 418, [], 200),
    ],
)
def test_a_cluster_says_what_an_error_is(
    errors: object, status: int, headers: list[tuple[bytes, bytes]], counts: int
) -> None:
    assert counted(errors, False, status, *headers) == counts


@pytest.mark.parametrize(
    ("told", "counts"),
    [(b"0", 200), (b"1", 499), (b"2", 500), (b"4", 504), (b"8", 429), (b"13", 500), (b"14", 503), (b"x", 500)],
)
def test_a_grpc_status_says_more_than_http_s(told: bytes, counts: int) -> None:
    assert counted(None, True, 200, (b"grpc-status", told)) == counts
    assert counted(Heads(), True, 503, (b"grpc-status", told)) == counts


def test_without_a_grpc_status_http_s_counts() -> None:
    assert counted(None, True, 503) == 503
    assert counted(Heads(), True, 200) == 500
    assert compile_verdict(None, False) is None
