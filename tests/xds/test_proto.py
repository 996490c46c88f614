"""The generated classes are what `make proto` makes, byte for byte."""

import subprocess
import sys
from pathlib import Path

import pytest

GENERATE = Path(__file__).parents[2] / "meshio" / "xds" / "proto" / "generate.py"


def test_generating_again_changes_nothing() -> None:
    for package in ("betterproto2_compiler", "grpc_tools"):
        pytest.importorskip(package, reason="generating needs the dependency group `proto`")
    check = subprocess.run([sys.executable, GENERATE, "--check"], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stderr


def test_the_wanted_messages_are_listed_once_each() -> None:
    lines = (GENERATE.parent / "messages.txt").read_text().splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    assert len(names) == len(set(names))
