"""A filter that only some requests pass through: a tree of questions says which of them skip it.

Envoy: source/common/http/match_delegate/config.cc, checked on 1.40.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from meshio.matching.inputs import placed
from meshio.matching.tree import InTurn, Tree
from meshio.message import Layer, Request, Response, Send
from meshio.resilience.site import Site
from meshio.routing.filters import settled

NOBODY: Tree[None] = InTurn(())


@dataclass(frozen=True, slots=True)
class Skipping:
    """What a level of a route table says about who skips a filter."""

    skip: Tree[None]

    def around(self, send: Send) -> Send:
        """Nothing by itself."""
        return send


@dataclass(frozen=True, slots=True)
class Conditional:
    """`inner`, for requests that `skip` leads nowhere for. None: no request passes through it."""

    inner: Layer
    skip: Tree[None] | None = NOBODY

    def settled(self, levels: Sequence[Layer], site: Site) -> Layer:
        """The most specific level that speaks of the tree counts for the tree, and for the filter likewise."""
        trees = [level.skip for level in levels if isinstance(level, Skipping)]
        inner = settled(self.inner, [level for level in levels if not isinstance(level, Skipping)], site)
        skip = trees[0] if trees else self.skip
        return Conditional(inner, placed(skip, site.address) if skip is not None else None)

    def around(self, send: Send) -> Send:
        """Nobody who skips the filter waits for it."""
        if self.skip is None or (inside := self.inner.around(send)) is send:
            return send
        within, find = inside, self.skip.find(lambda action: True)

        def divided(request: Request) -> Awaitable[Response]:
            return send(request) if find(request) else within(request)

        return divided

    def __str__(self) -> str:
        return f"{self.inner} under a condition"
