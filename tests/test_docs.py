"""What the documentation shows is what happens: its console blocks are run, page by page.

A fenced block ```` ```console ```` holds commands after `$ ` and, below each, lines that its output must contain, in
that order (`...` stands for anything). A command may fail only when the next one is `echo $?`. A fenced block with
`file=PATH` in its info string is written to that file first. All blocks of a page share one bash, in a folder of
their own; what they leave running is ended with it. Commands that are only to be read stand in ```` ```sh ````.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")
END = "@@ end of output, status"
PATIENCE = 45  # seconds for a page


@dataclass
class Command:
    """One command of a page and the lines that the page promises."""

    text: str
    promised: list[str] = field(default_factory=list)


def blocks(page: str) -> Iterator[tuple[str, str]]:
    for match in FENCE.finditer(page):
        yield match["info"].strip(), match["body"]


def commands(page: str) -> list[Command]:
    found: list[Command] = []
    for info, body in blocks(page):
        if info.split(" ")[0] == "console":
            for line in body.splitlines():
                if line.startswith("$ "):
                    found.append(Command(line[2:]))
                elif line.startswith("> "):
                    found[-1].text += "\n" + line[2:]
                elif line.strip() not in ("", "..."):
                    found[-1].promised.append(line)
    return found


def write_files(page: str, folder: Path) -> None:
    for info, body in blocks(page):
        if named := re.search(r"\bfile=(\S+)", info):
            path = folder / named[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body)


def run_in_one_bash(steps: list[Command], folder: Path) -> list[tuple[str, int]]:
    """Output and exit status of each command."""
    script = "".join(f'{step.text}\nstatus=$?; echo "{END} $status"; (exit $status)\n' for step in steps)
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "COLUMNS": "200"}
    shell = subprocess.Popen(
        ["bash"], cwd=folder, env=environ, text=True, start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = shell.communicate(
            f"trap 'kill -KILL $(jobs -p) 2>/dev/null; wait' EXIT\n{script}", timeout=PATIENCE
        )
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
            shell.communicate()
    parts = re.split(rf"{END} (\d+)\n", output)
    return [(text, int(status)) for text, status in zip(parts[0::2], parts[1::2], strict=False)]


def squeezed(text: str) -> str:
    return " ".join(text.split())


def check_page(page: str, folder: Path) -> None:
    """Run a page. Raises AssertionError that names the command and shows its output."""
    write_files(page, folder)
    steps = commands(page)
    results = run_in_one_bash(steps, folder)
    assert len(results) == len(steps), f"the shell ended early: {results[-1:]}"
    for number, (step, (output, status)) in enumerate(zip(steps, results, strict=True)):
        asked = number + 1 < len(steps) and steps[number + 1].text == "echo $?"
        assert status == 0 or asked, f"$ {step.text}\n{output}ended with {status}"
        rest = squeezed(output)
        for line in step.promised:
            _, found, rest = rest.partition(squeezed(line))
            assert found, f"$ {step.text}\n{output}\nlacks: {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_does_what_it_shows(page: Path, tmp_path: Path) -> None:
    check_page(page.read_text(), tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_links_to_what_exists(page: Path) -> None:
    for target in LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), target


PAGE = """
```yaml file=mesh/a.yaml
kind: A
```

```console
$ cat mesh/*.yaml
kind: A
$ sleep 600 &
$ ls nowhere
...
$ echo $?
2
$ seq 3
1
3
```
"""


def test_the_runner_runs_what_a_page_shows(tmp_path: Path) -> None:
    check_page(PAGE, tmp_path)


@pytest.mark.parametrize(
    ("shown", "is_", "complaint"),
    [("kind: A", "kind: B", "lacks: kind: B"), ("seq 3", "seq 2", "lacks: 3"), ("$ echo $?\n2\n", "", "ended with 2")],
)
def test_the_runner_notices_a_page_that_is_wrong(shown: str, is_: str, complaint: str, tmp_path: Path) -> None:
    at = PAGE.rindex(shown)
    wrong = PAGE[:at] + is_ + PAGE[at + len(shown) :]
    with pytest.raises(AssertionError, match=re.escape(complaint)):
        check_page(wrong, tmp_path)
