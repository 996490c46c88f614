"""InternalRedirectPolicy -> `Follow`, and the older fields for the same."""

from dataclasses import replace

from meshio.routing.route import Follow
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.config.route.v3 import (
    InternalRedirectPolicy,
    RouteAction,
    RouteActionInternalRedirectAction,
)
from meshio.xds.proto.envoy.extensions.internal_redirect.allow_listed_routes.v3 import AllowListedRoutesConfig
from meshio.xds.text import one_line

PREDICATES = "envoy.extensions.internal_redirect."
LISTED = PREDICATES + "allow_listed_routes.v3.AllowListedRoutesConfig"
FRESH = PREDICATES + "previous_routes.v3.PreviousRoutesConfig"
SAFE = PREDICATES + "safe_cross_scheme.v3.SafeCrossSchemeConfig"
MOST_CODES, MOST_COPIED = 5, 50
CODES = frozenset({301, 302, 303, 307, 308})  # others are passed over, as Envoy does it


def translate_follow(place: Place, action: RouteAction, limit: int | None) -> Follow | None:
    """How a route follows redirects; None: it does not. `limit` bounds a body that is sent again."""
    follow = policy_of(place, action)
    return follow if follow is None or limit is None else replace(follow, buffer_limit=limit)


def policy_of(place: Place, action: RouteAction) -> Follow | None:
    if action.internal_redirect_policy is not None:
        return translate_policy(place.at("internal_redirect_policy"), action.internal_redirect_policy)
    if action.internal_redirect_action != RouteActionInternalRedirectAction.HANDLE_INTERNAL_REDIRECT:
        return None
    most = action.max_internal_redirects
    return Follow() if most is None else Follow(most)


def translate_policy(place: Place, policy: InternalRedirectPolicy) -> Follow:
    if len(policy.redirect_response_codes) > MOST_CODES:
        raise place.rejected(f"must have at most {MOST_CODES}", "redirect_response_codes")
    most, codes = policy.max_internal_redirects, frozenset(policy.redirect_response_codes) & CODES
    follow = Follow(
        most=1 if most is None else most,
        codes=codes if policy.redirect_response_codes else frozenset({302}),
        cross_scheme=policy.allow_cross_scheme_redirect,
        copied=copied(place, policy.response_headers_to_copy),
    )
    for index, each in enumerate(policy.predicates):
        follow = with_predicate(place.at("predicates", index), follow, each)
    return follow


def copied(place: Place, names: list[str]) -> tuple[bytes, ...]:
    """Names of response headers, in lower case."""
    if len(names) > MOST_COPIED or len(set(names)) < len(names):
        raise place.rejected(f"must be at most {MOST_COPIED} different ones", "response_headers_to_copy")
    lower = [one_line(place.at("response_headers_to_copy", index), name).lower() for index, name in enumerate(names)]
    if any(name.startswith(":") or name == "host" for name in lower):
        raise place.rejected("pseudo-headers and host are not copied", "response_headers_to_copy")
    return tuple(name.encode() for name in lower)


def with_predicate(place: Place, follow: Follow, predicate: TypedExtensionConfig) -> Follow:
    """One more condition of where a redirect may lead."""
    kind = type_of(place.at("typed_config"), predicate.typed_config)
    if kind == LISTED and predicate.typed_config is not None:
        config = open_message(place.at("typed_config"), AllowListedRoutesConfig, predicate.typed_config.value)
        names = frozenset(config.allowed_route_names)
        return replace(follow, listed=names if follow.listed is None else follow.listed & names)
    if kind == FRESH:  # in Envoy a second one finds the first one's note, and lets nothing pass
        return replace(follow, fresh=True, most=0 if follow.fresh else follow.most)
    if kind == SAFE:
        return replace(follow, safe=True)
    raise place.rejected(f"{kind or 'a predicate without a type'} is not supported", "typed_config")
