"""The filter for sessions that stay with a host -> `StatefulSession`."""

from collections.abc import Callable
from time import time

from meshio.routing.session import SessionCookie, SessionHeader, State, StatefulSession
from meshio.xds.duration import seconds
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.filters.http.stateful_session.v3 import (
    StatefulSession as StatefulSessionMessage,
)
from meshio.xds.proto.envoy.extensions.filters.http.stateful_session.v3 import StatefulSessionPerRoute
from meshio.xds.proto.envoy.extensions.http.stateful_session.cookie.v3 import CookieBasedSessionState
from meshio.xds.proto.envoy.extensions.http.stateful_session.header.v3 import HeaderBasedSessionState
from meshio.xds.proto.envoy.type.http.v3 import CookieAttribute
from meshio.xds.text import one_line, token

PREFIX = "envoy.extensions.http.stateful_session."


def translate_session(place: Place, raw: bytes) -> StatefulSession:
    """The filter. Without a state it does nothing, until a route has one."""
    return session_of(place, open_message(place, StatefulSessionMessage, raw))


def translate_route_session(place: Place, raw: bytes) -> StatefulSession:
    """What one level of a route table says."""
    config = open_message(place, StatefulSessionPerRoute, raw)
    if config.stateful_session is not None:
        return session_of(place.at("stateful_session"), config.stateful_session)
    if not config.disabled:
        raise place.rejected("says nothing: neither disabled nor stateful_session")
    return StatefulSession()


def session_of(place: Place, config: StatefulSessionMessage) -> StatefulSession:
    here, state = place.at("session_state"), config.session_state
    return StatefulSession(state_of(here, state) if state is not None else None, config.strict, time)


def state_of(place: Place, extension: TypedExtensionConfig) -> State:
    """Where the host is kept."""
    here, config = place.at("typed_config"), extension.typed_config
    translate = STATES.get(type_of(here, config).removeprefix(PREFIX))
    if translate is None or config is None:
        raise place.rejected(f"{extension.name!r} is not supported")
    return translate(here, config.value)


def cookie_state(place: Place, raw: bytes) -> State:
    """In a cookie."""
    config, here = open_message(place, CookieBasedSessionState, raw), place.at("cookie")
    cookie = config.cookie
    if cookie is None or not cookie.name:
        raise here.rejected("is required", "name")
    return SessionCookie(
        one_line(here.at("name"), cookie.name),
        one_line(here.at("path"), cookie.path),
        int(seconds(here.at("ttl"), cookie.ttl) or 0),
        tuple(attribute(here.at("attributes", i), each) for i, each in enumerate(cookie.attributes)),
    )


def attribute(place: Place, attribute: CookieAttribute) -> tuple[str, str]:
    """What else a cookie says of itself: `Secure`, `SameSite=Lax`."""
    if not attribute.name:
        raise place.rejected("is required", "name")
    return one_line(place.at("name"), attribute.name), one_line(place.at("value"), attribute.value)


def header_state(place: Place, raw: bytes) -> State:
    """In a header."""
    config = open_message(place, HeaderBasedSessionState, raw)
    if not config.name:
        raise place.rejected("is required", "name")
    return SessionHeader(token(place.at("name"), config.name).lower())


STATES: dict[str, Callable[[Place, bytes], State]] = {
    "cookie.v3.CookieBasedSessionState": cookie_state,
    "header.v3.HeaderBasedSessionState": header_state,
}
