"""Who may ask for another protocol. What Envoy answers is in the parity cases (route_actions)."""

import pytest

from meshio.errors import UpgradeRefused
from meshio.message import Request
from meshio.routing.upgrade import check_upgrade, wanted


def asking(*headers: tuple[bytes, bytes]) -> Request:
    return Request(b"GET", b"svc", b"/", list(headers))


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ([], ""),
        ([(b"upgrade", b"websocket")], ""),
        ([(b"connection", b"upgrade")], ""),
        ([(b"connection", b"keep-alive, Upgrade"), (b"upgrade", b"WebSocket")], "websocket"),
        ([(b"connection", b"close"), (b"connection", b"upgrade"), (b"upgrade", b"x")], "x"),
        ([(b"connection", b"upgrade"), (b"upgrade", b"h2c")], ""),
    ],
)
def test_a_wish_has_two_headers(headers: list[tuple[bytes, bytes]], kind: str) -> None:
    assert wanted(asking(*headers)) == kind


@pytest.mark.parametrize(
    ("listener", "route", "allowed"),
    [
        ((), (), False),
        (("websocket",), (), True),
        (("WebSocket",), (), True),
        (("websocket",), (("websocket", False),), False),
        ((), (("websocket", True),), True),
        (("websocket",), (("other", False),), True),
    ],
)
def test_the_route_has_the_last_word(
    listener: tuple[str, ...], route: tuple[tuple[str, bool], ...], allowed: bool
) -> None:
    request = asking((b"connection", b"upgrade"), (b"upgrade", b"websocket"))
    if allowed:
        check_upgrade(request, listener, route)
    else:
        with pytest.raises(UpgradeRefused, match="websocket"):
            check_upgrade(request, listener, route)
