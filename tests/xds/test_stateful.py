"""The filter for sessions: what its messages become, and what is refused."""

from datetime import timedelta

import pytest
from betterproto2 import Message

from meshio.errors import Rejected
from meshio.routing.session import SessionCookie, SessionHeader, StatefulSession
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.filters.http.stateful_session.v3 import StatefulSession as SessionMessage
from meshio.xds.proto.envoy.extensions.filters.http.stateful_session.v3 import StatefulSessionPerRoute
from meshio.xds.proto.envoy.extensions.http.stateful_session.cookie.v3 import CookieBasedSessionState
from meshio.xds.proto.envoy.extensions.http.stateful_session.header.v3 import HeaderBasedSessionState
from meshio.xds.proto.envoy.type.http.v3 import Cookie, CookieAttribute
from meshio.xds.proto.google.protobuf import Any
from meshio.xds.stateful import translate_route_session, translate_session

HERE = Place("l", "typed_config")


def filtering(state: Message | None, **said: object) -> SessionMessage:
    extension = TypedExtensionConfig("state", Any.pack(state)) if state is not None else None
    return SessionMessage(session_state=extension, **said)  # type: ignore[arg-type]


def baked(**said: object) -> SessionMessage:
    return filtering(CookieBasedSessionState(cookie=Cookie(**{"name": "s", **said})))  # type: ignore[arg-type]


READ = {
    "nothing": (SessionMessage(), StatefulSession()),
    "a cookie": (baked(), StatefulSession(SessionCookie("s"))),
    "a cookie with all": (
        baked(path="/p", ttl=timedelta(seconds=90), attributes=[CookieAttribute("SameSite", "Lax")]),
        StatefulSession(SessionCookie("s", "/p", 90, (("SameSite", "Lax"),))),
    ),
    "a strict header": (
        filtering(HeaderBasedSessionState("X-S"), strict=True),
        StatefulSession(SessionHeader("x-s"), True),
    ),
}


@pytest.mark.parametrize("case", READ)
def test_a_filter_becomes_a_layer(case: str) -> None:
    message, layer = READ[case]
    assert translate_session(HERE, bytes(message)) == layer
    assert translate_route_session(HERE, bytes(StatefulSessionPerRoute(stateful_session=message))) == layer


def test_a_route_switches_it_off() -> None:
    assert translate_route_session(HERE, bytes(StatefulSessionPerRoute(disabled=True))) == StatefulSession()


REFUSED = {
    "a cookie without a name": (baked(name=""), "cookie.name"),
    "no cookie": (filtering(CookieBasedSessionState()), "cookie.name"),
    "a cookie of two lines": (baked(name="a\r\nb"), "cookie.name"),
    "a path of two lines": (baked(path="/\n"), "cookie.path"),
    "a lifetime in the past": (baked(ttl=timedelta(seconds=-1)), "cookie.ttl"),
    "an attribute without a name": (baked(attributes=[CookieAttribute("", "x")]), "attributes[0].name"),
    "an attribute of two lines": (baked(attributes=[CookieAttribute("a", "x\r")]), "attributes[0].value"),
    "a header without a name": (filtering(HeaderBasedSessionState()), "name"),
    "a header that is none": (filtering(HeaderBasedSessionState("x s")), "name"),
    "an unknown state": (filtering(Cookie("s")), "session_state"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_honoured_is_refused_with_the_place(case: str) -> None:
    message, field = REFUSED[case]
    with pytest.raises(Rejected) as refused:
        translate_session(HERE, bytes(message))
    assert field in refused.value.field


def test_a_route_has_to_say_something() -> None:
    for message in (StatefulSessionPerRoute(), StatefulSessionPerRoute(disabled=False)):
        with pytest.raises(Rejected, match="says nothing"):
            translate_route_session(HERE, bytes(message))
