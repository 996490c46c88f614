"""Files and folders: what is read, and what is said of a file that cannot be."""

from pathlib import Path
from textwrap import dedent

import pytest

from meshio.controlplane.audit import check
from meshio.controlplane.documents import load, load_text
from tests.controlplane.mistakes import REVIEWS, route


def test_every_file_below_a_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / "deep" / "a.yml").write_text(REVIEWS)
    (tmp_path / "b.yaml").write_text(route("    timeuot: 1s\n"))
    (tmp_path / ".git" / "c.yaml").write_text("kind: [")
    (problem,) = check(tmp_path)
    assert (problem.file, problem.line) == (str(tmp_path / "b.yaml"), 8)
    assert "did you mean 'timeout'?" in str(problem)


def test_an_empty_folder_says_what_is_looked_for(tmp_path: Path) -> None:
    (problem,) = check(tmp_path)
    assert (problem.text, problem.suggestion) == ("no YAML files here", "*.yaml and *.yml are read")


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"a: b\n\tc: d\n", 2, "not YAML"),
        (b"a: [1, 2\n", 2, "not YAML"),
        (b"a: \xff\n", 0, "not UTF-8"),
        (b"a: &a [*a]\n", 1, "an alias"),
        (b"- 1\n", 1, "an object with apiVersion"),
        (b"just text\n", 1, "an object with apiVersion"),
    ],
)
def test_a_file_that_is_no_yaml_is_told_with_its_line(tmp_path: Path, content: bytes, line: int, words: str) -> None:
    (tmp_path / "a.yaml").write_bytes(content)
    (problem,) = load(tmp_path)[1]
    assert (problem.file, problem.line) == (str(tmp_path / "a.yaml"), line)
    assert words in problem.text


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (problem,) = load_text("\n".join(lines))[1]
    assert "multiplies" in problem.text


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "[" * 9_000 + "]" * 9_000, "- " * 5_000 + "x"])
def test_nesting_without_end_is_refused(text: str) -> None:
    (problem,) = load_text(text)[1]
    assert "nested" in problem.text


def test_the_mesh_config_is_checked_too(tmp_path: Path) -> None:
    (tmp_path / "mesh.yaml").write_text(
        dedent(
            """\
            outboundTrafficPolicy: {mode: REGISTRY}
            accessLogFile: /dev/stdout
            trustDomian: x
            tlsDefaults: {}
            """
        )
    )
    assert [(each.line, each.field, each.suggestion) for each in load(tmp_path)[1]] == [
        (1, "outboundTrafficPolicy.mode", "did you mean 'REGISTRY_ONLY'?"),
        (3, "trustDomian", "did you mean 'trustDomain'?"),
        (4, "tlsDefaults", "TLS 1.2 and 1.3 with the usual ciphers are used"),
    ]


def test_lists_of_objects_are_taken_apart() -> None:
    text = dedent(
        """\
        apiVersion: v1
        kind: List
        items:
        - apiVersion: v1
          kind: Service
          metadata: {name: a, namespace: default}
          spec: {prots: []}
        """
    )
    (problem,) = load_text(text)[1]
    assert (problem.line, problem.field, problem.suggestion) == (7, "spec.prots", "did you mean 'ports'?")
