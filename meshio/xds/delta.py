"""One ADS conversation, incremental, without any I/O.

A change of subscription carries no nonce and never travels with an ACK: istiod answers the one and counts the other.

https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#incremental-xds
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from meshio.xds.discovery import (
    ALL,
    NO_CHANGE,
    Change,
    DeltaAsk,
    Faults,
    Names,
    Reply,
    Resource,
    error_text,
    in_order,
    wanted_again,
)


@dataclass(slots=True)
class Subscription:
    """What is wanted of one type, and what of it was accepted.

    sent       what the server knows on this stream; None before the first request
    versions   of every resource that was accepted and is still wanted
    """

    names: Names = frozenset()
    sent: Names | None = None
    versions: dict[str, str] = field(default_factory=dict)

    def wants(self, name: str) -> bool:
        return self.names == ALL or name in self.names


class Delta:
    """An incremental `Conversation`. `order` is the order in which types are asked for."""

    def __init__(self, order: tuple[str, ...] = ()) -> None:
        self._order = order
        self._subscriptions: dict[str, Subscription] = {}
        self._answers: list[DeltaAsk] = []

    def want(self, type_url: str, names: Names) -> None:
        """Be subscribed to exactly these resources of one type from now on."""
        if not names and type_url not in self._subscriptions:
            return
        subscription = self._subscriptions.setdefault(type_url, Subscription())
        if wanted_again(names, subscription.names, subscription.sent):
            self._answers = self.to_send()
        subscription.names = names
        for name in [name for name in subscription.versions if not subscription.wants(name)]:
            del subscription.versions[name]

    def receive(self, reply: Reply) -> Change:
        """Only what is wanted counts; a reply about a type that was never asked for changes nothing."""
        subscription = self._subscriptions.get(reply.type_url)
        if not subscription:
            return NO_CHANGE
        wants = subscription.wants
        news = (r for r in reply.resources if wants(r.name) and not is_heartbeat(r, subscription))
        return Change(tuple(news), frozenset(name for name in reply.removed if wants(name)))

    def answer(self, reply: Reply, faults: Faults) -> None:
        """ACK or NACK. What is good in a bad reply was taken over, and its version is remembered."""
        if subscription := self._subscriptions.get(reply.type_url):
            for resource in reply.resources:
                if resource.name not in faults and subscription.wants(resource.name):
                    subscription.versions[resource.name] = resource.version
            for name in reply.removed:
                subscription.versions.pop(name, None)
        self._answers.append(DeltaAsk(reply.type_url, nonce=reply.nonce, error=error_text(faults)))

    def reconnected(self) -> None:
        """Repeat every subscription, with the versions that are held, so that only news comes."""
        self._answers.clear()
        for subscription in self._subscriptions.values():
            subscription.sent = None

    def to_send(self) -> list[DeltaAsk]:
        """Answers first, then the changes of subscription."""
        answers, self._answers = self._answers, []
        return answers + list(self._renewed())

    def _renewed(self) -> Iterator[DeltaAsk]:
        for type_url in in_order(self._order, self._subscriptions):
            subscription = self._subscriptions[type_url]
            names, sent = subscription.names, subscription.sent
            if sent is None and names:
                subscription.sent = names
                known = {name: version for name, version in subscription.versions.items() if name}
                yield DeltaAsk(type_url, () if names == ALL else tuple(sorted(names)), known=known)
            elif sent is not None and names != sent:
                subscription.sent = names
                yield DeltaAsk(type_url, tuple(sorted(names - sent)), tuple(sorted(sent - names)))


def is_heartbeat(resource: Resource, subscription: Subscription) -> bool:
    """Nothing but a name and the version that is held: the resource's time to live was renewed."""
    held = subscription.versions.get(resource.name)
    return not resource.type_url and not resource.raw and resource.version == held
