from meshio.xds.delta import Delta
from meshio.xds.discovery import ALL, NO_CHANGE, DeltaAsk, Reply, Resource

CDS, EDS, LDS, RDS = "cds", "eds", "lds", "rds"
ORDER = (CDS, EDS, LDS, RDS)


def delta(**wanted):
    one = Delta(ORDER)
    for type_url, names in wanted.items():
        one.want(type_url, frozenset(names))
    return one


def reply(type_url, nonce, versions=(), removed=()):
    resources = tuple(Resource(name, type_url, b"x", version) for name, version in dict(versions).items())
    return Reply(type_url, "", nonce, resources, tuple(removed))


def names_of(change):
    return [resource.name for resource in change.resources]


def test_the_first_requests_subscribe_and_clusters_come_first():
    one = delta(lds=ALL, rds={"80"}, eds={"b", "a"}, cds=ALL)
    assert one.to_send() == [DeltaAsk(CDS), DeltaAsk(EDS, ("a", "b")), DeltaAsk(LDS), DeltaAsk(RDS, ("80",))]
    assert one.to_send() == []


def test_a_change_of_subscription_has_no_nonce_and_is_not_merged_with_the_ack():
    one = delta(eds={"a", "b"})
    one.to_send()
    one.answer(reply(EDS, "n1", {"a": "1"}), {})
    one.want(EDS, frozenset({"b", "c"}))
    assert one.to_send() == [DeltaAsk(EDS, nonce="n1"), DeltaAsk(EDS, ("c",), ("a",))]


def test_a_name_that_comes_and_goes_before_anything_was_sent_is_not_mentioned():
    one = delta(eds={"a"})
    one.to_send()
    one.want(EDS, frozenset({"a", "b"}))
    one.want(EDS, frozenset({"a"}))
    assert one.to_send() == []


def test_a_nack_lists_every_bad_resource():
    one = delta(cds=ALL)
    one.to_send()
    one.answer(reply(CDS, "n1", {"a": "1", "b": "1"}), {"a": "a: no", "b": "b: no"})
    assert one.to_send() == [DeltaAsk(CDS, nonce="n1", error="a: no\nb: no")]


def test_reconnecting_tells_what_is_held_and_only_what_was_good():
    one = delta(cds=ALL, eds={"a", "b", "c"})
    one.to_send()
    one.answer(reply(CDS, "n1", {"x": "1", "y": "1"}), {})
    one.answer(reply(CDS, "n2", {"x": "2", "z": "2"}), {"x": "bad", "z": "bad"})
    one.answer(reply(EDS, "n3", {"a": "1", "b": "1"}, removed=["c"]), {})
    one.want(EDS, frozenset({"b", "c"}))
    one.reconnected()
    assert one.to_send() == [
        DeltaAsk(CDS, known={"x": "1", "y": "1"}),
        DeltaAsk(EDS, ("b", "c"), known={"b": "1"}),
    ]


def test_a_removed_resource_is_gone_and_not_known_any_more():
    one = delta(cds=ALL)
    one.to_send()
    one.answer(reply(CDS, "n1", {"x": "1"}), {})
    removal = reply(CDS, "n2", removed=["x"])
    change = one.receive(removal)
    assert (change.gone, change.full) == ({"x"}, False)
    one.answer(removal, {})
    one.reconnected()
    assert one.to_send() == [DeltaAsk(CDS)]


def test_giving_up_every_name_unsubscribes():
    one = delta(eds={"a"})
    one.to_send()
    one.want(EDS, frozenset())
    assert one.to_send() == [DeltaAsk(EDS, (), ("a",))]
    one.reconnected()
    assert one.to_send() == []


def test_what_is_not_wanted_is_passed_over():
    one = delta(eds={"a"})
    change = one.receive(reply(EDS, "n1", {"a": "1", "b": "1"}, removed=["c"]))
    assert (names_of(change), change.gone) == (["a"], frozenset())


def test_a_type_of_which_nothing_is_wanted_is_not_asked_for():
    one = delta(eds=())
    assert one.to_send() == []


def test_a_heartbeat_is_not_news():
    one = delta(eds={"a"})
    one.answer(reply(EDS, "n1", {"a": "1"}), {})
    assert one.receive(Reply(EDS, "", "n2", (Resource("a", "", b"", "1"),))).resources == ()
    assert one.receive(Reply(EDS, "", "n3", (Resource("a", "", b"", "2"),))).resources != ()


def test_a_reply_nobody_asked_for_changes_nothing_and_is_nacked():
    one = delta(cds=ALL)
    one.to_send()
    assert one.receive(reply("other", "n1", {"x": "1"})) is NO_CHANGE
    one.answer(reply("other", "n1", {"x": "1"}), {"": "never asked for"})
    assert one.to_send() == [DeltaAsk("other", nonce="n1", error="never asked for")]


def test_a_name_given_up_and_wanted_again_is_asked_for_again():
    one = delta(eds={"a", "b"})
    one.to_send()
    one.answer(reply(EDS, "n1", {"a": "1", "b": "1"}), {})
    one.want(EDS, frozenset({"b"}))
    one.want(EDS, frozenset({"a", "b"}))
    assert one.to_send() == [DeltaAsk(EDS, nonce="n1"), DeltaAsk(EDS, (), ("a",)), DeltaAsk(EDS, ("a",))]
