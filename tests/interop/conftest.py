"""Peers are real programs in .venv/peers, put there by `make interop`; a test without its peer says so."""

from collections.abc import Callable
from pathlib import Path

import pytest

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
