"""Serving state of the world: listeners and clusters whole, route tables and load assignments in part, as istiod does.

istio/istio pkg/xds/server.go (`ShouldRespond`) is the model for what is answered and what is not.
"""

from meshio.controlplane.conversation import EVERYTHING, Conversation, Watch
from meshio.controlplane.offer import ORDER, WHOLE_KINDS
from meshio.xds.discovery import Ask, Reply, Resource


class WholeState(Conversation[Ask]):
    """A `Conversation` in state of the world."""

    def hear(self, ask: Ask) -> None:
        """A nonce that is not the last one answers an outrun reply and is ignored. A kind that is not served, too."""
        watch = self._watches.get(ask.type_url)
        if ask.type_url not in ORDER:
            return
        if watch is None or not ask.nonce:
            self._watches[ask.type_url] = self._begin(ask)
        elif ask.nonce == watch.nonce:
            watch.error = ask.error
            self._rename(watch, ask)

    @staticmethod
    def _begin(ask: Ask) -> Watch:
        names = set(ask.names) - {EVERYTHING}
        everything = ask.type_url in WHOLE_KINDS and (not names or EVERYTHING in ask.names)
        return Watch(names, everything, owed=bool(names) or everything)

    @staticmethod
    def _rename(watch: Watch, ask: Ask) -> None:
        """Added names are answered even if the client held them once; an empty list after names unsubscribes."""
        names = set(ask.names) - {EVERYTHING}
        if not names and watch.everything:
            return
        watch.due |= names - watch.names
        watch.names, watch.everything = names, EVERYTHING in ask.names
        if not watch.everything:
            watch.held = {name: version for name, version in watch.held.items() if name in names}
            watch.due &= names

    def _compose(self, kind: str, watch: Watch) -> Reply | None:
        wanted = sorted(watch.wanted(kind, self._offer))
        found = [each for name in wanted if (each := self._find(kind, name))]
        news = [each for each in found if watch.lacks(each)]
        if kind not in WHOLE_KINDS:
            send = found if watch.owed else news
            return self._send(kind, send, []) if send else None
        gone = watch.held.keys() - {each.name for each in found}
        if not (news or gone or watch.owed):
            return None
        for name in gone:
            del watch.held[name]
        return self._send(kind, found, [])

    def _find(self, kind: str, name: str) -> Resource | None:
        return self._offer.find(kind, name) or self._offer.blank(kind, name)
