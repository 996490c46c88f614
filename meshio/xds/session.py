"""One ADS conversation, state of the world, without any I/O.

Listeners and clusters come whole: what a reply does not hold is gone. Route tables and load assignments may come
in part, so a reply never deletes by omission: they go when nothing names them any more.

https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
"""

from dataclasses import dataclass

from meshio.xds.discovery import ALL, NO_CHANGE, Ask, Change, Faults, Names, Reply, error_text, in_order, wanted_again


@dataclass(slots=True)
class Subscription:
    """What is wanted of one type, and where the conversation about it stands.

    sent         the names of the last request on this stream; None before the first
    version      of the last reply that was accepted as a whole
    unconfirmed  names were changed under a nonce that the server may have outrun, in which case it ignored them
    regained     names that were given up and are wanted again, where the server may not have seen the first of it:
                 it answers only what is new to it
    """

    names: Names = frozenset()
    sent: Names | None = None
    version: str = ""
    nonce: str = ""
    unconfirmed: bool = False
    regained: frozenset[str] = frozenset()


class Session:
    """A `Conversation` in state of the world. `order` is the order in which types are asked for."""

    def __init__(self, order: tuple[str, ...] = ()) -> None:
        self._order = order
        self._subscriptions: dict[str, Subscription] = {}
        self._answers: list[tuple[Reply, Faults]] = []
        self._outbox: list[Ask] = []

    def want(self, type_url: str, names: Names) -> None:
        """Be subscribed to exactly these resources of one type from now on."""
        if subscription := self._subscriptions.get(type_url):
            again = wanted_again(names, subscription.names, subscription.sent)
            if again:
                self._outbox = self.to_send()
            if names != ALL and (again or subscription.unconfirmed):
                subscription.regained |= names - subscription.names
            subscription.names = names
        elif names:  # no names in a first request would mean all of them
            self._subscriptions[type_url] = Subscription(names)

    def receive(self, reply: Reply) -> Change:
        """Only what is wanted counts; a reply about a type that was never asked for changes nothing."""
        subscription = self._subscriptions.get(reply.type_url)
        if not subscription:
            return NO_CHANGE
        if subscription.names == ALL:
            return Change(reply.resources, full=True)
        subscription.regained -= {resource.name for resource in reply.resources}
        return Change(tuple(resource for resource in reply.resources if resource.name in subscription.names))

    def answer(self, reply: Reply, faults: Faults) -> None:
        """ACK or NACK. A NACK repeats the version of the last good reply."""
        self._answers.append((reply, faults))

    def reconnected(self) -> None:
        """Repeat every subscription. Versions outlive a stream, nonces do not."""
        self._answers.clear()
        self._outbox.clear()
        for subscription in self._subscriptions.values():
            subscription.nonce, subscription.sent, subscription.unconfirmed = "", None, False
            subscription.regained = frozenset()

    def to_send(self) -> list[Ask]:
        """Answers first, each with the names that are wanted by now, then what else changed."""
        answers, self._answers = self._answers, []
        asks, self._outbox = self._outbox, []
        latest = {reply.type_url: reply for reply, _ in answers}
        asks += [self._answered(reply, faults, latest[reply.type_url] is reply) for reply, faults in answers]
        return asks + [
            self._renewed(type_url)
            for type_url in in_order(self._order, self._subscriptions)
            if self._is_stale(self._subscriptions[type_url])
        ]

    def _answered(self, reply: Reply, faults: Faults, latest: bool) -> Ask:
        error = error_text(faults)
        subscription = self._subscriptions.get(reply.type_url)
        if not subscription:
            return Ask(reply.type_url, (), "", reply.nonce, error)
        subscription.nonce = reply.nonce
        if error:  # istiod does not look at the names of a NACK: those wanted now go out by themselves
            names = subscription.sent or frozenset()
            if subscription.unconfirmed:
                subscription.sent = None
        elif not latest:  # the server is further: it does not look at these names either
            names, subscription.version = subscription.sent or subscription.names, reply.version
        else:  # what is regained goes, and comes again with the next request
            names = subscription.sent = subscription.names - subscription.regained
            subscription.version, subscription.unconfirmed = reply.version, False
        return Ask(reply.type_url, listed(names), subscription.version, reply.nonce, error)

    def _renewed(self, type_url: str) -> Ask:
        subscription = self._subscriptions[type_url]
        subscription.sent = subscription.names
        subscription.unconfirmed = bool(subscription.nonce)
        return Ask(type_url, listed(subscription.names), subscription.version, subscription.nonce)

    @staticmethod
    def _is_stale(subscription: Subscription) -> bool:
        if subscription.sent is None and not subscription.nonce:
            return bool(subscription.names)
        return subscription.names != subscription.sent


def listed(names: Names) -> tuple[str, ...]:
    """As the wire has it: sorted, and nothing for everything."""
    return () if names == ALL else tuple(sorted(names))
