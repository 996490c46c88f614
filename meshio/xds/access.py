"""The RBAC filter -> `Access`. A condition that is not supported refuses the whole: left out, it would open a door."""

from meshio.access.rules import Access, Action, Decision, Policy, Rules, Verdict
from meshio.access.term import (
    All,
    AnyOf,
    Anything,
    Asked,
    Authenticated,
    Direct,
    Not,
    Port,
    Remote,
    ServerName,
    Term,
    UrlPath,
)
from meshio.xds.cidr import cidr
from meshio.xds.extension import open_message
from meshio.xds.inputs import CONNECTION
from meshio.xds.matching import header_matcher, text
from meshio.xds.notes import filter_state_matcher, metadata_matcher
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.rbac.v3 import Action as ActionMessage
from meshio.xds.proto.envoy.config.rbac.v3 import MetadataSource, Permission, Principal, RbacAction, SourcedMetadata
from meshio.xds.proto.envoy.config.rbac.v3 import Policy as PolicyMessage
from meshio.xds.proto.envoy.config.rbac.v3 import Rbac as RulesMessage
from meshio.xds.proto.envoy.extensions.filters.http.rbac.v3 import Rbac, RbacPerRoute
from meshio.xds.proto.envoy.type.matcher.v3 import PathMatcher
from meshio.xds.proto.envoy.type.v3 import Int32Range
from meshio.xds.template import path_template
from meshio.xds.tree import Grammar, translate_tree

ACTIONS: dict[int, Action] = {RbacAction.ALLOW: "allow", RbacAction.DENY: "deny", RbacAction.LOG: "log"}
ACTION = "envoy.config.rbac.v3.Action"
LAST_PORT = 65536  # Envoy's bound of a range, which it does not include


def translate_access(place: Place, raw: bytes) -> Access:
    """The filter's own config."""
    return access(place, open_message(place, Rbac, raw))


def translate_override(place: Place, raw: bytes) -> Access:
    """What one level of a route table says; without rules everything may pass."""
    config = open_message(place, RbacPerRoute, raw)
    return access(place.at("rbac"), config.rbac) if config.rbac is not None else Access()


def access(place: Place, config: Rbac) -> Access:
    """A tree goes before rules, as in Envoy."""
    said = rules(place.at("rules"), config.rules) if config.rules is not None else None
    if config.matcher is None:
        return Access(said)
    return Access(Decision(translate_tree(place.at("matcher"), config.matcher, GRAMMAR)))


def verdict(place: Place, kind: str, raw: bytes) -> Verdict:
    """Where a tree ends."""
    if kind != ACTION:
        raise place.rejected(f"{kind or 'an action without a type'} is not supported")
    message = open_message(place, ActionMessage, raw)
    if not message.name:
        raise place.rejected("is required", "name")
    return Verdict(message.name, action_of(place, message.action))


GRAMMAR = Grammar(verdict, CONNECTION, notes=True)


def action_of(place: Place, value: int) -> Action:
    action = ACTIONS.get(value)
    if action is None:
        raise place.rejected(f"{int(value)} is unknown", "action")
    return action


def rules(place: Place, message: RulesMessage) -> Rules:
    action = action_of(place, message.action)
    named = sorted(message.policies.items())
    return Rules(action, tuple(policy(place.at("policies", name), name, each) for name, each in named))


def policy(place: Place, name: str, message: PolicyMessage) -> Policy:
    if not message.permissions:
        raise place.rejected("must not be empty", "permissions")
    if not message.principals:
        raise place.rejected("must not be empty", "principals")
    return Policy(
        name,
        tuple(permission(place.at("permissions", i), each) for i, each in enumerate(message.permissions)),
        tuple(principal(place.at("principals", i), each) for i, each in enumerate(message.principals)),
    )


def permission(place: Place, message: Permission) -> Term:
    """What may be done."""
    if message.and_rules is not None:
        return All(permissions(place.at("and_rules"), message.and_rules.rules))
    if message.or_rules is not None:
        return AnyOf(permissions(place.at("or_rules"), message.or_rules.rules))
    if message.not_rule is not None:
        return Not(permission(place.at("not_rule"), message.not_rule))
    if (port := message.destination_port) is not None:
        if port >= LAST_PORT:
            raise place.rejected(f"{port} is not a port", "destination_port")
        return Port(range(port, port + 1))
    if message.destination_port_range is not None:
        return port_range(place.at("destination_port_range"), message.destination_port_range)
    if message.requested_server_name is not None:
        return ServerName(text(place.at("requested_server_name"), message.requested_server_name))
    if message.uri_template is not None:
        return Asked(path_template(place.at("uri_template"), message.uri_template))
    if (both := shared(place, message)) is not None:
        return both
    raise place.rejected("says no permission")


def shared(place: Place, message: Permission | Principal) -> Term | None:
    """What may be asked on either side."""
    if message.any is not None:
        return anything(place, message.any)
    if message.header is not None:
        return Asked(header_matcher(place.at("header"), message.header))
    if message.url_path is not None:
        return url_path(place.at("url_path"), message.url_path)
    if message.metadata is not None:
        return Asked(metadata_matcher(place.at("metadata"), message.metadata))
    if message.sourced_metadata is not None:
        return sourced(place.at("sourced_metadata"), message.sourced_metadata)
    return None


def permissions(place: Place, messages: list[Permission]) -> tuple[Term, ...]:
    if not messages:
        raise place.rejected("must not be empty", "rules")
    return tuple(permission(place.at("rules", index), each) for index, each in enumerate(messages))


def principal(place: Place, message: Principal) -> Term:
    """Who may do it."""
    if message.and_ids is not None:
        return All(principals(place.at("and_ids"), message.and_ids.ids))
    if message.or_ids is not None:
        return AnyOf(principals(place.at("or_ids"), message.or_ids.ids))
    if message.not_id is not None:
        return Not(principal(place.at("not_id"), message.not_id))
    if message.authenticated is not None:
        return Authenticated()
    if message.source_ip is not None:
        return Direct(cidr(place.at("source_ip"), message.source_ip))
    if message.direct_remote_ip is not None:
        return Direct(cidr(place.at("direct_remote_ip"), message.direct_remote_ip))
    if message.remote_ip is not None:
        return Remote(cidr(place.at("remote_ip"), message.remote_ip))
    if message.filter_state is not None:
        return Asked(filter_state_matcher(place.at("filter_state"), message.filter_state))
    if (both := shared(place, message)) is not None:
        return both
    raise place.rejected("says no principal")


def principals(place: Place, messages: list[Principal]) -> tuple[Term, ...]:
    if not messages:
        raise place.rejected("must not be empty", "ids")
    return tuple(principal(place.at("ids", index), each) for index, each in enumerate(messages))


def anything(place: Place, said: bool) -> Anything:
    if not said:
        raise place.rejected("must be true", "any")
    return Anything()


def sourced(place: Place, message: SourcedMetadata) -> Asked:
    """Of the request's metadata, not the route's."""
    if message.metadata_source != MetadataSource.DYNAMIC:
        raise place.rejected("a route's metadata is not asked about", "metadata_source")
    if message.metadata_matcher is None:
        raise place.rejected("is required", "metadata_matcher")
    return Asked(metadata_matcher(place.at("metadata_matcher"), message.metadata_matcher))


def url_path(place: Place, message: PathMatcher) -> UrlPath:
    if message.path is None:
        raise place.rejected("is required", "path")
    return UrlPath(text(place.at("path"), message.path))


def port_range(place: Place, message: Int32Range) -> Port:
    if not 0 <= message.start < message.end <= LAST_PORT:
        raise place.rejected(f"{message.start} to {message.end} is not a range of ports")
    return Port(range(message.start, message.end))
