"""Who serves while the tables of a new pick are being built."""

from collections.abc import Mapping, Sequence

from meshio.balancing.locality import Spread, Tier, compose
from meshio.balancing.policy import Pick
from meshio.balancing.uniform import Random
from meshio.message import Request
from meshio.upstream.endpoint import Address
from meshio.upstream.host import UNFIT, Host


def standby(
    former: Pick[Host], tiers: Sequence[Tier[Host]], spread: Spread, hosts: Mapping[Address, Host]
) -> Pick[Host] | None:
    """The former pick, as long as it names a host that is still there and fit; instead of any other, one by chance.

    None when no host may be picked.
    """
    chance = compose(Random(), tiers, spread)
    if chance is None:
        return None

    def pick(request: Request) -> Host:
        host = former(request)
        fit = host.condition is not UNFIT and hosts.get(host.endpoint.address) is host
        return host if fit else chance(request)

    return pick
