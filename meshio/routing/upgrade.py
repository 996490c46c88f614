"""Requests that want another protocol on their connection, a websocket above all: who lets them.

Envoy: http/utility.cc `isUpgrade`, filter_chain_helper / conn_manager_impl.cc `createUpgradeFilterChain`, checked on
1.40. HTTP/2 in plaintext is not asked for like this: such a wish is passed over.
"""

from collections.abc import Collection
from typing import TypeAlias

from meshio.errors import UpgradeRefused
from meshio.message import Request

UPGRADE = b"upgrade"
Upgrades: TypeAlias = tuple[tuple[str, bool], ...]
"""What a route says about kinds of upgrades, in lower case: allowed or not."""


def wanted(request: Request) -> str:
    """The protocol that a request asks for, in lower case; "" where it asks for none."""
    kind, asked = b"", False
    for name, value in request.headers:
        if name == UPGRADE:
            kind = value
        elif name == b"connection":
            asked = asked or any(word.strip().lower() == UPGRADE for word in value.split(b","))
    found = kind.lower().decode("latin-1") if asked else ""
    return "" if found == "h2c" else found


def check_upgrade(request: Request, listener: Collection[str], route: Upgrades = ()) -> None:
    """Raises UpgradeRefused, unless the route allows what the request wants, or says nothing and the listener does."""
    kind = wanted(request)
    if kind and not dict(route).get(kind, any(kind == each.lower() for each in listener)):
        raise UpgradeRefused(f"the mesh does not allow an upgrade to {kind!r} here")
