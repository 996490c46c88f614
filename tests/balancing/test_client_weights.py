"""Load reports, and the weights that they come to. The numbers are what Envoy 1.40 made of the same reports."""

import json
import struct
from base64 import b64encode

import pytest
from candidates import Peer, draws
from hypothesis import given
from hypothesis import strategies as st

from meshio.balancing.client_weights import ClientWeights, client_weights_of
from meshio.balancing.load_report import BINARY, TEXT, LoadReport, report_in
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.subset import Subset
from meshio.balancing.wire import varint

PLAIN = ClientWeights()
NAMED = ClientWeights(metrics=("named_metrics.foo", "utilization.bar", "mem_utilization"))


def double(number: int, value: float) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<d", value)


def entry(number: int, key: bytes, value: float) -> bytes:
    inner = b"\x0a" + varint(len(key)) + key + double(2, value)
    return varint(number << 3 | 2) + varint(len(inner)) + inner


BINARY_REPORT = b64encode(double(6, 50) + double(9, 0.5) + entry(8, b"foo", 0.25) + b"\x18\x07")

WEIGHTS = {
    "text": ((TEXT, b"TEXT application_utilization=0.5,rps_fractional=50"), PLAIN, 100),
    "text with colons and spaces": ((TEXT, b"TEXT rps_fractional: 100 , application_utilization: 0.5"), PLAIN, 200),
    "text of named metrics": ((TEXT, b"TEXT rps_fractional=100,named_metrics.foo=0.25"), NAMED, 400),
    "JSON": ((TEXT, b'JSON {"application_utilization": 0.5, "rpsFractional": "50"}'), PLAIN, 100),
    "JSON maps": (
        (TEXT, b'JSON {"rps_fractional": 100, "utilization": {"bar": 0.5}, "mem_utilization": 0.2}'),
        NAMED,
        200,
    ),
    "binary": ((TEXT, b"BIN " + BINARY_REPORT), PLAIN, 100),
    "binary of its own": ((BINARY, BINARY_REPORT), NAMED, 200),
    "the CPU, where nothing else is said": ((TEXT, b"TEXT rps_fractional=100,cpu_utilization=1"), NAMED, 100),
    "what the application says, unless named metrics do": (
        (TEXT, b'JSON {"application_utilization": 0.5, "rps_fractional": 100, "cpu_utilization": 0.1}'),
        NAMED,
        200,
    ),
    "errors": ((TEXT, b"TEXT application_utilization=0.5,rps_fractional=100,eps=50"), ClientWeights(penalty=1), 100),
    "the heaviest": ((TEXT, b"TEXT application_utilization=1e-9,rps_fractional=1e9"), PLAIN, 2**32 - 1),
    "next to nothing": ((TEXT, b"TEXT application_utilization=0.9,rps_fractional=0.001"), PLAIN, 0),
    "no requests": ((TEXT, b"TEXT application_utilization=0.5"), PLAIN, None),
    "no utilization": ((TEXT, b"TEXT rps_fractional=100"), PLAIN, None),
    "a negative utilization": ((TEXT, b"TEXT rps_fractional=100,application_utilization=-1"), PLAIN, None),
}


@pytest.mark.parametrize("case", WEIGHTS)
def test_a_report_comes_to_a_weight(case: str) -> None:
    header, settings, weight = WEIGHTS[case]
    report = report_in([(b"x", b"y"), header])
    assert report is not None
    assert settings.weight(report) == weight


BROKEN = [
    b"application_utilization=0.5,rps_fractional=50",
    b"text rps_fractional=50",
    b"TEXT application_utilization=nan,rps_fractional=50",
    b"TEXT rps_fractional=inf",
    b"TEXT rps_fractional=5,foo=3",
    b"TEXT rps_fractional=5,rps_fractional=6",
    b"TEXT rps_fractional",
    b"TEXT rps_fractional=1_0",
    b"TEXT named_metrics.=3",
    b"JSON {",
    b"JSON []",
    b'JSON {"rps_fractional": true}',
    b'JSON {"rps_fractional": 1, "nope": 1}',
    b'JSON {"named_metrics": 3}',
    b"JSON \xff",
    b"BIN %%",
    b"BIN " + b64encode(b"\x31123"),
    b"BIN " + b64encode(b"\x30\x01"),
    b"",
]


@pytest.mark.parametrize("value", BROKEN)
def test_a_broken_report_counts_for_nothing(value: bytes) -> None:
    assert report_in([(TEXT, value)]) is None


def test_no_report_is_none() -> None:
    assert report_in([]) is None


def test_the_binary_header_counts_first_and_of_others_the_first() -> None:
    one, two = (TEXT, b"TEXT eps=1"), (TEXT, b"TEXT eps=2")
    assert report_in([one, two]) == LoadReport({"eps": 1.0})
    assert report_in([one, (BINARY, b64encode(double(7, 3)))]) == LoadReport({"eps": 3.0})


def test_all_metrics_of_a_kind() -> None:
    report = LoadReport({"eps": 0.5}, {"utilization": {"a": 0.1, "b": 0.7}})
    assert report.largest(("utilization.*",)) == 0.7
    assert report.largest(("utilization.a", "eps", "nothing", "named_metrics.a")) == 0.5


@given(st.binary(max_size=80), st.sampled_from([b"TEXT ", b"JSON ", b"BIN "]))
def test_any_header_can_be_read(content: bytes, form: bytes) -> None:
    for header in ((TEXT, form + content), (TEXT, form + b64encode(content)), (BINARY, b64encode(content))):
        report = report_in([header])
        assert report is None or PLAIN.weight(report) is None or 0 <= PLAIN.weight(report) < 2**32  # type: ignore[operator]


@given(st.floats(0.1, 1e6), st.floats(0.01, 100))
def test_all_forms_say_the_same(rate: float, used: float) -> None:
    text = f"TEXT rps_fractional={rate!r},application_utilization={used!r}".encode()
    as_json = b"JSON " + json.dumps({"rps_fractional": rate, "application_utilization": used}).encode()
    binary = b"BIN " + b64encode(double(6, rate) + double(9, used))
    assert report_in([(TEXT, text)]) == report_in([(TEXT, as_json)]) == report_in([(TEXT, binary)])


def test_turns_by_the_weights_that_hosts_have() -> None:
    hosts = (Peer("a", 1), Peer("b", 3))
    assert draws(PLAIN.over(hosts), 8)[hosts[1]] == 6


def test_who_wants_reports() -> None:
    assert client_weights_of(Subset(NAMED)) is NAMED
    assert client_weights_of(Subset(RoundRobin())) is None
