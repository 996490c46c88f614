"""The other ways of a route: for requests that say themselves how long they wait, and for gRPC's.

Most requests say nothing, and pay nothing for this: what makes one special is found where the connection manager
looks at its headers anyway (`routing/hop.py`).
"""

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TypeAlias

from meshio.message import Request, Send
from meshio.routing.route import Forward, Route
from meshio.routing.upgrade import check_upgrade
from meshio.routing.wishes import Router, Wishes, check, granted, unheard, wishes_of
from meshio.routing.words import is_grpc

Compose: TypeAlias = Callable[[Route, bool], Send]
Find: TypeAlias = Callable[[Request], Send]
Others: TypeAlias = dict[Send, Find]
"""By the way that other requests of the route go."""

MOST = 64  # sets of words that are remembered for each route


def others(compose: Compose, route: Route, router: Router, upgrades: Collection[str] = ()) -> Find:
    """Find a request's way: compiled when the first one asks for it. Raises RefusedHeader, UpgradeRefused.

    `upgrades` are those that the listener allows.
    """
    action = route.action
    assert isinstance(action, Forward)
    known: dict[tuple[bool, Wishes], Send] = {}

    def find(request: Request) -> Send:
        check_upgrade(request, upgrades, action.upgrades)
        if router.strict:
            check(request, router)
        grpc, wishes = is_grpc(request), wishes_of(request.headers, router)
        send = known.get((grpc, wishes))
        if send is None:
            if len(known) >= MOST:
                known.clear()
            own = replace(route, action=granted(action, wishes, router)) if wishes else route
            send = known[grpc, wishes] = compose(own, grpc)
        if wishes:
            request.headers = unheard(request.headers, router)
        return send

    return find
