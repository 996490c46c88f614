"""Who may do what: the access rules of the RBAC filter (Envoy: rbac_filter.cc, engine_impl.cc, measured on 1.40)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from meshio.access.term import AnyOf, Term
from meshio.errors import Denied
from meshio.matching import Test
from meshio.matching.inputs import placed
from meshio.matching.tree import Tree
from meshio.message import Layer, Request, Response, Send
from meshio.resilience.site import Site

Action: TypeAlias = Literal["allow", "deny", "log"]
SPACE = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Policy:
    """Some permissions, of which one must match, for some principals, of which one must."""

    name: str
    permissions: tuple[Term, ...]
    principals: tuple[Term, ...]

    def against(self, address: str) -> Test:
        permitted, who = AnyOf(self.permissions).against(address), AnyOf(self.principals).against(address)
        return lambda request: permitted(request) and who(request)


@dataclass(frozen=True, slots=True)
class Rules:
    """allow: what a policy matches may pass; deny: what none matches may; log: everything may.

    Policies are asked in the order of their names, and the first that matches is named in the refusal.
    """

    action: Action
    policies: tuple[Policy, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a request, and the name of what says so."""

    name: str
    action: Action


@dataclass(frozen=True, slots=True)
class Decision:
    """A tree of questions that ends in verdicts. What it does not decide about may not pass."""

    tree: Tree[Verdict]


@dataclass(frozen=True, slots=True)
class Access:
    """The filter. None: no rules, everything may pass."""

    rules: Rules | Decision | None = None
    address: str = "127.0.0.1"

    def settled(self, levels: Sequence[Layer], site: Site) -> Layer:
        """The most specific level counts."""
        own = levels[0] if levels else self
        assert isinstance(own, Access)
        return replace(own, address=site.address)

    def around(self, send: Send) -> Send:
        """Raises Denied."""
        rules = self.rules
        if isinstance(rules, Decision):
            return decided(send, placed(rules.tree, self.address))
        if rules is None or rules.action == "log":
            return send
        allow = rules.action == "allow"
        policies = sorted(rules.policies, key=lambda policy: policy.name.encode())
        tests = [(SPACE.sub("_", policy.name), policy.against(self.address)) for policy in policies]

        async def guarded(request: Request) -> Response:
            matched = next((name for name, test in tests if test(request)), None)
            if (matched is not None) is not allow:
                raise Denied("none" if matched is None else matched)
            return await send(request)

        return guarded


def decided(send: Send, tree: Tree[Verdict]) -> Send:
    """Raises Denied for what the tree denies, and for what it says nothing about."""
    find = tree.find(lambda verdict: (SPACE.sub("_", verdict.name), verdict.action))

    async def guarded(request: Request) -> Response:
        name, action = find(request) or ("none", "deny")
        if action == "deny":
            raise Denied(name)
        return await send(request)

    return guarded
