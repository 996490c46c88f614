"""The command as a whole."""

import subprocess
import sys
from collections.abc import Callable

import pytest
from click.testing import Result

from meshio import __version__
from meshio.cli.main import COMMANDS

Meshio = Callable[..., Result]


def test_help_lists_every_command(meshio: Meshio) -> None:
    told = meshio("--help").stdout
    assert all(f"\n  {name} " in told for name in COMMANDS)
    assert "MESHIO_DISCOVERY_ADDRESS" in told


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples(meshio: Meshio, name: str) -> None:
    assert "Examples:\n    meshio " in meshio(name, "-h").stdout


def test_an_unknown_command_is_wrong_use(meshio: Meshio) -> None:
    meshio("nonsense", code=2)


def test_python_m_meshio_is_the_same() -> None:
    told = subprocess.run([sys.executable, "-m", "meshio", "--version"], capture_output=True, text=True, check=True)
    assert told.stdout == f"meshio, version {__version__}\n"
