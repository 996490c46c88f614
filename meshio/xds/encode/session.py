"""StatefulSession -> the filter's message, and what a route table says of it."""

from datetime import timedelta

from meshio.routing.session import SessionCookie, State, StatefulSession
from meshio.xds.encode.parts import packed
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.filters.http.stateful_session.v3 import (
    StatefulSession as StatefulSessionMessage,
)
from meshio.xds.proto.envoy.extensions.filters.http.stateful_session.v3 import StatefulSessionPerRoute
from meshio.xds.proto.envoy.extensions.http.stateful_session.cookie.v3 import CookieBasedSessionState
from meshio.xds.proto.envoy.extensions.http.stateful_session.header.v3 import HeaderBasedSessionState
from meshio.xds.proto.envoy.type.http.v3 import Cookie, CookieAttribute


def encode_session(session: StatefulSession) -> StatefulSessionMessage:
    state = encode_state(session.state) if session.state is not None else None
    return StatefulSessionMessage(session_state=state, strict=session.strict)


def encode_route_session(session: StatefulSession) -> StatefulSessionPerRoute:
    if session.state is None:
        return StatefulSessionPerRoute(disabled=True)
    return StatefulSessionPerRoute(stateful_session=encode_session(session))


def encode_state(state: State) -> TypedExtensionConfig:
    if isinstance(state, SessionCookie):
        cookie = Cookie(
            name=state.name,
            ttl=timedelta(seconds=state.lifetime) if state.lifetime else None,
            path=state.path,
            attributes=[CookieAttribute(name=name, value=value) for name, value in state.attributes],
        )
        config = packed(CookieBasedSessionState(cookie=cookie))
        return TypedExtensionConfig(name="envoy.http.stateful_session.cookie", typed_config=config)
    config = packed(HeaderBasedSessionState(name=state.name))
    return TypedExtensionConfig(name="envoy.http.stateful_session.header", typed_config=config)
