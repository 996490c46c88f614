"""The chart of the README: latency of a request, and who spends CPU on it. SVG by hand, for light and dark pages."""

from collections.abc import Iterator, Mapping
from xml.sax.saxutils import escape

from end_to_end.bars import ALONE, CROWDED
from end_to_end.measure import SIDECARS
from end_to_end.results import Results

WIDTH, LEFT, RIGHT, ROW, BAR = 860, 150, 60, 24, 15
OURS = "client over meshio"
COLOURS = {
    OURS: "#2da44e",
    "client": "#2f81f7",
    "client sidecar": "#d29922",
    "server sidecar": "#9e6a03",
}
ORDER = (
    *("floor", "meshio", "meshio + aiohttp", "aiohttp", "aiohttp" + SIDECARS),
    *("meshio + httpx", "httpx", "httpx" + SIDECARS),
)
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:15px}.s{font-size:11px;fill:#6e7781}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}}"
)
Rows = Mapping[str, Mapping[str, float]]


def draw(results: Results, machine: Mapping[str, object]) -> str:
    """Two panels: latency one at a time; CPU of every process but the upstream, 32 at a time."""
    ways = [way for way in ORDER if way in results.ways]
    latency = {way: {client(way): results.over(way, ALONE, lambda spell: spell.p50).median} for way in ways}
    lines = list(legend(10))
    top = 34
    for title, rows in (
        ("Latency of a GET, one at a time: p50 in µs", latency),
        (
            "CPU for a GET, 32 at a time: µs of all processes but the upstream",
            {way: work(results, way) for way in ways},
        ),
    ):
        lines += panel(title, rows, top)
        top += 36 + ROW * len(rows) + 10
    for fact in facts(results, machine):
        lines.append(text(10, top, fact, "s"))
        top += 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img" '
        f'aria-label="Latency and CPU of a request, by way">\n<style>{STYLE}</style>\n'
        + "\n".join(lines)
        + "\n</svg>\n"
    )


def facts(results: Results, machine: Mapping[str, object]) -> Iterator[str]:
    yield f"70 bytes over loopback, plaintext, keep-alive, uvloop; medians of {results.plan.rounds} rounds. " + (
        "floor: a bare asyncio protocol. Sidecars: two Envoys 1.40."
    )
    yield f"Python {machine['python']}, {machine['cores']} cores ({machine['processor']}). benches/end_to_end"


def client(way: str) -> str:
    return OURS if way.startswith("meshio") else "client"


def work(results: Results, way: str) -> dict[str, float]:
    """Microseconds of CPU for each request, by what the chart calls a process."""
    return {
        client(way) if part == "client" else part: results.over(way, CROWDED, lambda s, part=part: s.cpu[part]).median  # type: ignore[misc]
        for part in results.spells[way, CROWDED][0].cpu
        if part != "upstream"
    }


def legend(top: int) -> Iterator[str]:
    for number, (name, colour) in enumerate(COLOURS.items()):
        x = LEFT + 150 * number
        yield rect(x, top, 10, 10, colour)
        yield text(x + 15, top + 9, name, "s")


def panel(title: str, rows: Rows, top: int) -> Iterator[str]:
    """A title, and a bar for each row."""
    yield text(10, top + 14, title, "t")
    scale = (WIDTH - LEFT - RIGHT) / max(sum(row.values()) for row in rows.values())
    for number, (name, row) in enumerate(rows.items()):
        yield from bar(name, row, top + 30 + ROW * number, scale)


def bar(name: str, row: Mapping[str, float], top: int, scale: float) -> Iterator[str]:
    yield text(LEFT - 8, top + 12, name, anchor="end")
    x = float(LEFT)
    for part, value in row.items():
        yield rect(x, top, value * scale, BAR, COLOURS[part])
        x += value * scale
    yield text(x + 6, top + 12, f"{sum(row.values()):,.0f}")


def rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height}" fill="{colour}"/>'


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}"{style}>{escape(words)}</text>'
