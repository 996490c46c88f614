"""What a program says of its request beside the request."""

import httpx
import pytest

from meshio.client.httpx import convert
from meshio.client.native import build
from meshio.errors import BadRequest
from meshio.message import Notes

METADATA = {"f": {"k": ["v", 1, None]}}
STATE = {"key": "text"}


def same(notes: Notes | None) -> bool:
    return notes is not None and (notes.metadata, notes.filter_state) == (METADATA, STATE)


def test_httpx_says_it_in_an_extension() -> None:
    extensions = {"mesh": {"metadata": METADATA, "filter_state": STATE}}
    assert same(convert(httpx.Request("GET", "http://a/", extensions=extensions)).notes)
    assert convert(httpx.Request("GET", "http://a/")).notes is None


def test_the_native_client_takes_it_as_options() -> None:
    assert same(build("GET", "http://a/", metadata=METADATA, filter_state=STATE).notes)
    assert build("GET", "http://a/").notes is None


@pytest.mark.parametrize("said", [{"metadata": {"f": "v"}}, {"filter_state": {"k": 1}}, {"mood": "good"}])
def test_what_is_no_note_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        convert(httpx.Request("GET", "http://a/", extensions={"mesh": said}))
    if "mood" not in said:
        with pytest.raises(BadRequest):
            build("GET", "http://a/", **said)  # type: ignore[arg-type]
