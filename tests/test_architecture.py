"""The house rules, executable. A failure names the rule that was broken."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "meshio"

FLOORS: list[set[str]] = [
    {"errors", "memo", "message", "naming", "record"},
    {"matching", "balancing", "resilience", "identity"},
    {"routing", "access", "upstream"},
    {"mesh", "transport"},
    {"xds", "registry", "telemetry"},
    {"client", "server"},
    {"controlplane", "agent", "testing"},
    {"environment"},
    {"cli"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

PURE_ROOMS = {
    "errors", "memo", "message", "record", "matching", "balancing", "routing", "access", "upstream",
    "naming",
}  # fmt: skip
PURE_FILES = {"mesh/snapshot.py", "mesh/resolve.py", "xds/session.py", "xds/delta.py"}
IMPURE = {"asyncio", "concurrent", "logging", "multiprocessing", "selectors", "socket", "ssl", "threading", "time"}
PURE_FRIENDS = {"re2", "xxhash"}

FRONTS = {"matching", "testing", "xds/encode"}  # packages one imports from; of others, one imports their modules

AT_HOME = {
    "aiohttp": {"client"},
    "betterproto2": {"xds"},
    "click": {"cli"},
    "grpclib": {"xds", "client", "controlplane", "testing"},
    "h2": {"transport", "xds", "client"},
    "httptools": {"transport"},
    "httpx": {"client"},
    "multidict": {"client"},
    "pycares": {"registry"},
    "rich": {"cli"},
    "uvloop": {"environment"},
    "yaml": {"controlplane"},
    "yarl": {"client"},
}

IMPORTED_AS = {"google-re2": "re2", "pyyaml": "yaml"}
USERS_OWN = {"aiohttp", "httpx", "multidict", "uvloop", "yarl"}  # extras: imported only where the program has them

EMPTY_WORDS = {
    "base", "common", "handler", "helper", "helpers", "impl", "manager", "misc", "processor", "util", "utils",
}  # fmt: skip
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def hand_written() -> list[Path]:
    """Every module of the package but the generated ones and the two at the top."""
    generated = ROOT / "xds" / "proto"
    top = {ROOT / "__init__.py", ROOT / "__main__.py"}
    return sorted(path for path in ROOT.rglob("*.py") if path not in top and generated not in path.parents)


every_module = pytest.mark.parametrize("path", hand_written(), ids=lambda path: str(path.relative_to(ROOT)))


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(path: Path) -> Iterator[str]:
    """Full names of what is imported, at whatever depth: a late import is an import."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def words(name: str) -> list[str]:
    """The words of a snake_case or CamelCase name, lower case."""
    return [word.lower() for part in name.split("_") for word in re.findall(r"[A-Z]*[a-z0-9]+|[A-Z]+", part)]


@every_module
def test_every_room_has_a_floor(path: Path) -> None:
    assert room(path) in FLOOR, f"{room(path)} is on no floor: see FLOORS"


@every_module
def test_imports_only_go_down(path: Path) -> None:
    mine = room(path)
    for name in imports(path):
        if name == "meshio" or name.startswith("meshio."):
            other = [*name.split("."), ""][1]
            assert other in FLOOR, f"{name}: a room imports rooms, not the package"
            ground = FLOOR[other] == FLOOR[mine] == 0
            assert other == mine or ground or FLOOR[other] < FLOOR[mine], f"{mine} imports {other}"


@every_module
def test_packages_do_not_pass_on_names(path: Path) -> None:
    if path.name == "__init__.py" and path.parent.relative_to(ROOT).as_posix() not in FRONTS:
        assert not path.read_text().strip(), "a name has one home: see FRONTS"
    for name in imports(path):
        assert not name.endswith(".*"), f"{name}: say which"


@every_module
def test_pure_rooms_do_no_io_and_read_no_clock(path: Path) -> None:
    if room(path) not in PURE_ROOMS and str(path.relative_to(ROOT)) not in PURE_FILES:
        return
    tops = {name.split(".")[0] for name in imports(path)}
    assert not tops & IMPURE
    assert tops <= sys.stdlib_module_names | PURE_FRIENDS | {"meshio"}


@every_module
def test_third_parties_stay_in_their_rooms(path: Path) -> None:
    for name in imports(path):
        rooms = AT_HOME.get(name.split(".")[0])
        assert rooms is None or room(path) in rooms, f"{room(path)} imports {name}: it belongs in {sorted(rooms or ())}"


@every_module
def test_protobuf_stops_at_the_edge(path: Path) -> None:
    if room(path) == "xds" or path == ROOT / "controlplane" / "server.py":
        return
    assert not [name for name in imports(path) if name.startswith("meshio.xds.proto")]


def declared() -> set[str]:
    """What `pip install meshio-proxyless` brings, by the names it is imported under."""
    project = tomllib.loads((ROOT.parent / "pyproject.toml").read_text())["project"]
    names = [re.split(r"[<>=!~;\[ ]", each)[0].lower() for each in project["dependencies"]]
    return {IMPORTED_AS.get(name, name) for name in names}


@every_module
def test_an_install_brings_all_that_is_imported(path: Path) -> None:
    tops = {name.split(".")[0] for name in imports(path)}
    assert tops <= sys.stdlib_module_names | declared() | USERS_OWN | {"meshio"}


@every_module
def test_names_say_something(path: Path) -> None:
    classes = [node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
    for name in (path.stem, *classes):
        assert not set(words(name)) & EMPTY_WORDS, name
        assert words(name)[-1:] != ["service"] or room(path) == "controlplane", f"{name}: only Kubernetes has those"


@every_module
def test_sizes(path: Path) -> None:
    assert path.read_text().count("\n") <= 400
    for function in functions(path):
        assert (function.end_lineno or 0) - function.lineno < 60, function.name
        given = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
        given = given[1:] if given[:1] in (["self"], ["cls"]) else given
        assert len(given) <= 5, f"{function.name}: a value is missing"


@every_module
def test_nothing_is_left_for_later(path: Path) -> None:
    assert not UNFINISHED.search(path.read_text())


@every_module
def test_modules_say_what_they_are(path: Path) -> None:
    assert ast.get_docstring(tree(path)) or not path.read_text().strip()
