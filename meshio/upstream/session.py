"""Requests of a session: to the host that the session is with. Envoy: `HostUtility::selectOverrideHost`."""

from collections.abc import Callable
from typing import TypeAlias

from meshio.errors import NoHealthyHost
from meshio.message import Request
from meshio.upstream.host import Host
from meshio.upstream.upstream import Upstream

Admit: TypeAlias = Callable[[Request, int], Host]


def session_admission(upstream: Upstream) -> Admit:
    """`Upstream.admit` for requests that may belong to a session: the first try goes to the session's host.

    Where that is gone, or in a health that the cluster does not allow, a strict session has NoHealthyHost; another
    one goes where the policy says, as every retry does.
    """

    def admit(request: Request, avoid: int = 0) -> Host:
        name, strict = getattr(request, "session", ("", False))
        if not name or request.record.attempts:
            return upstream.admit(request, avoid)
        host = host_named(upstream, name)
        if host is None or host.health not in upstream.cluster.overridable:
            if strict:
                raise NoHealthyHost(f"cluster {upstream.name!r} has no host {name!r}, or it is ill")
            return upstream.admit(request, avoid)
        request.tried += (host,)
        return host

    return admit


def host_named(upstream: Upstream, name: str) -> Host | None:
    """The host at "ip:port"."""
    address, _, port = name.rpartition(":")
    if not port.isdecimal():
        return None
    host = upstream.hosts.get((address.strip("[]"), int(port)))
    return host if host is not None and host.name == name else None
