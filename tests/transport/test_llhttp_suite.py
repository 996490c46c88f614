"""An independent suite of hard responses, and Envoy's answers to them, against the client over real sockets.

What Envoy passes on, the client hands out, and what Envoy refuses, it refuses; where it is stricter, `STRICTER` says
why. That agrees with what llhttp itself makes of each case wherever it is not lenient.
"""

import asyncio
import json

import pytest
from llhttp_cases import FOLDER, Case, cases

from meshio.errors import ProtocolBroken, RequestError

CASES = cases()
ENVOY = json.loads((FOLDER / "envoy.json").read_text())

BARE = "a bare LF or CR ends no line: two readers that differ about it see two different responses"
LINE = "the status line is read to the letter"
CHUNK = "a chunk's size line is read to the letter: who reads it otherwise finds another end of the body"
STRICTER = {
    "invalid: Only LFs present and no body": BARE,
    "invalid: Only LFs present and no body (lenient)": BARE,
    "invalid: Only LFs present": BARE,
    "invalid: Only LFs present (lenient)": BARE,
    "sample: No carriage ret": BARE,
    "sample: No carriage ret (lenient)": BARE,
    "invalid: Headers separated by CR": BARE,
    "invalid: Tab after HTTP version": LINE,
    "invalid: Invalid HTTP version": LINE,
    "lenient-version: Invalid HTTP version (lenient)": LINE,
    "invalid: Extra space between HTTP version and status code": LINE,
    "invalid: One-digit status code": LINE,
    "transfer-encoding: Trailing space on chunked body": CHUNK,
    "transfer-encoding: No semicolon before chunk extensions": CHUNK,
    "transfer-encoding: No extension after semicolon": CHUNK,
    "transfer-encoding: Unbalanced chunk extensions quoting": CHUNK,
}
MILDER = {
    "connection: HTTP 100 first, then 400": "an empty line after an interim response is passed over",
}
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def test_every_case_of_the_suite_is_read() -> None:
    assert len(CASES) == sum(path.read_text().count("```http") for path in FOLDER.glob("*.md"))
    assert {case.name for case in CASES} == ENVOY.keys()


def test_what_is_stricter_than_envoy_is_refused_by_llhttp_too() -> None:
    """But for the lenient modes, which nobody switches on."""
    strict = {case.name: case for case in CASES if "lenient" not in case.kind}
    assert all(strict[name].error for name in STRICTER if name in strict)


async def outcome(net: object, case: Case, size: int) -> tuple[int, str] | str:
    """Status and body, or in one word what went wrong; the response comes in pieces of this size."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await net.read_request(reader)
        for at in range(0, len(case.raw), size):
            writer.write(case.raw[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)

    async with net.listening(script) as port, net.visiting(port) as site:
        try:
            response = await site.get(case.method.encode())
            body = await response.body.read()
        except RequestError as error:
            return (
                "cut"
                if "closed the connection" in str(error)
                else "refused"
                if isinstance(error, ProtocolBroken)
                else "?"
            )
        return response.status, body.decode("latin-1")


def wanted(case: Case) -> tuple[int, str] | str:
    told = ENVOY[case.name]
    if case.name in MILDER:
        return case.final.status, case.final.body.decode("latin-1")
    if told["own"] or case.name in STRICTER:
        return "refused"
    return (told["status"], told["body"]) if told["whole"] else "cut"


@each_case
def test_the_client_agrees_with_envoy(case: Case, net: object) -> None:
    async def main() -> list[object]:
        return [await outcome(net, case, size) for size in (len(case.raw) or 1, 7, 1)]

    assert asyncio.run(main()) == [wanted(case)] * 3
