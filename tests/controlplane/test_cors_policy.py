"""corsPolicy of a VirtualService: what it becomes is recorded; this is what is said about one that is wrong."""

import pytest

from meshio.controlplane.documents import load_text
from meshio.controlplane.problem import Problem
from tests.controlplane.mistakes import OFFSET, REVIEWS, route
from tests.controlplane.test_mistakes import findings

# a policy, then field below it, severity, part of the text, part of the suggestion
MISTAKES = {
    "nobody may ask": (
        "allowMethods: [GET]",
        ("", "warning", "no origin may ask", 'allowOrigins: [{exact: "https://..."}]'),
    ),
    "the field of old": (
        'allowOrigin: ["https://a.com"]',
        (".allowOrigin", "error", "not supported", "use allowOrigins: [{exact:"),
    ),
    "no list": ('allowOrigins: {exact: "*"}', (".allowOrigins", "error", "a list is wanted", "put '- '")),
    "plain text": (
        'allowOrigins: ["*"]',
        (".allowOrigins[0]", "error", "a mapping is wanted", "its fields: exact, prefix, regex"),
    ),
    "an origin that is empty": (
        "allowOrigins: [{}]",
        (".allowOrigins[0]", "error", "an origin that is empty", 'exact: "*"'),
    ),
    "an origin twice over": (
        'allowOrigins: [{exact: "https://a", prefix: "https://b"}]',
        (".allowOrigins[0].prefix", "error", "only one of exact and prefix", ""),
    ),
    "an origin with a path": (
        'allowOrigins: [{exact: "https://a.com/"}]',
        (".allowOrigins[0].exact", "warning", "matches none", "without a path"),
    ),
    "an origin without a scheme": (
        "allowOrigins: [{exact: a.com}]",
        (".allowOrigins[0].exact", "warning", "'a.com' is not an origin", "https://"),
    ),
    "an origin in capitals": (
        'allowOrigins: [{exact: "https://A.com"}]',
        (".allowOrigins[0].exact", "warning", "matches none", "shop.example.com"),
    ),
    "a bad expression": (
        'allowOrigins: [{regex: "(?=a)"}]',
        (".allowOrigins[0].regex", "error", "not an RE2 expression", "look-around"),
    ),
    "a method in lower case": (
        'allowOrigins: [{exact: "*"}], allowMethods: [get]',
        (".allowMethods", "error", "'get' is not a method", "write GET"),
    ),
    "a method misspelt": (
        'allowOrigins: [{exact: "*"}], allowMethods: [DELET]',
        (".allowMethods", "error", "'DELET' is not a method", "did you mean 'DELETE'?"),
    ),
    "a header that is none": (
        'allowOrigins: [{exact: "*"}], allowHeaders: ["x-a, x-b"]',
        (".allowHeaders", "error", "'x-a, x-b' is not the name", ""),
    ),
    "an exposed header that is empty": (
        'allowOrigins: [{exact: "*"}], exposeHeaders: [""]',
        (".exposeHeaders", "error", "'' is not the name", ""),
    ),
    "parts of a second": (
        'allowOrigins: [{exact: "*"}], maxAge: 1500ms',
        (".maxAge", "error", "in whole seconds", 'write "2s"'),
    ),
    "no age": ('allowOrigins: [{exact: "*"}], maxAge: 0s', (".maxAge", "error", "at least 1s", 'write "1s"')),
    "an age without unit": (
        'allowOrigins: [{exact: "*"}], maxAge: 60',
        (".maxAge", "error", "'60' is not a duration", 'write "60s"'),
    ),
    "credentials as text": (
        'allowOrigins: [{exact: "*"}], allowCredentials: "true"',
        (".allowCredentials", "error", "true or false is wanted", ""),
    ),
    "preflights misspelt": (
        'allowOrigins: [{exact: "*"}], unmatchedPreflights: IGNOR',
        (".unmatchedPreflights", "error", "'IGNOR' is not known", "did you mean 'IGNORE'?"),
    ),
    "a field misspelt": (
        'allowOrigins: [{exact: "*"}], allowHeader: [x-a]',
        (".allowHeader", "error", "unknown field", "did you mean 'allowHeaders'?"),
    ),
}
FULL = """\
    corsPolicy:
      allowOrigins: [{exact: "https://a.com:8080"}, {exact: "null"}, {exact: "*"}, {prefix: "https://b"}, {regex: ".*"}]
      allowMethods: [GET, "*"]
      allowHeaders: [x-a, "*"]
      exposeHeaders: [x-b]
      maxAge: 24h
      allowCredentials: true
      unmatchedPreflights: IGNORE
"""


def policy(text: str) -> list[Problem]:
    """What is wrong with a route that has this policy in its second line."""
    return findings(route(f"    corsPolicy: {{{text}}}\n"))


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_policy_is_told_with_line_field_and_suggestion(name: str) -> None:
    text, (field, severity, words, hint) = MISTAKES[name]
    place = (8, "spec.http[0].corsPolicy" + field)
    found = policy(text)
    (problem,) = [each for each in found if (each.line - OFFSET, each.field) == place and words in each.text]
    assert problem.severity == severity
    assert hint in problem.suggestion


def test_a_policy_that_says_everything_has_no_problems() -> None:
    assert findings(route(FULL)) == []


def test_origins_of_old_permit_nobody_and_the_route_serves() -> None:
    documents, problems = load_text(REVIEWS + route('    corsPolicy: {allowOrigin: ["*"]}\n'))
    (service,) = documents.virtual_services
    assert [problem.unsupported for problem in problems] == [True]
    assert service.spec.http[0].cors_policy is not None
    assert service.spec.http[0].cors_policy.allow_origins == ()
