"""What istiod 1.32-dev sent, recorded: `tests/golden/istiod/<how>/NN-<Type>.bin[.gz]`, one response a file."""

import gzip
from pathlib import Path

from meshio.xds.discovery import Reply
from meshio.xds.envelope import read_delta_reply, read_reply

GOLDEN = Path(__file__).parents[1] / "golden"
HOW = ("sidecar", "delta", "grpc", "scale")


def read(path: Path) -> Reply:
    """One recorded response."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return (read_delta_reply if path.parent.name == "delta" else read_reply)(raw)


def recorded(how: str) -> dict[str, Reply]:
    """The responses of one recording, by file name without suffix."""
    return {path.name.partition(".")[0]: read(path) for path in sorted((GOLDEN / "istiod" / how).glob("*.bin*"))}
