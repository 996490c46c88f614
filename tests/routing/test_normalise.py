"""What holds for any path. Each of many as Envoy leaves it: tests/parity/cases/normalisation.yaml."""

from hypothesis import given
from hypothesis import strategies as st

from meshio.routing.listener import PathNormalisation
from meshio.routing.normalise import normalise


def test_a_clean_path_stays_the_same_object():
    path = b"/productpage/1?x=a//b/../%2f"
    assert normalise(PathNormalisation(True, True, "forward"))(path) is path


def test_nothing_configured_leaves_every_path_but_those_envoy_never_takes():
    change = normalise(PathNormalisation())
    assert change(b"/a/../b//%2f") == b"/a/../b//%2f"
    assert not isinstance(change(b"/a#b"), bytes)
    assert not isinstance(change(b"a"), bytes)


paths = st.lists(st.sampled_from(["/", "//", ".", "..", "%2e", "%2F", "%5c", "\\", "a", ";", "%41", "%", '"'])).map(
    lambda parts: "/" + "".join(parts)
)


@given(paths)
def test_a_normalised_path_has_no_way_up_and_stays_as_it_is(path):
    change = normalise(PathNormalisation(True))
    once = change(path.encode())
    assert isinstance(once, bytes)
    assert once.startswith(b"/")
    assert not {b"..", b"."} & set(once.split(b"/"))
    assert b"\\" not in once
