"""Who serves while a new pick is being built."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from meshio.balancing.arrange import Outer
from meshio.balancing.locality import Spread, Tier, compose
from meshio.balancing.policy import Pick, Policy
from meshio.balancing.uniform import Random
from meshio.errors import NoHealthyHost
from meshio.message import Request
from meshio.upstream.endpoint import Address
from meshio.upstream.host import UNFIT, Host

TRIES = 16  # draws of the former pick, where only that knows whom a request may go to
Standing: TypeAlias = Callable[[], tuple[Sequence[Tier[Host]], Spread]]


def standby(policy: Policy, former: Pick[Host], standing: Standing, hosts: Mapping[Address, Host]) -> Pick[Host]:
    """The former pick, as long as it names a host that is still there and fit.

    Instead of any other, one by chance; but where a request may not go to all hosts, another one that the former
    pick names. How the hosts stand is not looked at before that is needed: there may be thousands.
    """

    def fit(host: Host) -> bool:
        return host.condition is not UNFIT and hosts.get(host.endpoint.address) is host

    other = redrawn(former, fit) if isinstance(policy, Outer) else by_chance(standing)

    def pick(request: Request) -> Host:
        host = former(request)
        return host if fit(host) else other(request)

    return pick


def by_chance(standing: Standing) -> Pick[Host]:
    """Any host that may be picked. Raises NoHealthyHost."""
    known: list[Pick[Host]] = []

    def pick(request: Request) -> Host:
        if not known:
            known.append(compose(Random(), *standing()) or nobody)
        return known[0](request)

    return pick


def redrawn(former: Pick[Host], fit: Callable[[Host], bool]) -> Pick[Host]:
    """Another draw of the former pick; where the key says who is picked, the next one after those."""

    def pick(request: Request) -> Host:
        passed_over = request.passed_over
        try:
            for _ in range(TRIES):
                request.passed_over += 1
                if fit(host := former(request)):
                    return host
        finally:
            request.passed_over = passed_over
        return nobody(request)

    return pick


def nobody(request: Request) -> Host:
    raise NoHealthyHost("the hosts that were there a moment ago have left, or are ill")
