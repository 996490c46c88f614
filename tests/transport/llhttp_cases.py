"""llhttp's own test suite as data: its responses, and the events that its parser makes of them.

`llhttp/*.md` are the files of llhttp 9.4.1, unchanged, from the source distribution of aiohttp 3.14.0 on PyPI
(vendor/llhttp/test/response; MIT, see `llhttp/LICENSE`). The events say which bytes of the input are what.
"""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parent / "llhttp"
CASE = re.compile(
    r"^#+ (?P<name>.+?)$.*?<!-- meta=(?P<meta>\{.*?\}) -->\n"
    r"```http\n(?P<http>.*?)^```.*?^```log\n(?P<log>.*?)^```",
    re.M | re.S,
)
EVENT = re.compile(r"off=(\d+)(?: len=(\d+))? (\S+?)(?:\[(\w+)\]=.*| (.*))?$")


@dataclass
class Message:
    """One response that llhttp saw. `complete` and `skipped` (no body was looked for) as its events say."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    headed: bool = False
    complete: bool = False


@dataclass
class Case:
    """One case: the bytes, and what llhttp makes of them. `error` is its reason for stopping, "" for none."""

    name: str
    kind: str
    raw: bytes
    messages: list[Message]
    error: str = ""
    method: str = "GET"

    @property
    def final(self) -> Message | None:
        """The first response that is no interim one, if its head was read to the end."""
        return next((each for each in self.messages if each.headed and each.status >= 200), None)


def cases() -> list[Case]:
    """Every case of the suite."""
    found: list[Case] = []
    for path in sorted(FOLDER.glob("*.md")):
        found += [case(path.stem, match) for match in CASE.finditer(one_section_each(path.read_text()))]
    return found


def one_section_each(text: str) -> str:
    """Without the headings above headings: each case then begins with its own."""
    return re.sub(r"^(#+ .*\n+)(?:[^#`<].*\n+)*(?=#+ )", "", text, flags=re.M)


def case(file: str, match: "re.Match[str]") -> Case:
    raw = unescaped(match["http"]).encode("utf-8" if "ï" in match["http"] else "latin-1")
    meta = json.loads(match["meta"])
    method = "HEAD" if meta.get("skipBody") else "GET"
    return Case(f"{file}: {match['name']}", meta["type"], raw, *replayed(raw, match["log"]), method)


def unescaped(text: str) -> str:
    """The input as llhttp's runner (md-test.ts) reads it."""
    text = text.removesuffix("\n")
    text = re.sub(r"\\\n", "", text).replace("\n", "\r\n")
    for escape, char in (("\\r", "\r"), ("\\n", "\n"), ("\\t", "\t"), ("\\f", "\f")):
        text = text.replace(escape, char)
    text = re.sub(r"\\x([0-9a-fA-F]{2})", lambda found: chr(int(found[1], 16)), text)
    return re.sub(r"\\([0-7]{1,3})", lambda found: chr(int(found[1], 8)), text)


def replayed(raw: bytes, log: str) -> tuple[list[Message], str]:
    """The messages that the events describe, and llhttp's reason for stopping."""
    messages: list[Message] = []
    name = value = b""
    for line in log.splitlines():
        if "error code=" in line:
            return messages, line.partition('reason="')[2].rstrip('"')
        if (event := EVENT.match(line)) is None:
            continue
        offset, length, kind, span, words = event.groups()
        piece = raw[int(offset) : int(offset) + int(length or 0)]
        match span or f"{kind} {words or ''}".split(" status=")[0].strip():
            case "message begin":
                messages.append(Message())
            case "header_field":
                name += piece
            case "header_value":
                value += piece
            case "header_value complete":
                if not messages[-1].headed:
                    messages[-1].headers.append((name.lower(), value.rstrip(b" \t")))
                name = value = b""
            case "headers complete":
                messages[-1].headed = True
                messages[-1].status = int(re.search(r"status=(\d+)", line)[1])
            case "body":
                messages[-1].body += piece
            case "message complete":
                messages[-1].complete = True
    return messages, ""
