"""What goes out as a request head, and what is refused before anything goes out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import BadRequest
from meshio.message import Content, Headers, Request
from meshio.transport.head import encode_head


def head(
    headers: Headers | None = None,
    body: Content = b"",
    method: bytes = b"GET",
    path: bytes = b"/x",
    host: bytes = b"a",
) -> bytes:
    return encode_head(Request(method, host, path, headers or [], body))


async def pieces():
    yield b"x"


def test_a_plain_get_says_no_more_than_it_has_to():
    assert head([(b"accept", b"*/*")]) == b"GET /x HTTP/1.1\r\nhost: a\r\naccept: */*\r\n\r\n"


def test_the_path_is_sent_as_it_was_written():
    assert head(path=b"/a%2Fb/../c?q=\xc3\xa9&r").startswith(b"GET /a%2Fb/../c?q=\xc3\xa9&r HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("method", "line"), [(b"POST", True), (b"PUT", True), (b"PATCH", True), (b"GET", False), (b"DELETE", False)]
)
def test_an_empty_body_is_announced_only_where_one_is_expected(method, line):
    assert (b"content-length: 0" in head(method=method)) is line


def test_bytes_get_a_length_and_streams_are_chunked():
    assert b"\r\ncontent-length: 3\r\n" in head(body=b"abc", method=b"POST")
    assert b"\r\ntransfer-encoding: chunked\r\n" in head(body=pieces(), method=b"POST")
    told = head([(b"content-length", b"7")], pieces(), b"POST")
    assert b"\r\ncontent-length: 7\r\n" in told and b"chunked" not in told


def test_headers_of_the_callers_own_connection_are_left_out():
    dropped = [b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"host", b"Upgrade"]
    assert head([(name, b"x") for name in dropped]) == head()
    assert head([(b"te", b"gzip")]) == head()
    assert b"te: trailers" in head([(b"te", b"trailers")])


@pytest.mark.parametrize("lengths", [[b"4"], [b"3", b"4"], [b"-3"], [b"+3"], [b"3 "], [b"three"], [b""]])
def test_a_content_length_that_does_not_fit_the_body_is_refused(lengths):
    with pytest.raises(BadRequest, match="content-length"):
        head([(b"content-length", length) for length in lengths], b"abc", b"POST")


@pytest.mark.parametrize("value", [b"a\r\nx: y", b"a\nb", b"a\rb", b"a\0b", b"a\x7f", b"\x01", b"a\r\n"])
def test_control_characters_in_a_value_are_refused_by_name(value):
    with pytest.raises(BadRequest, match="x-bad"):
        head([(b"x-good", b"tab\tis fine \xff"), (b"x-bad", value)])


@pytest.mark.parametrize("name", [b"", b"a b", b"a:", b"a\r\nb", b"a\n", b"\xe9", b"a\0", b"(a)"])
def test_what_is_not_a_header_name_is_refused(name):
    with pytest.raises(BadRequest, match="header name"):
        head([(name, b"x")])


@pytest.mark.parametrize(
    "path", [b"", b"/a b", b"/a\tb", b"/a\r\nb", b"/a\n", b"/\0", b"/x HTTP/1.1\r\nhost: b\r\n\r\nGET /y"]
)
def test_what_is_not_a_path_is_refused(path):
    with pytest.raises(BadRequest):
        head(path=path)


@pytest.mark.parametrize("method", [b"", b"GET ", b"G\r\nT", b"GET /", b"\xff", b"CONNECT"])
def test_what_is_not_a_method_is_refused(method):
    with pytest.raises(BadRequest):
        head(method=method)


@pytest.mark.parametrize("host", [b"", b"a b", b"a\r\nx: y", b"a/b", b"\xe9", b"a\n"])
def test_what_is_not_an_authority_is_refused(host):
    with pytest.raises(BadRequest, match="authority"):
        head(host=host)


def test_a_body_that_is_no_body_is_refused():
    with pytest.raises(BadRequest, match="str"):
        head(body="text", method=b"POST")


@given(
    st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=4),
    st.binary(max_size=8),
    st.binary(max_size=8),
    st.binary(max_size=8),
)
def test_nobody_can_write_a_second_request_into_the_first(headers, method, path, host):
    try:
        sent = head(headers, b"", method, path, host)
    except BadRequest:
        return
    lines = sent.split(b"\r\n")
    assert sent.count(b"\n") == sent.count(b"\r") == len(lines) - 1
    assert lines[-2:] == [b"", b""] and b"" not in lines[:-2]
    assert len(lines[0].split(b" ")) == 3
    assert sum(line.lower().startswith(b"host:") for line in lines) == 1
    assert sum(line.lower().startswith(b"content-length:") for line in lines) <= 1
