"""The chart of the README: latency of a request, and who spends CPU on it. SVG by hand, for light and dark pages."""

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from end_to_end.bars import ALONE, CROWDED
from end_to_end.results import Results

WIDTH, LEFT, RIGHT, ROW, BAR = 860, 170, 90, 26, 16
COLOURS = {"client": "#2f81f7", "client sidecar": "#d29922", "server sidecar": "#bb8009", "upstream": "#8b949e"}
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.t{font-weight:600;font-size:15px}.s{font-size:11px;fill:#6e7781}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.s{fill:#9198a1}}"
)
Parts = Mapping[str, float]


def draw(results: Results, machine: Mapping[str, object]) -> str:
    """Two panels: latency one at a time; CPU of every process but the upstream, 32 at a time."""
    latency = {way: {"client": results.over(way, ALONE, lambda spell: spell.p50).median} for way in results.ways}
    work = {way: parts(results, way) for way in results.ways}
    facts = f"GET of 70 B over loopback, plaintext, uvloop; medians of {results.plan.rounds} rounds; "
    facts += f"Python {machine['python']}, {machine['processor']}, {machine['cores']} cores"
    panels: list[tuple[str, Mapping[str, Parts], Mapping[str, str]]] = [
        ("Latency of a GET, one at a time (p50, µs)", latency, {}),
        ("CPU for a GET, 32 at a time (µs per request, without the upstream)", work, COLOURS),
    ]
    body: list[str] = []
    top = 10
    for title, rows, legend in panels:
        body += panel(title, rows, legend, top)
        top += 40 + ROW * len(rows) + 14
    body.append(text(10, top + 8, facts, "s"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 20}" role="img" '
        f'aria-label="Latency and CPU of a request, by way">\n<style>{STYLE}</style>\n' + "\n".join(body) + "\n</svg>\n"
    )


def parts(results: Results, way: str) -> Parts:
    used = results.spells[way, CROWDED][0].cpu
    return {
        part: results.over(way, CROWDED, lambda spell, part=part: spell.cpu[part]).median  # type: ignore[misc]
        for part in used
        if part != "upstream"
    }


def panel(title: str, rows: Mapping[str, Parts], legend: Mapping[str, str], top: int) -> Iterator[str]:
    """A title, a legend where there is one, and a bar for each row."""
    yield text(10, top + 14, title, "t")
    x = WIDTH - 330
    for name, colour in list(legend.items())[:3]:
        yield rect(x, top + 5, 10, 10, colour)
        yield text(x + 14, top + 14, name, "s")
        x += 110
    scale = (WIDTH - LEFT - RIGHT) / max(sum(row.values()) for row in rows.values())
    for number, (name, row) in enumerate(rows.items()):
        yield from bar(name, list(row.items()), top + 32 + ROW * number, scale)


def bar(name: str, row: Sequence[tuple[str, float]], top: int, scale: float) -> Iterator[str]:
    yield text(LEFT - 8, top + 13, name, anchor="end")
    x = float(LEFT)
    for part, value in row:
        yield rect(x, top, value * scale, BAR, COLOURS[part])
        x += value * scale
    yield text(x + 6, top + 13, f"{sum(value for _, value in row):,.0f}")


def rect(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 0.5):.1f}" height="{height}" fill="{colour}" rx="2"/>'


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}"{style}>{escape(words)}</text>'
