from meshio.mesh.overlay import merge
from meshio.mesh.snapshot import EMPTY, Name, Snapshot
from meshio.routing.route import RouteTable, VirtualHost


def host(*domains):
    return VirtualHost(domains[0], domains, ())


def tables(*hosts):
    return {"80": RouteTable("80", hosts)}


def test_one_source_is_left_alone_and_none_is_empty():
    only = Snapshot(routes=tables(host("a")))
    assert merge((only,)) is only
    assert merge(()) is EMPTY


def test_the_first_source_that_knows_a_name_wins():
    mine, theirs = Name(("10.0.0.1",)), Name(("10.0.0.2",))
    merged = merge((Snapshot(names={"a": mine}), Snapshot(names={"a": theirs, "b": theirs})))
    assert merged.names == {"a": mine, "b": theirs}


def test_tables_of_one_port_are_joined_and_a_domain_belongs_to_the_first():
    mine, star = host("a", "a.default"), host("*")
    theirs = (host("a.default", "x"), host("a"), host("c"), star)
    merged = merge((Snapshot(routes=tables(mine)), Snapshot(routes=tables(*theirs)))).routes["80"]
    assert [each.domains for each in merged.hosts] == [("a", "a.default"), ("x",), ("c",), ("*",)]
    assert merged.hosts[-1] is star


def test_a_table_that_only_one_source_has_stays_the_same_object():
    ours = tables(host("a"))
    assert merge((EMPTY, Snapshot(routes=ours))).routes["80"] is ours["80"]
