"""Paths, clean and dirty, and every way to normalise them."""

from envoy_case import GRPC, TO_UPSTREAM, Ask, Case, one

from meshio.routing.listener import PathNormalisation

EVERY_ESCAPE = "/" + "".join(f"%{code:02x}" for code in range(1, 256))
PATHS = [
    EVERY_ESCAPE,
    "/\xc3\xa9",
    *r"""
    / /a/b /a/b/ /a?b=c /a.b/c /a..b /.a /... /a%20b /a;b /a,b:c@d /a?x=%2F//..%5C // //a /a//b /a///b// /a//?b//c
    /. /./ /./a /a/./b /a/. /a/.. /a/../ /a/../b /a/b/../../c /.. /../ /../a /../../a /a/../../b /a//../b /a/..//b
    //../a /..;/x /.;/x /a;/../b /a/..;/b /a/.;x/b /a/...;/b /%41%62 /%7e /%7E%2d%5f%2e /a%2eb /%2e /%2e%2e
    /a/%2e/b /a/%2e%2e/b /a/%2E%2E/b /a/.%2e/b /a%2fb /a%2Fb /a%2f%2fb /a%5cb /a%5Cb /a\b /a\..\b \a /\a
    /a/%2e%2e%2fb /a%2f..%2fb /a%2f../b /a%5c..%5cb /a%00b /a%0ab /a% /a%2 /a%zz /a%zz/../b /%25 /%252f /%25%32%66
    /a%25b /a#b /a?b#c #a /a? /a??b /a//b?c//d /a/../b?c/../d /a%2fb?c%2fd /a%3fb /a%3Fb=c /a%23b /%c3%a9 /%C3%a9
    /a"b /a<b> /a{b} /a|b /a^b` /a'b /a!$&()*+= /a%21%24 /a%3b /a%7c /a%2D /a+b /a%2Bb /a/b/.%2E/ /a%2e%2e/b
    /%2f /%2F%2F /%5c /a/%2f/b /a/%2f.. a/b * /a/b/..; /a/b/..;x /a/b/.; /a/b/.;x /a/%2e;x/b /a/.%3b/b /a/..%3b/b
    /a;x/..;y/b /a/b/..;x/../c /a/.;\..\b /a/..;\b /a/b\.. /a/;../b /x!$&'()*+,-.0:;<=>@A[\]^_`a{|}~" /a/./../b
    /a/.../b /a/..../b /a/.b/..c /a/b/. /%2E%2e/ /a/%2e. /.%00 /a%5C%5c.. /a//b/../c//..
""".split(),
]
NORMALISATIONS = {
    "off": PathNormalisation(),
    "normalize": PathNormalisation(True),
    "merge": PathNormalisation(False, True),
    "normalize and merge": PathNormalisation(True, True),
    "reject": PathNormalisation(True, False, "reject"),
    "redirect": PathNormalisation(True, False, "redirect"),
    "forward": PathNormalisation(True, False, "forward"),
    "redirect and merge": PathNormalisation(True, True, "redirect"),
    "forward and merge": PathNormalisation(True, True, "forward"),
    "only reject": PathNormalisation(False, False, "reject"),
    "only redirect": PathNormalisation(False, False, "redirect"),
    "only forward": PathNormalisation(False, False, "forward"),
}


def paths() -> list[Case]:
    """Named "<normalisation> <path>"."""
    table = one(TO_UPSTREAM)
    return [
        Case(f"{name} {path}", table, Ask(path), paths=paths)
        for name, paths in NORMALISATIONS.items()
        for path in PATHS
    ] + [
        Case("grpc reject /a%2fb", table, Ask("/a%2fb", headers=GRPC), paths=NORMALISATIONS["reject"]),
        Case("grpc redirect /a%2fb", table, Ask("/a%2fb", headers=GRPC), paths=NORMALISATIONS["redirect"]),
        Case("post redirect /a%2fb", table, Ask("/a%2fb", "POST", body="x"), paths=NORMALISATIONS["redirect"]),
        Case("head reject /a%2fb", table, Ask("/a%2fb", "HEAD"), paths=NORMALISATIONS["reject"]),
    ]
