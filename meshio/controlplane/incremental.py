"""Serving incremental xDS: only what changed, and the names of what is gone.

istio/istio pkg/xds/delta.go is the model where the protocol leaves a choice.
"""

from meshio.controlplane.conversation import EVERYTHING, Conversation, Watch
from meshio.controlplane.offer import ORDER, WHOLE_KINDS
from meshio.xds.discovery import DeltaAsk, Reply, Resource
from meshio.xds.types import ROUTES


class Incremental(Conversation[DeltaAsk]):
    """An incremental `Conversation`."""

    def hear(self, ask: DeltaAsk) -> None:
        """Changes of subscription count whatever the nonce; a kind that is not served is ignored."""
        if ask.type_url not in ORDER:
            return
        watch = self._watches.get(ask.type_url)
        if watch is None:
            self._watches[ask.type_url] = self._begin(ask)
            return
        if ask.nonce and ask.nonce == watch.nonce:
            watch.error = ask.error
        self._subscribe(watch, ask)

    @staticmethod
    def _begin(ask: DeltaAsk) -> Watch:
        """What the client says it knows from an earlier stream is not sent again while it is the same."""
        names = set(ask.subscribe) - {EVERYTHING}
        everything = ask.type_url in WHOLE_KINDS and (not names or EVERYTHING in ask.subscribe)
        if not everything:
            names |= ask.known.keys()
        return Watch(names, everything, dict(ask.known), owed=everything)

    @staticmethod
    def _subscribe(watch: Watch, ask: DeltaAsk) -> None:
        """Subscribing anew to a name means wanting it again; unsubscribing from it forgets what the client has."""
        added, dropped = set(ask.subscribe), set(ask.unsubscribe)
        if EVERYTHING in added:
            watch.everything = watch.owed = True
        elif EVERYTHING in dropped:
            watch.everything = False
        watch.names = (watch.names - dropped) | (added - {EVERYTHING})
        watch.due = (watch.due - dropped) | (added - {EVERYTHING})
        if not watch.everything:
            watch.held = {name: version for name, version in watch.held.items() if name in watch.names}

    def _compose(self, kind: str, watch: Watch) -> Reply | None:
        wanted = watch.wanted(kind, self._offer)
        found = {name: each for name in sorted(wanted) if (each := self._find(kind, name))}
        news = [each for each in found.values() if watch.lacks(each)]
        gone = sorted(name for name in watch.held.keys() | wanted if name not in found and self._is_news(watch, name))
        if not (news or gone or watch.owed):
            return None
        reply = self._send(kind, news, gone)
        watch.held |= dict.fromkeys(gone)
        watch.held = {name: version for name, version in watch.held.items() if name in wanted}
        return reply

    @staticmethod
    def _is_news(watch: Watch, name: str) -> bool:
        """Whether the client has to be told that there is no such resource."""
        return name in watch.due or watch.held.get(name, "") is not None

    def _find(self, kind: str, name: str) -> Resource | None:
        """An unknown route table is an empty one, as in istiod; anything else that is unknown is removed."""
        return self._offer.find(kind, name) or (self._offer.blank(kind, name) if kind == ROUTES else None)
