from meshio.xds.discovery import ALL, NO_CHANGE, Ask, Reply, Resource
from meshio.xds.session import Session

CDS, EDS, LDS, RDS = "cds", "eds", "lds", "rds"
ORDER = (CDS, EDS, LDS, RDS)


def session(**wanted):
    one = Session(ORDER)
    for type_url, names in wanted.items():
        one.want(type_url, frozenset(names))
    return one


def reply(type_url, version, nonce, *names):
    return Reply(type_url, version, nonce, tuple(Resource(name, type_url, b"") for name in names))


def names_of(change):
    return [resource.name for resource in change.resources]


def test_everything_is_asked_for_without_names_and_clusters_come_first():
    one = session(lds=ALL, rds={"80"}, eds={"b", "a"}, cds=ALL)
    assert one.to_send() == [Ask(CDS, ()), Ask(EDS, ("a", "b")), Ask(LDS, ()), Ask(RDS, ("80",))]
    assert one.to_send() == []


def test_a_type_of_which_nothing_is_wanted_is_not_asked_for():
    one = session(cds=ALL, eds=())
    one.want(RDS, frozenset({"80"}))
    one.want(RDS, frozenset())
    assert one.to_send() == [Ask(CDS, ())]
    one.reconnected()
    assert one.to_send() == [Ask(CDS, ())]


def test_an_ack_carries_version_nonce_and_names():
    one = session(eds={"a"})
    one.to_send()
    one.answer(reply(EDS, "1", "n1", "a"), {})
    assert one.to_send() == [Ask(EDS, ("a",), "1", "n1")]


def test_a_nack_keeps_the_last_good_version_and_lists_every_bad_resource():
    one = session(cds=ALL)
    one.to_send()
    one.answer(reply(CDS, "1", "n1"), {})
    one.to_send()
    one.answer(reply(CDS, "2", "n2"), {"a": "a: lb_policy: no", "b": "b: type: no"})
    assert one.to_send() == [Ask(CDS, (), "1", "n2", "a: lb_policy: no\nb: type: no")]


def test_a_nack_before_anything_was_good_has_no_version():
    one = session(cds=ALL)
    one.to_send()
    one.answer(reply(CDS, "1", "n1"), {"a": "bad"})
    assert one.to_send() == [Ask(CDS, (), "", "n1", "bad")]


def test_an_ack_takes_along_the_names_that_became_wanted():
    one = session(eds={"a"})
    one.to_send()
    one.answer(reply(EDS, "1", "n1", "a"), {})
    one.want(EDS, frozenset({"a", "b"}))
    assert one.to_send() == [Ask(EDS, ("a", "b"), "1", "n1")]


def test_new_names_do_not_travel_in_a_nack_where_istiod_would_not_read_them():
    one = session(eds={"a"})
    one.to_send()
    one.answer(reply(EDS, "1", "n1", "a"), {"a": "bad"})
    one.want(EDS, frozenset({"a", "b"}))
    assert one.to_send() == [Ask(EDS, ("a",), "", "n1", "bad"), Ask(EDS, ("a", "b"), "", "n1")]


def test_names_asked_for_with_a_nonce_the_server_had_outrun_are_asked_for_again_after_a_nack():
    one = session(eds={"a"})
    one.to_send()
    one.answer(reply(EDS, "1", "n1", "a"), {})
    one.to_send()
    one.want(EDS, frozenset({"a", "b"}))
    assert one.to_send() == [Ask(EDS, ("a", "b"), "1", "n1")]
    one.answer(reply(EDS, "2", "n2", "a"), {"a": "bad"})
    assert one.to_send() == [Ask(EDS, ("a", "b"), "1", "n2", "bad"), Ask(EDS, ("a", "b"), "1", "n2")]


def test_reconnecting_forgets_nonces_and_unsent_answers_but_not_versions():
    one = session(cds=ALL, rds={"80"})
    one.to_send()
    one.answer(reply(CDS, "1", "n1"), {})
    one.to_send()
    one.answer(reply(RDS, "7", "n2"), {})
    one.reconnected()
    assert one.to_send() == [Ask(CDS, (), "1"), Ask(RDS, ("80",))]


def test_a_full_state_says_so_and_a_partial_one_never_deletes():
    one = session(cds=ALL, eds={"a", "b"})
    assert one.receive(reply(CDS, "1", "n1", "x", "y")).full
    part = one.receive(reply(EDS, "1", "n2", "a"))
    assert (names_of(part), part.gone, part.full) == (["a"], frozenset(), False)


def test_what_is_not_wanted_any_more_is_passed_over():
    one = session(eds={"a", "b"})
    one.want(EDS, frozenset({"b"}))
    assert names_of(one.receive(reply(EDS, "1", "n1", "a", "b"))) == ["b"]


def test_the_last_name_given_up_unsubscribes():
    one = session(eds={"a"})
    one.to_send()
    one.answer(reply(EDS, "1", "n1", "a"), {})
    one.to_send()
    one.want(EDS, frozenset())
    assert one.to_send() == [Ask(EDS, (), "1", "n1")]


def test_a_reply_nobody_asked_for_changes_nothing_and_is_nacked():
    one = session(cds=ALL)
    one.to_send()
    assert one.receive(reply("other", "1", "n1", "x")) is NO_CHANGE
    one.answer(reply("other", "1", "n1", "x"), {"": "never asked for"})
    assert one.to_send() == [Ask("other", (), "", "n1", "never asked for")]


def test_a_name_given_up_and_wanted_again_is_asked_for_again():
    one = session(eds={"a", "b"})
    one.to_send()
    one.want(EDS, frozenset({"b"}))
    one.want(EDS, frozenset({"a", "b"}))
    assert one.to_send() == [Ask(EDS, ("b",)), Ask(EDS, ("a", "b"))]
