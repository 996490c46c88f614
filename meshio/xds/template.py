"""Path templates: which paths a route takes, and what it makes of them."""

from meshio.errors import Rejected
from meshio.matching import Matcher, PathTemplate
from meshio.routing.template import TemplateRewrite, compile_template
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import TypedExtensionConfig
from meshio.xds.proto.envoy.extensions.path.match.uri_template.v3 import UriTemplateMatchConfig
from meshio.xds.proto.envoy.extensions.path.rewrite.uri_template.v3 import UriTemplateRewriteConfig

MATCH = "envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig"
REWRITE = "envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig"


def path_template(place: Place, policy: TypedExtensionConfig) -> Matcher:
    """`path_match_policy`. Envoy has one kind of it."""
    here = place.at("typed_config")
    kind = type_of(here, policy.typed_config)
    if kind != MATCH or policy.typed_config is None:
        raise place.rejected(f"{kind or 'a policy without a type'} is not supported")
    config = open_message(here, UriTemplateMatchConfig, policy.typed_config.value)
    try:
        return PathTemplate(config.path_template)
    except Rejected as error:
        raise here.rejected(error.reason, "path_template") from None


def template_rewrite(place: Place, policy: TypedExtensionConfig, match: tuple[Matcher, ...]) -> TemplateRewrite:
    """`path_rewrite_policy` of a route that matches like this. Envoy has one kind of it."""
    here = place.at("typed_config")
    kind = type_of(here, policy.typed_config)
    if kind != REWRITE or policy.typed_config is None:
        raise place.rejected(f"{kind or 'a policy without a type'} is not supported")
    config = open_message(here, UriTemplateRewriteConfig, policy.typed_config.value)
    rewrite = TemplateRewrite(config.path_template_rewrite)
    try:
        compile_template(rewrite, match)
    except Rejected as error:
        raise here.rejected(error.reason, "path_template_rewrite") from None
    return rewrite
