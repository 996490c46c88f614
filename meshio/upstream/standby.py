"""Who serves while a new pick is being built."""

from collections.abc import Callable, Mapping, Sequence

from meshio.balancing.arrange import Outer
from meshio.balancing.locality import Spread, Tier, compose
from meshio.balancing.policy import Pick, Policy
from meshio.balancing.uniform import Random
from meshio.errors import NoHealthyHost
from meshio.message import Request
from meshio.upstream.endpoint import Address
from meshio.upstream.host import UNFIT, Host

TRIES = 16  # draws of the former pick, where only that knows whom a request may go to


def standby(
    policy: Policy,
    former: Pick[Host],
    tiers: Sequence[Tier[Host]],
    spread: Spread,
    hosts: Mapping[Address, Host],
) -> Pick[Host] | None:
    """The former pick, as long as it names a host that is still there and fit. None when no host may be picked.

    Instead of any other, one by chance; but where a request may not go to all hosts, another one that the former
    pick names.
    """

    def fit(host: Host) -> bool:
        return host.condition is not UNFIT and hosts.get(host.endpoint.address) is host

    chance = compose(Random(), tiers, spread)
    if chance is None:
        return None
    other = redrawn(former, fit) if isinstance(policy, Outer) else chance

    def pick(request: Request) -> Host:
        host = former(request)
        return host if fit(host) else other(request)

    return pick


def redrawn(former: Pick[Host], fit: Callable[[Host], bool]) -> Pick[Host]:
    def pick(request: Request) -> Host:
        for _ in range(TRIES):
            if fit(host := former(request)):
                return host
        raise NoHealthyHost("the hosts that were there a moment ago have left, or are ill")

    return pick
