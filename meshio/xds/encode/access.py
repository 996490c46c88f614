"""Access rules -> RBAC."""

from ipaddress import ip_network

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
from meshio.errors import Rejected
from meshio.matching import FilterState, FilterStateAddress, Metadata, PathTemplate
from meshio.xds.encode.matching import MATCH_TEMPLATE, encode_question
from meshio.xds.encode.notes import encode_filter_state, encode_metadata
from meshio.xds.encode.parts import extension, packed
from meshio.xds.encode.text import encode_text
from meshio.xds.encode.tree import encode_tree
from meshio.xds.proto.envoy.config.core.v3 import CidrRange
from meshio.xds.proto.envoy.config.rbac.v3 import Action as ActionMessage
from meshio.xds.proto.envoy.config.rbac.v3 import (
    Permission,
    PermissionSet,
    Principal,
    PrincipalAuthenticated,
    PrincipalSet,
    RbacAction,
)
from meshio.xds.proto.envoy.config.rbac.v3 import Policy as PolicyMessage
from meshio.xds.proto.envoy.config.rbac.v3 import Rbac as RulesMessage
from meshio.xds.proto.envoy.config.route.v3 import HeaderMatcher
from meshio.xds.proto.envoy.extensions.filters.http.rbac.v3 import Rbac
from meshio.xds.proto.envoy.extensions.path.match.uri_template.v3 import UriTemplateMatchConfig
from meshio.xds.proto.envoy.type.matcher.v3 import PathMatcher
from meshio.xds.proto.envoy.type.v3 import Int32Range
from meshio.xds.proto.google.protobuf import Any

ACTIONS: dict[Action, RbacAction] = {"allow": RbacAction.ALLOW, "deny": RbacAction.DENY, "log": RbacAction.LOG}


def encode_access(access: Access) -> Rbac:
    match access.rules:
        case Rules():
            return Rbac(rules=encode_rules(access.rules))
        case Decision(tree):
            return Rbac(matcher=encode_tree(tree, encode_verdict))
    return Rbac()


def encode_verdict(verdict: Verdict) -> Any:
    return packed(ActionMessage(verdict.name, ACTIONS[verdict.action]))


def encode_rules(rules: Rules) -> RulesMessage:
    policies = {policy.name: encode_policy(policy) for policy in rules.policies}
    return RulesMessage(action=ACTIONS[rules.action], policies=policies)


def encode_policy(policy: Policy) -> PolicyMessage:
    return PolicyMessage(
        permissions=[encode_permission(each) for each in policy.permissions],
        principals=[encode_principal(each) for each in policy.principals],
    )


def encode_permission(term: Term) -> Permission:
    """Raises Rejected for what xDS cannot ask of a permission."""
    match term:
        case All(terms):
            return Permission(and_rules=PermissionSet(rules=[encode_permission(each) for each in terms]))
        case AnyOf(terms):
            return Permission(or_rules=PermissionSet(rules=[encode_permission(each) for each in terms]))
        case Not(inner):
            return Permission(not_rule=encode_permission(inner))
        case Anything():
            return Permission(any=True)
        case UrlPath(question):
            return Permission(url_path=PathMatcher(path=encode_text(question)))
        case Port(ports):
            return Permission(destination_port_range=Int32Range(start=ports.start, end=ports.stop))
        case ServerName(question):
            return Permission(requested_server_name=encode_text(question))
        case Asked(Metadata() as metadata):
            return Permission(metadata=encode_metadata(metadata))
        case Asked(PathTemplate(template)):
            uri = extension(MATCH_TEMPLATE, UriTemplateMatchConfig(path_template=template))
            return Permission(uri_template=uri)
        case Asked(header):
            return Permission(header=encode_asked(header))
    raise Rejected(str(term), "permissions", "xDS has no such permission")


def encode_principal(term: Term) -> Principal:
    """Raises Rejected for what xDS cannot ask of a principal."""
    match term:
        case All(terms):
            return Principal(and_ids=PrincipalSet(ids=[encode_principal(each) for each in terms]))
        case AnyOf(terms):
            return Principal(or_ids=PrincipalSet(ids=[encode_principal(each) for each in terms]))
        case Not(inner):
            return Principal(not_id=encode_principal(inner))
        case Anything():
            return Principal(any=True)
        case UrlPath(question):
            return Principal(url_path=PathMatcher(path=encode_text(question)))
        case Authenticated():
            return Principal(authenticated=PrincipalAuthenticated())
        case Direct(network):
            return Principal(direct_remote_ip=encode_network(network))
        case Remote(network):
            return Principal(remote_ip=encode_network(network))
        case Asked(Metadata() as metadata):
            return Principal(metadata=encode_metadata(metadata))
        case Asked(FilterState() | FilterStateAddress() as state):
            return Principal(filter_state=encode_filter_state(state))
        case Asked(header):
            return Principal(header=encode_asked(header))
    raise Rejected(str(term), "principals", "xDS has no such principal")


def encode_asked(question: object) -> HeaderMatcher:
    encoded = encode_question(question)
    if isinstance(encoded, HeaderMatcher):
        return encoded
    raise Rejected(str(question), "header", "is not about a header")


def encode_network(network: str) -> CidrRange:
    block = ip_network(network, strict=False)
    return CidrRange(address_prefix=str(block.network_address), prefix_len=block.prefixlen)
