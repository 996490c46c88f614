"""Whose word counts: which requests may say with `x-envoy-*` headers how they want to be sent.

Envoy: conn_manager_utility.cc `mutateRequestHeaders`. As istiod configures connection managers nobody's word does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from meshio.message import Headers, Request

FORWARDED_FOR, INTERNAL_REQUEST, EXTERNAL = b"x-forwarded-for", b"x-envoy-internal", b"x-envoy-external-address"
EDGE = frozenset(
    (b"x-envoy-decorator-operation", b"x-envoy-downstream-service-cluster", b"x-envoy-downstream-service-node")
)


@dataclass(frozen=True, slots=True)
class Trust:
    """use_remote   the address of the application counts, which is the instance's; else what `x-forwarded-for` says

    networks     the addresses that are internal, as CIDRs
    appends      the application's address is added to `x-forwarded-for` where it counts
    """

    use_remote: bool = False
    networks: tuple[str, ...] = ()
    appends: bool = True

    def judge(self, address: str) -> Callable[[Request], bool]:
        """Whether a request that the instance at this address sends is internal."""
        networks = [ip_network(each, strict=False) for each in self.networks]

        def inside(text: str) -> bool:
            try:
                parsed = ip_address(text)
            except ValueError:
                return False
            return any(parsed in network for network in networks)

        own = inside(address)

        def internal(request: Request) -> bool:
            told = b",".join(value for name, value in request.headers if name == FORWARDED_FOR)
            if self.use_remote:
                return own and not told
            return b"," not in told and inside(told.strip().decode("latin-1"))

        return internal


NOBODY = Trust()


def marked(headers: Headers, trust: Trust, internal: bool, address: str) -> Headers:
    """The headers with what the connection manager found out about the sender."""
    edge = trust.use_remote and not internal
    kept = [header for header in headers if header[0] != INTERNAL_REQUEST and not (edge and header[0] in EDGE)]
    if edge:
        kept = [header for header in kept if header[0] != EXTERNAL]
    if trust.use_remote and trust.appends:
        told = b",".join([*(value for name, value in kept if name == FORWARDED_FOR), address.encode()])
        kept = [*(header for header in kept if header[0] != FORWARDED_FOR), (FORWARDED_FOR, told)]
    if edge:
        kept.append((EXTERNAL, address.encode()))
    if internal:
        kept.append((INTERNAL_REQUEST, b"true"))
    return kept
