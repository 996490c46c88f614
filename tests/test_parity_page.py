"""docs/parity.md says what the cases of tests/parity say."""

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_the_parity_page_is_what_its_generator_writes() -> None:
    done = subprocess.run([sys.executable, DOCS / "generate_parity.py", "--check"])
    assert done.returncode == 0, "the cases have changed: run python docs/generate_parity.py"
