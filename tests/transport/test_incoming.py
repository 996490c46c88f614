"""What counts as a response, however it is cut into pieces. Pure: no sockets."""

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import ProtocolBroken
from meshio.transport.incoming import LARGE, Incoming

OK = b"HTTP/1.1 200 OK\r\n"


def incoming(method: bytes = b"GET") -> Incoming:
    it = Incoming("10.0.0.1:80", 1024, 10)
    it.begin(method)
    return it


def fed(data: bytes, method: bytes = b"GET") -> Incoming:
    it = incoming(method)
    it.feed(data)
    return it


def seen(it: Incoming) -> tuple[object, ...]:
    return it.status, it.headers, b"".join(it.chunks), it.trailers or [], it.headed, it.ended, it.reusable


def test_a_small_answer_is_complete_at_once():
    it = fed(OK + b"Content-Length: 2\r\nX-A: b\r\n\r\nhi")
    assert seen(it) == (200, [(b"content-length", b"2"), (b"x-a", b"b")], b"hi", [], True, True, True)


def test_trailers_are_not_headers():
    it = fed(OK + b"Transfer-Encoding: chunked\r\n\r\n2;ext=1\r\nhi\r\n0\r\nX-Sum: 1\r\nContent-Type: a\r\n\r\n")
    assert it.headers == [(b"transfer-encoding", b"chunked")]
    assert it.trailers == [(b"x-sum", b"1"), (b"content-type", b"a")]
    assert it.ended and it.reusable


def test_interim_answers_are_skipped_and_their_headers_forgotten():
    it = fed(b"HTTP/1.1 100 Continue\r\nX-I: 1\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
    assert it.consented and not it.headed
    it.feed(OK + b"Content-Length: 0\r\n\r\n")
    assert it.status == 200 and it.headers == [(b"content-length", b"0")] and it.ended


@pytest.mark.parametrize(
    ("method", "data"),
    [
        (b"HEAD", OK + b"Content-Length: 20\r\n\r\n"),
        (b"HEAD", OK + b"Transfer-Encoding: chunked\r\n\r\n"),
        (b"HEAD", OK + b"Content-Length: 0\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        (b"GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"),
        (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 20\r\n\r\n"),
    ],
)
def test_answers_without_a_body_end_with_the_head_and_keep_the_connection(method, data):
    it = fed(data, method)
    assert it.ended and it.reusable and not it.chunks
    it.begin(b"GET")
    it.feed(OK + b"Content-Length: 2\r\n\r\nhi")
    assert it.ended and it.chunks == [b"hi"]


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    ],
)
def test_a_peer_that_closes_is_not_asked_again(data):
    it = fed(data)
    assert it.ended and not it.reusable


def test_http_1_0_may_ask_to_be_kept():
    assert fed(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi").reusable


def test_a_body_without_length_ends_with_the_connection():
    it = fed(OK + b"\r\nhi")
    assert it.headed and not it.ended and it.eof()
    assert not fed(OK + b"Content-Length: 3\r\n\r\nhi").eof()
    assert not fed(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n").eof()
    assert not fed(OK).eof()


@pytest.mark.parametrize("more", [b"X", b"HTTP/1.1 200", OK + b"Content-Length: 0\r\n\r\n"])
def test_an_answer_that_nobody_asked_for_costs_the_connection_not_the_answer(more):
    it = fed(OK + b"Content-Length: 2\r\n\r\nhi" + more)
    assert it.ended and it.chunks == [b"hi"] and not it.reusable


def test_a_body_after_head_costs_the_connection():
    it = fed(OK + b"Content-Length: 2\r\n\r\nhi", b"HEAD")
    assert it.ended and not it.chunks and not it.reusable


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
        OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
        OK + b"Content-Length: 2, 2\r\n\r\nhi",
        OK + b"Content-Length: +2\r\n\r\nhi",
        OK + b"Content-Length: -2\r\n\r\nhi",
        OK + b"Content-Length: \r\n\r\nhi",
        OK + b"Content-Length : 2\r\n\r\nhi",
        OK + b"Content-Length: 99999999999999999999\r\n\r\nhi",
        OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: gzip\r\n\r\nhi",
        OK + b"Transfer-Encoding: xchunked\r\n\r\nhi",
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n0x2\r\nhi\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-2\r\nhi\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhih\r\n0\r\n\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhi\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nhi",
        OK + b"X: a\rb\r\n\r\n",
        OK + b"X: a\0b\r\n\r\n",
        OK + b"X: a\x01b\r\n\r\n",
        OK + b"X: a\r\n folded\r\n\r\n",
        OK + b"X y: a\r\n\r\n",
        OK + b": a\r\n\r\n",
        OK + b"no colon\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
    ],
)
def test_what_could_be_read_in_two_ways_is_no_answer(data):
    with pytest.raises(ProtocolBroken):
        fed(data)
    slow = incoming()
    with pytest.raises(ProtocolBroken):
        for at in range(len(data)):
            slow.feed(data[at : at + 1])


def test_header_bombs_are_cut_off():
    with pytest.raises(ProtocolBroken, match="11 headers"):
        fed(OK + b"".join(b"X-%d: y\r\n" % n for n in range(11)) + b"\r\n")
    with pytest.raises(ProtocolBroken, match="1024"):
        fed(OK + b"X: " + b"y" * 1100 + b"\r\nContent-Length: 0\r\n\r\n")
    endless = fed(OK + b"X: ")
    with pytest.raises(ProtocolBroken, match="1024"):
        for _ in range(1024):
            endless.feed(b"y")


def test_endless_interim_answers_trailers_and_chunk_extensions_are_cut_off():
    for start, more in (
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", b"X: y\r\n"),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n2;", b"ext=a;"),
    ):
        it = fed(start)
        with pytest.raises(ProtocolBroken):
            for _ in range(1024):
                it.feed(more)


def test_a_long_body_is_no_header_bomb():
    it = fed(OK + b"Content-Length: 100000\r\n\r\n" + b"x" * 50_000)
    it.feed(b"x" * 50_000)
    assert it.ended


ANSWERS = [
    OK + b"Content-Length: 5\r\nX-A: 1\r\nx-a: 2\r\n\r\nhello",
    OK + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nX-T: v\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\nLocation: /x\r\n\r\n",
    b"HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nno\n",
    b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    OK + b"Connection: close\r\nContent-Length: 1\r\n\r\n!",
]


@given(st.sampled_from(ANSWERS), st.sampled_from([b"GET", b"HEAD"]), st.lists(st.integers(1, 120), max_size=12))
def test_the_cuts_do_not_matter(answer, method, cuts):
    if method == b"HEAD":
        answer = answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if b"100 Continue" not in answer else answer
    pieces = incoming(method)
    edges = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    for start, end in pairwise(edges):
        pieces.feed(answer[start:end])
    assert seen(pieces) == seen(fed(answer, method))
    assert pieces.ended


SHORT = OK + b"Content-Length: 2\r\n\r\n"
SERIES = [
    *ANSWERS,
    SHORT + b"hi",
    SHORT + b"ho",
    OK + b"Content-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + SHORT + b"hi",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n28\r\n" + SHORT + b"hi\r\n0\r\n\r\n",
]


@given(
    st.lists(st.tuples(st.sampled_from(SERIES), st.sampled_from([b"GET", b"HEAD"]), st.integers(1, 200)), max_size=12)
)
def test_what_came_before_does_not_matter(exchanges):
    it = incoming()
    for answer, method, cut in exchanges:
        if method == b"HEAD":
            answer = OK + b"Content-Length: 2\r\n\r\n"
        alone = incoming(method)
        it.begin(method)
        for one in (it, alone):
            for piece in (answer[:cut], answer[cut:]):
                if piece:
                    one.feed(piece)
        assert seen(it) == seen(alone)
        it.headers.append((b"x-added", b"by whoever got them"))
        if not it.reusable:
            it = incoming()


def after_three(answer: bytes) -> Incoming:
    """What has had this answer three times, and waits for the next."""
    it = incoming()
    for _ in range(3):
        it.feed(answer)
        assert it.ended
        it.begin(b"GET")
    return it


@pytest.mark.parametrize(
    "start", [OK, OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", OK + b"Content-Length: 400\r\n\r\n"]
)
def test_a_head_that_came_before_is_no_head_inside_of_a_response(start):
    it = after_three(SHORT + b"hi")
    it.feed(start)
    with suppress(ProtocolBroken):
        it.feed(SHORT + b"hi")
    assert not it.ended


def test_a_body_of_another_length_behind_the_same_head_is_read_anew():
    it = after_three(SHORT + b"hi")
    it.feed(SHORT + b"h")
    assert it.headed and not it.ended
    it.feed(b"i!")
    assert it.ended and b"".join(it.chunks) == b"hi" and not it.reusable
    it = after_three(SHORT + b"hi")
    it.feed(SHORT + b"hi and more")
    assert it.ended and it.chunks == [b"hi"] and not it.reusable


@given(
    st.lists(st.binary(max_size=40), max_size=5),
    st.sampled_from([b"", OK, OK + b"Transfer-Encoding: chunked\r\n\r\n", OK + b"\r\n"]),
)
def test_arbitrary_bytes_raise_nothing_but_our_error(pieces, start):
    it = incoming()
    try:
        it.feed(start)
        for piece in pieces:
            it.feed(piece)
    except ProtocolBroken as error:
        assert "10.0.0.1:80" in str(error)


LONG = b"x" * (LARGE + 1_000)
CHUNKED = b"%x\r\n%b\r\n0\r\nX-Sum: 1\r\n\r\n" % (len(LONG), LONG)


@pytest.mark.parametrize(
    ("data", "reusable"),
    [
        (OK + b"Content-Length: %d\r\n\r\n" % len(LONG) + LONG, True),
        (OK + b"Content-Length: %d\r\n\r\n" % len(LONG) + LONG + b"more", False),
        (OK + b"Content-Length: 0\r\n\r\n" + LONG, False),
        (OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED, True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"Content-Length: %d\r\n\r\n" % len(LONG) + LONG, True),
        (b"HTTP/1.1 204 No Content\r\n\r\n" + LONG, False),
    ],
)
def test_a_long_piece_with_a_head_says_the_same_as_short_ones(data, reusable):
    whole, pieces = fed(data), incoming()
    for start in range(0, len(data), 1_000):
        if not pieces.ended:
            pieces.feed(data[start : start + 1_000])
    assert seen(whole)[:-1] == seen(pieces)[:-1]
    assert whole.ended and whole.reusable is reusable


def test_the_beginning_of_a_long_body_is_not_copied():
    data = OK + b"Content-Length: %d\r\n\r\n" % (2 * len(LONG)) + LONG
    it = fed(data)
    (begun,) = it.chunks
    assert isinstance(begun, memoryview) and begun.obj is data and bytes(begun) == LONG
    it.feed(LONG)
    assert it.ended and it.reusable and b"".join(it.chunks) == LONG + LONG
