"""Both dialects against a small model of istiod, in every order of events that hypothesis can think of.

Whatever happened: once everything is delivered, the client holds what it wants and nothing else, as the server has it.
"""

from collections import deque

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from meshio.xds.delta import Delta
from meshio.xds.discovery import ALL, Reply, Resource
from meshio.xds.session import Session

CDS, EDS = "cds", "eds"
NAMES = st.sampled_from("abcd")
TYPES = st.sampled_from([CDS, EDS])
SETS = st.frozensets(NAMES)


class Istiod:
    """What both dialects of the model share: the truth, and a connection with messages under way."""

    def __init__(self):
        self.truth = {CDS: {}, EDS: {}}
        self.clock = 0
        self.connect()

    def connect(self):
        self.replies = deque()
        self.known = {}  # type -> names, as the client asked for them on this stream
        self.nonces = {}
        self.has = {CDS: {}, EDS: {}}  # what the client said it has, or was sent

    def change(self, type_url, name):
        self.clock += 1
        self.truth[type_url][name] = str(self.clock)

    def remove(self, type_url, name):
        self.truth[type_url].pop(name, None)

    def visible(self, type_url):
        names, truth = self.known.get(type_url, frozenset()), self.truth[type_url]
        return {name: version for name, version in truth.items() if names == ALL or name in names}

    def absent(self, names):
        return names - self.truth[EDS].keys()

    def reply(self, type_url, resources, removed=()):
        self.clock += 1
        self.nonces[type_url] = f"n{self.clock}"
        sent = tuple(Resource(name, type_url, b"x", version) for name, version in resources.items())
        self.replies.append(Reply(type_url, str(self.clock), self.nonces[type_url], sent, tuple(removed)))


class Whole(Istiod):
    """pkg/xds/server.go: a NACK's names are not read, a stale nonce's neither; added names bring themselves only."""

    def hear(self, ask):
        if ask.error or (ask.nonce and ask.nonce != self.nonces.get(ask.type_url)):
            return
        names = frozenset(ask.names)
        before = self.known.get(ask.type_url)
        if before is None:
            assert names or ask.type_url == CDS, "a first request without names is for everything"
            self.known[ask.type_url] = ALL if ask.type_url == CDS else names
            self.push(ask.type_url)
        elif ask.type_url == EDS:
            self.known[EDS] = names
            if added := names - before:
                self.reply(EDS, {name: self.truth[EDS].get(name, "none") for name in added})

    def push(self, type_url):
        if type_url not in self.known:
            return
        if type_url == CDS:
            self.reply(CDS, self.visible(CDS))
        elif names := self.known[EDS]:
            self.reply(EDS, {name: self.truth[EDS].get(name, "none") for name in names})


class Incremental(Istiod):
    """pilot/pkg/xds/delta.go."""

    def hear(self, ask):
        kind = ask.type_url
        if ask.nonce:
            assert not ask.subscribe and not ask.unsubscribe and not ask.known, "a subscription in an answer"
            return
        added = frozenset(ask.subscribe)
        if kind not in self.known:
            assert kind == CDS or ask.known.keys() <= added, "what is known is also wanted"
            assert added or kind == CDS
            self.known[kind] = ALL if kind == CDS else added
            self.has[kind] = dict(ask.known)
            self.push(kind, absent=added - ask.known.keys())
            return
        self.known[kind] = (self.known[kind] | added) - frozenset(ask.unsubscribe)
        for name in (*ask.unsubscribe, *ask.subscribe):
            self.has[kind].pop(name, None)
        self.push(kind, absent=added)

    def push(self, type_url, absent=frozenset()):
        if type_url not in self.known:
            return
        visible, has = self.visible(type_url), self.has[type_url]
        news = {name: version for name, version in visible.items() if has.get(name) != version}
        gone = (has.keys() | absent) - visible.keys()
        self.has[type_url] = dict(visible)
        if news or gone:
            self.reply(type_url, news, sorted(gone))


class Conversations(RuleBasedStateMachine):
    server_class, client_class = Whole, Session

    def __init__(self):
        super().__init__()
        self.server, self.client = self.server_class(), self.client_class((CDS, EDS))
        self.requests = deque()
        self.wanted = {CDS: ALL, EDS: frozenset()}
        self.held = {CDS: {}, EDS: {}}
        self.refused = set()
        self.client.want(CDS, ALL)

    @rule(type_url=TYPES, name=NAMES)
    def the_server_changes(self, type_url, name):
        self.server.change(type_url, name)

    @rule(type_url=TYPES, name=NAMES)
    def the_server_forgets(self, type_url, name):
        self.server.remove(type_url, name)

    @rule(type_url=TYPES)
    def the_server_pushes(self, type_url):
        self.server.push(type_url)

    @rule(names=SETS)
    def other_names_are_wanted(self, names):
        self.wanted[EDS] = names
        self.client.want(EDS, names)
        self.held[EDS] = {name: version for name, version in self.held[EDS].items() if name in names}

    @precondition(lambda self: self.wanted[EDS])
    @rule(bad=SETS, names=SETS)
    def other_names_are_wanted_while_a_reply_is_answered(self, bad, names):
        self.server.push(EDS)
        while self.server.replies:
            self.the_client_hears(bad)
        self.other_names_are_wanted(names)

    @rule()
    def the_client_sends(self):
        self.requests.extend(self.client.to_send())

    @precondition(lambda self: self.requests)
    @rule()
    def the_server_hears(self):
        self.server.hear(self.requests.popleft())

    @precondition(lambda self: self.server.replies)
    @rule(bad=SETS)
    def the_client_hears(self, bad):
        reply = self.server.replies.popleft()
        change = self.client.receive(reply)
        faults = {resource.name: "bad" for resource in change.resources if resource.name in bad}
        held = self.held[reply.type_url]
        if change.full:
            for name in held.keys() - {resource.name for resource in change.resources}:
                del held[name]
        for name in change.gone:
            held.pop(name, None)
        for resource in change.resources:
            if resource.name in faults:
                self.refused.add((reply.type_url, resource.name))
            else:
                held[resource.name] = resource.version
                self.refused.discard((reply.type_url, resource.name))
        self.client.answer(reply, faults)

    @rule()
    def the_connection_breaks(self):
        self.requests.clear()
        self.server.connect()
        self.client.reconnected()

    @rule()
    def everything_arrives(self):
        self.deliver()
        for type_url in (CDS, EDS):
            assert self.server.known.get(type_url, frozenset()) == self.wanted[type_url]
        lost = self.wanted[EDS] - self.held[EDS].keys() - self.server.absent(self.wanted[EDS])
        assert {(EDS, name) for name in lost} <= self.refused, "what is wanted was never answered"

    def deliver(self):
        for _ in range(50):
            self.the_client_sends()
            if not self.requests and not self.server.replies:
                return
            while self.requests:
                self.the_server_hears()
            while self.server.replies:
                self.the_client_hears(frozenset())
        raise AssertionError("the conversation does not come to an end")

    def expected(self, type_url):
        names, truth = self.wanted[type_url], self.server.truth[type_url]
        return {name: version for name, version in truth.items() if names == ALL or name in names}

    def check(self, but=frozenset()):
        """Names are known to the server, and what it has is held, but for what was refused."""
        for type_url in (CDS, EDS):
            assert self.server.known.get(type_url, frozenset()) == self.wanted[type_url]
            held = {name: version for name, version in self.held[type_url].items() if version != "none"}
            expected = self.expected(type_url)
            differing = {(type_url, n) for n in held.keys() | expected if held.get(n) != expected.get(n)}
            assert differing <= but

    def teardown(self):
        self.everything_arrives()
        refused = set(self.refused)
        for type_url in (CDS, EDS):
            self.server.push(type_url)
        self.deliver()
        self.check(but=refused)
        self.the_connection_breaks()  # after which what was refused comes again
        self.deliver()
        self.check()


class IncrementalConversations(Conversations):
    server_class, client_class = Incremental, Delta


TestWhole = Conversations.TestCase
TestIncremental = IncrementalConversations.TestCase
TestWhole.settings = TestIncremental.settings = settings(max_examples=200, stateful_step_count=50)
