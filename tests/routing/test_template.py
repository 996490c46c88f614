"""Paths made from the variables of a template, against answers that Envoy 1.40 gave."""

import pytest

from meshio.errors import Rejected
from meshio.matching import PathPrefix, PathTemplate
from meshio.routing.rewrite import compile_path
from meshio.routing.template import TemplateRewrite, compile_template


@pytest.mark.parametrize(
    ("match", "rewrite", "path", "expected"),
    [
        ("/v/{a}/{b=**}", "/n/{b}/z/{a}", b"/v/1/2", b"/n/2/z/1"),
        ("/v/{a}/{b=**}", "/n/{b}/z/{a}", b"/v/1/2/3?q=1", b"/n/2/3/z/1?q=1"),
        ("/v/{a}/{b=**}", "/n/{b}/z/{a}", b"/v/1/", b"/n//z/1"),
        ("/v/{a}/{b=**}", "/n/{b}/z/{a}", b"/v/1//2", b"/n//2/z/1"),
        ("/v/{a}/{b=**}", "/n/{b}/z/{a}", b"/v/a%2Fb/c", b"/n/c/z/a%2Fb"),
        ("/e/{b=**}", "/{b}", b"/e/", b"/"),
        ("/e/{b=**}", "/{b}", b"/e/a/b/", b"/a/b/"),
        ("/f/{b=*}/*/g", "/x{b}y", b"/f/1/2/g", b"/x1y"),
        ("/h/{c=i/*/j}/**", "/{c}", b"/h/i/1/j/q", b"/i/1/j"),
        ("/k/{a}.txt", "/{a}", b"/k/a.b.txt", b"/a.b"),
        ("/m/**.m3u8", "/mm", b"/m/a/b.m3u8", b"/mm"),
        ("/{x}/o/{y=**}/p", "/{y}/{x}", b"/q/o/a/b/p", b"/a/b/q"),
        ("/{x}/o/{y=**}/p", "/{y}/{x}", b"/q/o//p", b"//q"),
        ("/{a}", "/*{a}%20", b"/q", b"/*q%20"),
        ("/{a}", "/{a}", b"/no/fit", b"/no/fit"),
    ],
)
def test_variables_fill_the_new_path(match: str, rewrite: str, path: bytes, expected: bytes) -> None:
    assert compile_path(TemplateRewrite(rewrite), (PathTemplate(match),))(path) == expected


@pytest.mark.parametrize(
    "rewrite",
    [
        "/{b}",
        "{a}",
        "x",
        "",
        "/{a=*}",
        "/?x={a}",
        "/x y",
        "/{a",
        "/a}",
        "//{a}",
        "/#",
        "/\xe9",
        "/{}",
        "/{1}",
        "/" * 257,
    ],
)
def test_a_malformed_rewrite_is_refused(rewrite: str) -> None:
    with pytest.raises(Rejected):
        compile_template(TemplateRewrite(rewrite), (PathTemplate("/{a}"),))


def test_it_takes_a_template_to_fill_one() -> None:
    for match in ((PathPrefix(b"/"),), (PathTemplate("/a**"),)):
        with pytest.raises(Rejected):
            compile_template(TemplateRewrite("/x"), match)
