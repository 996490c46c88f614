"""docs/feature-status.md says what the tables say that the code reads its input by."""

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def test_the_status_page_is_what_its_generator_writes() -> None:
    done = subprocess.run([sys.executable, DOCS / "generate_status.py", "--check"])
    assert done.returncode == 0, "the tables have changed: run python docs/generate_status.py"
