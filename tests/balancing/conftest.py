"""A seed for whatever draws, and the way to the candidates beside the tests."""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    """Distributions are the same in every run; the bounds in the tests hold for nearly every other seed, too."""
    state = random.getstate()
    random.seed(20240601)
    yield
    random.setstate(state)
