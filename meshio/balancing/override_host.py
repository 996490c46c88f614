"""The request says itself which hosts it wants, in the order in which to try them.

Envoy: source/extensions/load_balancing_policies/override_host/load_balancer.cc. Each attempt takes the next of them;
hosts that the cluster does not have are passed over, and their health is not asked for.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias

from meshio.balancing.locality import Inner, Spread, Tier
from meshio.balancing.policy import PORTION, C, Pick, Policy
from meshio.errors import NoHealthyHost
from meshio.message import Request

Source: TypeAlias = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OverrideHost:
    """child     the policy for requests that name no host, or have none left
    headers   that name hosts ("ip:port", several with commas); all of them count, one after the other. A path in
              the request's metadata may stand in a header's place
    """

    child: Policy
    headers: tuple[Source, ...]

    def over(self, candidates: tuple[C, ...]) -> Pick[C]:
        """Where nobody knows names, the other policy decides."""
        return self.child.over(candidates)

    def arranging(
        self, tiers: Sequence[Tier[C]], spread: Spread, inner: Inner[C]
    ) -> Generator[None, None, Pick[C] | None]:
        """Look hosts up by name, over all priorities and in whatever health."""
        hosts: dict[str, C] = {}
        for group in chain.from_iterable(tiers):
            for start in range(0, len(group.hosts), PORTION):
                if start:
                    yield
                hosts.update((host.name, host) for host in group.hosts[start : start + PORTION])
        otherwise = yield from inner(tiers, spread)
        if not hosts:
            return None
        names = tuple(name if isinstance(name, tuple) else name.encode() for name in self.headers)

        def pick(request: Request) -> C:
            left = getattr(request, "named", None)
            if left is None:
                left = request.named = hosts_named(request, names)
            while left:
                host = hosts.get(left.pop(0))
                if host is not None:
                    return host
            if otherwise is None:
                raise NoHealthyHost("none of the hosts that the request names is there, nor any healthy one")
            return otherwise(request)

        return pick


def hosts_named(request: Request, names: tuple[bytes | tuple[str, ...], ...]) -> list[str]:
    """What the first of each header says, or the metadata."""
    found: list[str] = []
    for name in names:
        value = noted(request, name) if isinstance(name, tuple) else (request.header(name) or b"").decode("latin-1")
        found += [part.strip() for part in value.split(",") if part.strip()]
    return found


def noted(request: Request, path: tuple[str, ...]) -> str:
    """A text in the request's metadata; "" for none."""
    found: object = request.notes.metadata if request.notes is not None else None
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else ""
