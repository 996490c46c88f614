"""The serving side of one ADS stream, without any I/O: what a client asked for, what it has, what it is sent next.

`whole.WholeState` and `incremental.Incremental` are the two dialects. A conversation is pulled: the server calls
`say` when the last reply is on its way, so a client that reads slowly gets the newest state, never a queue of old ones.

https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Generic, TypeVar

from meshio.controlplane.offer import NOTHING, ORDER, Offer
from meshio.xds.discovery import Ask, DeltaAsk, Reply, Resource
from meshio.xds.types import ASSIGNMENT, CLUSTER

A = TypeVar("A", Ask, DeltaAsk)
EVERYTHING = "*"


@dataclass(slots=True)
class Watch:
    """One client's subscription to one kind.

    names       asked for by name
    everything  asked for all there is
    held        name -> version as sent last; None: the client knows that there is none
    due         to be sent again although it did not change
    owed        a reply has to go out even if there is nothing to say
    nonce       of the last reply
    error       why the client refused the last reply; "" when it took it
    """

    names: set[str] = field(default_factory=set)
    everything: bool = False
    held: dict[str, str | None] = field(default_factory=dict)
    due: set[str] = field(default_factory=set)
    owed: bool = False
    nonce: str = ""
    error: str = ""

    def wanted(self, kind: str, offer: Offer) -> set[str]:
        return self.names | set(offer.names(kind)) if self.everything else self.names

    def lacks(self, resource: Resource) -> bool:
        return resource.name in self.due or self.held.get(resource.name) != resource.version


class Conversation(ABC, Generic[A]):
    """What both dialects do alike: whose turn it is, and clusters before their endpoints."""

    def __init__(self, offer: Offer = NOTHING) -> None:
        self._offer = offer
        self._watches: dict[str, Watch] = {}
        self._nonces = count(1)

    @abstractmethod
    def hear(self, ask: A) -> None:
        """Take in a request: a subscription, an ACK, a NACK."""

    def offer(self, offer: Offer) -> None:
        """There is something new to be had. The last offer counts."""
        self._offer = offer

    def say(self) -> Reply | None:
        """What to send now, or None: nothing until something is heard or offered."""
        return next(self._replies(), None)

    def errors(self) -> Mapping[str, str]:
        """Kinds whose last reply was refused, and why."""
        return {kind: watch.error for kind, watch in self._watches.items() if watch.error}

    def _replies(self) -> Iterator[Reply]:
        for kind in ORDER:
            if (watch := self._watches.get(kind)) and (reply := self._compose(kind, watch)):
                yield reply

    @abstractmethod
    def _compose(self, kind: str, watch: Watch) -> Reply | None:
        """The reply that is due for one kind, if any. Sends it with `_send`."""

    def _send(self, kind: str, resources: list[Resource], removed: list[str]) -> Reply:
        """The reply, after everything that follows from sending it was noted down."""
        watch = self._watches[kind]
        if kind == CLUSTER:
            self._renew_endpoints([each.name for each in resources if watch.lacks(each)])
        watch.held.update((each.name, each.version) for each in resources)
        watch.due.clear()
        watch.owed = False
        watch.nonce = str(next(self._nonces))
        return Reply(kind, self._offer.versions.get(kind, ""), watch.nonce, tuple(resources), tuple(removed))

    def _renew_endpoints(self, clusters: list[str]) -> None:
        if watch := self._watches.get(ASSIGNMENT):
            watch.due |= {self._offer.needs.get(name, name) for name in clusters} & watch.names
