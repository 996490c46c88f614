"""What a client is told over one ADS stream, in both dialects: against the session machines of the client side."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.controlplane.incremental import Incremental
from meshio.controlplane.offer import NOTHING, Offer, resource
from meshio.controlplane.whole import WholeState
from meshio.xds.delta import Delta
from meshio.xds.discovery import ALL, Ask, DeltaAsk, Reply, Resource
from meshio.xds.session import Session
from meshio.xds.types import ASSIGNMENT, CLUSTER, LISTENER, NAMES, ROUTES

Held = dict[str, dict[str, bytes]]


def offer(**kinds: Mapping[str, str]) -> Offer:
    """offer(clusters={"a": "content"}, ...)."""
    words = {"clusters": CLUSTER, "endpoints": ASSIGNMENT, "listeners": LISTENER, "routes": ROUTES, "names": NAMES}
    return Offer(
        {
            words[word]: {name: resource(words[word], name, raw.encode()) for name, raw in content.items()}
            for word, content in kinds.items()
        },
        blank=blank,
    )


def blank(kind: str, name: str) -> Resource | None:
    return resource(kind, name, b"") if kind in (ROUTES, ASSIGNMENT) else None


def said(conversation: WholeState | Incremental) -> list[Reply]:
    return list(iter(conversation.say, None))


def names(reply: Reply | None) -> list[str]:
    assert reply
    return [each.name for each in reply.resources]


def ack(reply: Reply, *wanted: str) -> Ask:
    return Ask(reply.type_url, wanted, reply.version, reply.nonce)


def test_clusters_go_out_before_endpoints_and_listeners_before_routes_whatever_was_asked_first():
    server = WholeState(offer(clusters={"c": "1"}, endpoints={"c": "1"}, listeners={"l": "1"}, routes={"80": "1"}))
    for kind, wanted in ((ROUTES, ("80",)), (LISTENER, ()), (ASSIGNMENT, ("c",)), (CLUSTER, ())):
        server.hear(Ask(kind, wanted))
    assert [reply.type_url for reply in said(server)] == [CLUSTER, ASSIGNMENT, LISTENER, ROUTES]


def test_an_ack_is_not_answered():
    server = WholeState(offer(clusters={"c": "1"}))
    server.hear(Ask(CLUSTER, ()))
    (reply,) = said(server)
    server.hear(ack(reply))
    assert said(server) == []


def test_a_mesh_without_clusters_is_an_answer_too():
    for server, ask in ((WholeState(), Ask(CLUSTER, ())), (Incremental(), DeltaAsk(CLUSTER))):
        server.hear(ask)  # type: ignore[arg-type]
        (reply,) = said(server)
        assert names(reply) == []


def test_a_refused_reply_is_remembered_and_not_sent_again_until_something_changes():
    server = WholeState(offer(clusters={"c": "1"}))
    server.hear(Ask(CLUSTER, ()))
    (reply,) = said(server)
    server.hear(Ask(CLUSTER, (), "", reply.nonce, "c: no such policy"))
    assert (said(server), server.errors()) == ([], {CLUSTER: "c: no such policy"})
    server.offer(offer(clusters={"c": "2"}))
    (reply,) = said(server)
    server.hear(ack(reply))
    assert server.errors() == {}


def test_the_answer_to_an_outrun_reply_changes_nothing():
    server = WholeState(offer(routes={"80": "1", "81": "1"}))
    server.hear(Ask(ROUTES, ("80",)))
    (first,) = said(server)
    server.offer(offer(routes={"80": "2", "81": "1"}))
    said(server)
    server.hear(ack(first, "80", "81"))
    assert said(server) == []


def test_added_route_tables_come_alone():
    server = WholeState(offer(routes={"80": "1", "81": "1"}))
    server.hear(Ask(ROUTES, ("80",)))
    (reply,) = said(server)
    server.hear(ack(reply, "80", "81"))
    (reply,) = said(server)
    assert names(reply) == ["81"]


def test_one_changed_cluster_sends_all_clusters_in_state_of_the_world_and_one_in_delta():
    before, after = offer(clusters={"a": "1", "b": "1"}), offer(clusters={"a": "1", "b": "2"})
    whole, delta = WholeState(before), Incremental(before)
    whole.hear(Ask(CLUSTER, ()))
    delta.hear(DeltaAsk(CLUSTER))
    for server in (whole, delta):
        said(server)
        server.offer(after)
    assert [names(reply) for reply in said(whole)] == [["a", "b"]]
    assert [names(reply) for reply in said(delta)] == [["b"]]


def test_nothing_is_sent_when_nothing_changed():
    whole, delta = WholeState(offer(clusters={"a": "1"})), Incremental(offer(clusters={"a": "1"}))
    whole.hear(Ask(CLUSTER, ()))
    delta.hear(DeltaAsk(CLUSTER))
    for server in (whole, delta):
        said(server)
        server.offer(offer(clusters={"a": "1"}))
        assert said(server) == []


def test_a_changed_cluster_brings_its_endpoints_again_because_envoy_waits_for_them():
    server = Incremental(offer(clusters={"a": "1", "b": "1"}, endpoints={"a": "1", "b": "1"}))
    server.hear(DeltaAsk(CLUSTER))
    server.hear(DeltaAsk(ASSIGNMENT, ("a", "b")))
    said(server)
    server.offer(offer(clusters={"a": "2", "b": "1"}, endpoints={"a": "1", "b": "1"}))
    assert [(reply.type_url, names(reply)) for reply in said(server)] == [(CLUSTER, ["a"]), (ASSIGNMENT, ["a"])]


def test_an_unknown_route_table_is_an_empty_one():
    whole, delta = WholeState(offer(routes={})), Incremental(offer(routes={}))
    whole.hear(Ask(ROUTES, ("nowhere",)))
    delta.hear(DeltaAsk(ROUTES, ("nowhere",)))
    for server in (whole, delta):
        (reply,) = said(server)
        assert (names(reply), reply.removed) == (["nowhere"], ())


def test_a_cluster_that_goes_is_named_once_and_comes_back_when_it_exists_again():
    there, gone = offer(endpoints={"a": "1"}), offer(endpoints={})
    server = Incremental(there)
    server.hear(DeltaAsk(ASSIGNMENT, ("a",)))
    said(server)
    server.offer(gone)
    (reply,) = said(server)
    assert reply.removed == ("a",)
    assert said(server) == []
    server.offer(there)
    (reply,) = said(server)
    assert names(reply) == ["a"]


def test_after_a_reconnect_only_news_is_sent():
    state = offer(clusters={"a": "1", "b": "2"})
    a = state.find(CLUSTER, "a")
    assert a
    server = Incremental(state)
    server.hear(DeltaAsk(CLUSTER, known={"a": a.version, "b": "older", "c": "gone"}))
    (reply,) = said(server)
    assert (names(reply), reply.removed) == (["b"], ("c",))


def test_subscribing_again_to_a_name_sends_it_again():
    server = Incremental(offer(endpoints={"a": "1"}))
    for _ in range(2):
        server.hear(DeltaAsk(ASSIGNMENT, ("a",)))
        (reply,) = said(server)
        assert names(reply) == ["a"]


def test_everything_can_be_subscribed_to_and_given_up_by_its_sign():
    server = Incremental(offer(clusters={"a": "1", "b": "1"}))
    server.hear(DeltaAsk(CLUSTER, ("a",)))
    assert [names(reply) for reply in said(server)] == [["a"]]
    server.hear(DeltaAsk(CLUSTER, ("*",)))
    assert [names(reply) for reply in said(server)] == [["b"]]
    server.hear(DeltaAsk(CLUSTER, (), ("*",)))
    server.offer(offer(clusters={"a": "2", "b": "2"}))
    assert [names(reply) for reply in said(server)] == [["a"]]


@pytest.mark.parametrize("kind", ["type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret", ""])
def test_a_kind_that_is_not_served_is_never_answered(kind: str):
    whole, delta = WholeState(), Incremental()
    whole.hear(Ask(kind, ("default",)))
    delta.hear(DeltaAsk(kind, ("default",)))
    assert (said(whole), said(delta)) == ([], [])


class Client:
    """The client's session machine with a memory, connected to a fresh server conversation at each reconnect."""

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.session: Session | Delta = Session() if dialect == "whole" else Delta()
        self.held: Held = {}
        self.connect(NOTHING)

    def connect(self, state: Offer) -> None:
        self.session.reconnected()
        self.server: WholeState | Incremental = WholeState(state) if self.dialect == "whole" else Incremental(state)

    def exchange(self, patience: int, faulty: str = "") -> None:
        """Carry messages both ways until all is quiet, or `patience` ends."""
        for _ in range(patience):
            for ask in self.session.to_send():
                self.server.hear(ask)  # type: ignore[arg-type]
            reply = self.server.say()
            if reply is None:
                break
            self._take(reply, faulty)
        else:
            assert patience < 100, "they never stop talking"

    def _take(self, reply: Reply, faulty: str) -> None:
        faults = {each.name: "bad" for each in reply.resources if each.name == faulty}
        self.session.answer(reply, faults)
        change = self.session.receive(reply)
        held = self.held.setdefault(reply.type_url, {})
        if change.full:
            held.clear()
        held.update((each.name, each.raw) for each in change.resources if each.name not in faults)
        for name in change.gone:
            held.pop(name, None)


NAME = st.sampled_from("abcd")
CONTENT = st.dictionaries(NAME, st.sampled_from("12"))
STATES = st.builds(offer, clusters=CONTENT, endpoints=CONTENT, listeners=CONTENT, routes=CONTENT)
GOOD = st.dictionaries(NAME, st.just("3"))  # what was refused once is sent again only when it changes
LAST = st.builds(offer, clusters=GOOD, endpoints=GOOD, listeners=GOOD, routes=GOOD)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), STATES),
        st.tuples(st.just("want"), st.tuples(st.sampled_from([ROUTES, ASSIGNMENT]), st.frozensets(NAME))),
        st.tuples(st.just("exchange"), st.tuples(st.integers(0, 3), NAME)),
        st.tuples(st.just("reconnect"), st.none()),
    ),
    max_size=12,
)


@pytest.mark.parametrize("dialect", ["whole", "incremental"])
@given(steps=STEPS, last=LAST)
def test_whatever_happens_the_client_ends_with_exactly_what_is_offered(dialect: str, steps: list, last: Offer):
    client, state = Client(dialect), NOTHING
    wanted: dict[str, frozenset[str]] = {CLUSTER: ALL, LISTENER: ALL}
    for kind in wanted:
        client.session.want(kind, ALL)
    for step, what in steps:
        if step == "offer":
            state = what
            client.server.offer(state)
        elif step == "want":
            wanted[what[0]] = what[1]
            client.session.want(*what)
        elif step == "reconnect":
            client.connect(state)
        else:
            client.exchange(*what)
    client.server.offer(last)
    client.exchange(1000)
    for kind, chosen in wanted.items():
        exists = {name: each.raw for name, each in last.kinds.get(kind, {}).items()}
        held = {name: raw for name, raw in client.held.get(kind, {}).items() if raw}
        assert only(chosen, held) == only(chosen, exists), kind


def only(chosen: frozenset[str], held: dict[str, bytes]) -> dict[str, bytes]:
    return held if chosen == ALL else {name: held[name] for name in chosen & held.keys()}
