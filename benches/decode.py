"""How long from bytes to values: what istiod sends a large mesh, and one endpoint of ten thousand changing.

    python benches/decode.py [--json FILE]

CPU time of this thread. The longest step is what stands between two turns of the loop. The cyclic garbage
collector walks everything that is alive, so it is shown with the heap of the start frozen (`gc.freeze()`), as a
long-running process does, and as Python comes.
"""

import gc
import gzip
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import thread_time
from typing import NamedTuple

from figures import QUICK, Figures

from meshio.xds.decode import Decoder
from meshio.xds.discovery import Reply, Resource
from meshio.xds.envelope import read_reply
from meshio.xds.types import ASSIGNMENT

SCALE = Path(__file__).parents[1] / "tests" / "golden" / "istiod" / "scale"
ALL = "10,000 endpoints of one cluster"
ONE = "one of 10,000 endpoints changed"


class Row(NamedTuple):
    """One line of the table. Milliseconds of CPU."""

    what: str
    total: float
    stall: float


def main() -> int:
    figures = Figures("from bytes to values, ms of CPU")
    rows = {row.what: row for row in measure()}
    for row in rows.values():
        figures.add(row.what, row.total, {"longest step": row.stall})
    figures.bar("ten thousand endpoints", rows[ALL].total, 150)
    figures.bar("one of them changed", rows[ONE].total, 20)
    return figures.finish()


def measure() -> Iterator[Row]:
    """Warm up, then measure each case three times (QUICK: once) and take the best."""
    big = largest(recorded("02-ClusterLoadAssignment"))
    whole = Reply(ASSIGNMENT, "", "", (big,))
    decode(Decoder(), recorded("01-Cluster"))
    yield best("10,000 endpoints of one cluster, garbage collector as is", lambda: decode(Decoder(), whole))
    gc.collect()
    gc.freeze()
    yield best(ALL, lambda: decode(Decoder(), whole))
    yield best(ONE, lambda: change(big))
    yield best("the same bytes again", lambda: again(whole))
    for kind in ("01-Cluster", "02-ClusterLoadAssignment", "03-Listener", "04-RouteConfiguration"):
        reply = recorded(kind)
        what = f"{len(reply.resources)} x {kind[3:]}"
        yield best(what, lambda reply=reply: decode(Decoder(), reply))  # type: ignore[misc]


def best(what: str, run: Callable[[], list[float]]) -> Row:
    """The best of its runs."""
    steps = min((run() for _ in range(1 if QUICK else 3)), key=sum)
    return Row(what, sum(steps) * 1e3, max(steps) * 1e3)


def decode(decoder: Decoder, reply: Reply) -> list[float]:
    """Seconds of every step."""
    steps = []
    for each in reply.resources:
        before = thread_time()
        for _ in decoder.steps(reply.type_url, each.name, each.raw):
            steps.append(thread_time() - before)
            before = thread_time()
        steps.append(thread_time() - before)
    return steps


def change(resource: Resource) -> list[float]:
    """One endpoint moves."""
    decoder, at = Decoder(), resource.raw.rindex(b"10.")
    decoder.decode(ASSIGNMENT, resource.name, resource.raw)
    moved = resource.raw[:at] + b"11." + resource.raw[at + 3 :]
    return decode(decoder, Reply(ASSIGNMENT, "", "", (replace(resource, raw=moved),)))


def again(reply: Reply) -> list[float]:
    """What istiod sends when something else changed."""
    decoder = Decoder()
    decode(decoder, reply)
    return decode(decoder, reply)


def recorded(kind: str) -> Reply:
    return read_reply(gzip.decompress((SCALE / f"{kind}.bin.gz").read_bytes()))


def largest(reply: Reply) -> Resource:
    return max(reply.resources, key=lambda each: len(each.raw))


if __name__ == "__main__":
    sys.exit(main())
