"""Endpoints that hold for a while only."""

from dataclasses import replace

from meshio.mesh.freshness import Freshness
from meshio.mesh.snapshot import Snapshot, Version
from tests.mesh.planes import assignment, cluster


def told(version: Version | None, stale_after: float | None = 5.0) -> Snapshot:
    endpoints = replace(assignment("a", 1), stale_after=stale_after)
    versions = {("endpoints", "a"): version} if version is not None else {}
    return Snapshot(clusters={"a": cluster("a")}, assignments={"a": endpoints}, versions=versions)


def test_they_expire_once_and_hold_anew_when_they_are_told_again() -> None:
    fresh, first = Freshness(), Version("1", 0.0)
    fresh.note(told(first), ["a"], 100.0)
    assert (fresh.due(), fresh.expired(104.9)) == (105.0, [])
    assert fresh.expired(105.0) == ["a"]
    assert (fresh.due(), fresh.expired(200.0)) == (None, [])
    fresh.note(told(Version("1", 1.0)), [], 300.0)
    assert fresh.due() == 305.0


def test_a_snapshot_about_something_else_does_not_make_them_fresh() -> None:
    fresh, first = Freshness(), Version("1", 0.0)
    fresh.note(told(first), ["a"], 100.0)
    fresh.note(told(first), [], 104.0)
    assert fresh.due() == 105.0
    fresh.note(told(first), ["a"], 104.0)  # its cluster is new
    assert fresh.due() == 109.0


def test_what_holds_for_good_or_is_gone_does_not_expire() -> None:
    fresh = Freshness()
    fresh.note(told(None), ["a"], 100.0)
    fresh.note(told(None, None), ["a"], 101.0)
    assert fresh.due() is None
    fresh.note(told(None), ["a"], 102.0)
    fresh.note(Snapshot(), [], 103.0)
    assert fresh.due() is None
