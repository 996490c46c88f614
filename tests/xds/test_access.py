"""Access rules that are refused, because leaving a condition out would open a door."""

import pytest

from meshio.errors import Rejected
from meshio.xds.access import translate_access
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import CidrRange, TypedExtensionConfig
from meshio.xds.proto.envoy.config.rbac.v3 import (
    MetadataSource,
    Permission,
    PermissionSet,
    Policy,
    Principal,
    PrincipalSet,
    SourcedMetadata,
)
from meshio.xds.proto.envoy.config.rbac.v3 import Rbac as Rules
from meshio.xds.proto.envoy.extensions.filters.http.rbac.v3 import Rbac
from meshio.xds.proto.envoy.type.matcher.v3 import MetadataMatcher
from meshio.xds.proto.xds.type.matcher.v3 import Matcher, MatcherOnMatch

ANY, ANYONE = Permission(any=True), Principal(any=True)


def allowing(permission: Permission = ANY, principal: Principal = ANYONE, **more: object) -> Rbac:
    policy = Policy(permissions=[permission], principals=[principal], **more)  # type: ignore[arg-type]
    return Rbac(rules=Rules(policies={"p": policy}))


REFUSED = {
    "a condition": (allowing(condition=b"x"), "policies[p].condition", "CEL"),
    "a checked condition": (allowing(checked_condition=b"x"), "policies[p].checked_condition", "CEL"),
    "a route's metadata": (
        allowing(Permission(sourced_metadata=SourcedMetadata(MetadataMatcher("f"), MetadataSource.ROUTE))),
        "sourced_metadata.metadata_source",
        "route's metadata",
    ),
    "metadata without a path": (
        allowing(Permission(metadata=MetadataMatcher("f"))),
        "permissions[0].metadata.path",
        "at least one key",
    ),
    "a destination": (allowing(Permission(destination_ip=CidrRange("10.0.0.0", 8))), "destination_ip", "not known"),
    "an extension deep inside": (
        allowing(
            Permission(
                not_rule=Permission(and_rules=PermissionSet(rules=[Permission(matcher=TypedExtensionConfig("x"))]))
            )
        ),
        "permissions[0].not_rule.and_rules.rules[0].matcher",
        "cannot be known",
    ),
    "an extension of who calls": (
        allowing(principal=Principal(or_ids=PrincipalSet(ids=[Principal(custom=TypedExtensionConfig("x"))]))),
        "principals[0].or_ids.ids[0].custom",
        "cannot be known",
    ),
    "a tree that leads nowhere": (Rbac(matcher=Matcher(on_no_match=MatcherOnMatch())), "on_no_match", "nowhere"),
    "an unknown action": (Rbac(rules=Rules(action=9)), "rules.action", "unknown"),  # type: ignore[arg-type]
    "an audit": (Rbac(rules=Rules(audit_logging_options=b"x")), "audit_logging_options", "not written"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_asked_refuses_the_whole(what: str) -> None:
    config, field, reason = REFUSED[what]
    with pytest.raises(Rejected, match=reason) as caught:
        translate_access(Place("l", "typed_config"), bytes(config))
    assert field in caught.value.field
