"""Follow -> InternalRedirectPolicy."""

from meshio.routing.route import Follow
from meshio.xds.encode.parts import extension
from meshio.xds.proto.envoy.config.route.v3 import InternalRedirectPolicy
from meshio.xds.proto.envoy.extensions.internal_redirect.allow_listed_routes.v3 import AllowListedRoutesConfig
from meshio.xds.proto.envoy.extensions.internal_redirect.previous_routes.v3 import PreviousRoutesConfig
from meshio.xds.proto.envoy.extensions.internal_redirect.safe_cross_scheme.v3 import SafeCrossSchemeConfig

NAME = "envoy.internal_redirect_predicates."


def encode_follow(follow: Follow | None) -> InternalRedirectPolicy | None:
    if follow is None:
        return None
    predicates = []
    if follow.listed is not None:
        predicates.append(extension(NAME + "allow_listed_routes", AllowListedRoutesConfig(sorted(follow.listed))))
    if follow.fresh:
        predicates.append(extension(NAME + "previous_routes", PreviousRoutesConfig()))
    if follow.safe:
        predicates.append(extension(NAME + "safe_cross_scheme", SafeCrossSchemeConfig()))
    return InternalRedirectPolicy(
        max_internal_redirects=follow.most,
        redirect_response_codes=sorted(follow.codes),
        predicates=predicates,
        allow_cross_scheme_redirect=follow.cross_scheme,
        response_headers_to_copy=[name.decode() for name in follow.copied],
    )
