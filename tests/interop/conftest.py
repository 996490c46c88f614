"""Peers are real programs in .venv/peers, put there by `make interop`; a test without its peer says so."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # test modules are imported by path; `programs` is for all of them

PEERS = Path(__file__).parents[2] / ".venv" / "peers"

Peer = Callable[[str], Path]


@pytest.fixture(scope="session")
def peer() -> Peer:
    """`peer("istiod")`: the program; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        path = PEERS / name
        if not path.exists():
            pytest.skip(f"needs {name}, which `make interop` provides")
        return path

    return find
