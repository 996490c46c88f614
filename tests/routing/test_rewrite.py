"""Which part of a path a prefix rewrite replaces."""

import pytest

from meshio.matching import Header, Path, PathPrefix, PathRegex, PathSeparatedPrefix, Prefix
from meshio.routing.rewrite import PrefixRewrite, compile_path


@pytest.mark.parametrize(
    ("match", "path", "result"),
    [
        ((PathPrefix(b"/old"),), b"/old/x?y", b"/new/x?y"),
        ((PathSeparatedPrefix(b"/old"),), b"/old?y", b"/new?y"),
        ((Path(b"/old"),), b"/old?y", b"/new?y"),
        ((PathRegex(b"/o.*"),), b"/old/x?y", b"/new?y"),
        ((Header(b"x-user", Prefix(b"a")), PathPrefix(b"/old")), b"/old/x", b"/new/x"),
        ((), b"/x", b"/new/x"),
    ],
)
def test_a_prefix_rewrite_replaces_what_the_route_matched(match, path, result):
    assert compile_path(PrefixRewrite("/new"), match)(path) == result
