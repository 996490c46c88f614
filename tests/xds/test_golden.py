"""Everything that a real istiod sent is accepted, and means what the committed files say.

After a deliberate change: `MESHIO_UPDATE_GOLDEN=1 pytest tests/xds/test_golden.py`, and read the diff.
"""

import hashlib
import json
import os
from dataclasses import MISSING, fields, is_dataclass

import pytest

from meshio.xds.decode import Decoder
from tests.xds.recordings import GOLDEN, HOW, recorded

SAMPLES = 3  # of the scale recording; the rest is pinned by a digest


def plain(value: object) -> object:
    """A value as JSON: what differs from the default, with the class where it matters."""
    if is_dataclass(value) and not isinstance(value, type):
        said = {f.name: plain(v) for f in fields(value) if f.compare and (v := getattr(value, f.name)) != default_of(f)}
        return {"is": type(value).__name__, **said}
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in sorted(value.items())}
    if isinstance(value, frozenset | set):
        return sorted(str(each) for each in value)
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    return value


def default_of(field: object) -> object:
    if field.default_factory is not MISSING:  # type: ignore[attr-defined]
        return field.default_factory()  # type: ignore[attr-defined]
    return field.default  # type: ignore[attr-defined]


def decoded(how: str) -> dict[str, dict[str, object]]:
    decoder = Decoder()
    return {
        kind: {each.name: plain(decoder.decode(reply.type_url, each.name, each.raw)) for each in reply.resources}
        for kind, reply in recorded(how).items()
    }


def shortened(kinds: dict[str, dict[str, object]]) -> dict[str, object]:
    """Of the scale recording a count, a digest and some samples."""
    return {
        kind: {
            "count": len(values),
            "sha256": hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest(),
            "samples": {name: clipped(values[name]) for name in sorted(values)[:SAMPLES]},
        }
        for kind, values in kinds.items()
    }


def clipped(value: object) -> object:
    """Long lists by their beginning and their length."""
    if isinstance(value, dict):
        return {key: clipped(each) for key, each in value.items()}
    if isinstance(value, list):
        tail = [f"... {len(value)} in all"] if len(value) > SAMPLES else []
        return [clipped(each) for each in value[:SAMPLES]] + tail
    return value


@pytest.mark.parametrize("how", HOW)
def test_what_istiod_sent_gives_the_values_that_are_pinned(how: str) -> None:
    found = decoded(how)
    text = json.dumps(shortened(found) if how == "scale" else found, indent=1, sort_keys=True) + "\n"
    pinned = GOLDEN / "values" / f"{how}.json"
    if os.environ.get("MESHIO_UPDATE_GOLDEN"):
        pinned.parent.mkdir(exist_ok=True)
        pinned.write_text(text)
    assert json.loads(text) == json.loads(pinned.read_text())


def test_the_same_bytes_give_the_same_object() -> None:
    decoder = Decoder()
    for reply in recorded("sidecar").values():
        for each in reply.resources:
            first = decoder.decode(reply.type_url, each.name, each.raw)
            assert decoder.decode(reply.type_url, each.name, bytes(bytearray(each.raw))) is first


def test_one_changed_virtual_host_leaves_the_others_the_same_objects() -> None:
    decoder, reply = Decoder(), recorded("scale")["04-RouteConfiguration"]
    table = max(reply.resources, key=lambda each: len(each.raw))
    before = decoder.decode(reply.type_url, table.name, table.raw)
    after = decoder.decode(reply.type_url, table.name, table.raw.replace(b"#svc-0007.", b"#svc-XXXX.", 1))
    assert after is not before
    changed = [old.name for old, new in zip(before.hosts, after.hosts, strict=True) if old is not new]
    assert len(changed) == 1
