"""Every mistake in YAML is told with its line, its field and what would be right."""

import pytest

from meshio.controlplane.audit import audit
from meshio.controlplane.documents import load_text
from meshio.controlplane.problem import Problem
from tests.controlplane.mistakes import (
    MISTAKES,
    OFFSET,
    REVIEWS,
    UNSUPPORTED,
    WARNINGS,
    destination_rule,
    route,
    virtual_service,
)


def findings(text: str) -> list[Problem]:
    """What is wrong with a document beside a working service."""
    documents, problems = load_text(REVIEWS + text, "mesh/a.yaml")
    return [*problems, *audit(documents)]


def named(problem: Problem) -> tuple[int, str, str, str]:
    return problem.line - OFFSET, problem.field, problem.text, problem.suggestion


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_line_field_and_suggestion(name: str) -> None:
    text, (line, field, words, hint) = MISTAKES[name]
    found = findings(text)
    matching = [problem for problem in found if named(problem)[:2] == (line, field) and words in problem.text]
    assert matching, [named(problem) for problem in found]
    (problem,) = matching
    assert problem.file == "mesh/a.yaml"
    assert hint in problem.suggestion
    assert problem.severity == ("warning" if name in WARNINGS else "error")
    assert problem.unsupported == (name in UNSUPPORTED)


def test_a_working_mesh_has_no_problems() -> None:
    rule = destination_rule("  subsets: [{name: v1, labels: {version: v1}}]\n---\n")
    assert findings(rule + virtual_service("  - route: [{destination: {host: reviews, subset: v1}}]\n")) == []


def test_a_document_with_a_mistake_stays_out_of_service_and_the_others_serve() -> None:
    documents, _ = load_text(REVIEWS + route("    timeuot: 1s\n"))
    assert (documents.virtual_services, len(documents.services)) == ((), 1)


def test_a_document_with_something_unsupported_serves_without_it() -> None:
    documents, problems = load_text(REVIEWS + route("    retries: {retryRemoteLocalities: true}\n"))
    assert len(documents.virtual_services) == 1
    assert [problem.refuses for problem in problems] == [False]
