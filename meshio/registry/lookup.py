"""Host names to addresses, in the family that is wanted."""

import asyncio
import socket
from typing import TYPE_CHECKING

from meshio.naming.resolver import Answer, Family, Resolver

if TYPE_CHECKING:
    from meshio.registry.cares import Channels

FAMILIES: dict[Family, tuple[socket.AddressFamily, ...]] = {
    "auto": (socket.AF_INET6, socket.AF_INET),
    "v4": (socket.AF_INET,),
    "v6": (socket.AF_INET6,),
    "v4_preferred": (socket.AF_INET, socket.AF_INET6),
    "all": (socket.AF_UNSPEC,),
}
"""Which families are asked for, one after the other until there is an address (Envoy: `dual_resolution_`)."""

SYSTEM_TTL = 60  # seconds that the operating system's answers are good for (Envoy: getaddrinfo.cc)
UNKNOWN = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))


class Lookups:
    """Looks names up. Those that come together share what it takes."""

    def __init__(self) -> None:
        self._channels: Channels | None = None

    async def look_up(self, resolver: Resolver, host: str, family: Family) -> Answer:
        """The addresses of a host name. Never raises."""
        if resolver.system:
            return preferred(await ask_system(host), family)
        if self._channels is None:
            from meshio.registry.cares import Channels  # 18 ms, for those who look names up

            self._channels = Channels()
        answer = Answer()
        for each in FAMILIES[family]:
            answer = await self._channels.ask(resolver, host, each)
            if answer.addresses:
                break
        return answer


async def ask_system(host: str) -> Answer:
    """What the operating system says: of both families, without duplicates."""
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:  # a label that IDNA does not allow, as in "a..b"
        return Answer(failed=True, reason="Misformatted domain name")
    except socket.gaierror as error:
        return Answer((), error.errno not in UNKNOWN, error.strerror or str(error))
    except OSError as error:
        return Answer(failed=True, reason=str(error))
    return Answer(tuple(dict.fromkeys((str(info[4][0]), SYSTEM_TTL) for info in infos)))


def preferred(answer: Answer, family: Family) -> Answer:
    """What the family leaves of addresses of both."""
    v6 = tuple(each for each in answer.addresses if ":" in each[0])
    v4 = tuple(each for each in answer.addresses if ":" not in each[0])
    wanted = {"auto": v6 or v4, "v4": v4, "v6": v6, "v4_preferred": v4 or v6, "all": answer.addresses}[family]
    return Answer(wanted, answer.failed, answer.reason)
