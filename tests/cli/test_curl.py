"""The command line's requests look like curl's."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from meshio.cli.curl import Ask, read_data
from meshio.errors import BadRequest


def test_a_url_needs_no_scheme() -> None:
    request = Ask("reviews:9080/reviews/1?a=b").request()
    assert (request.method, request.host, request.port, request.path) == (b"GET", "reviews", 9080, b"/reviews/1?a=b")


def test_data_implies_post_and_a_form() -> None:
    request = Ask("http://reviews/", body=b"a=1").request()
    assert (request.method, request.body) == (b"POST", b"a=1")
    assert request.header(b"content-type") == b"application/x-www-form-urlencoded"


def test_x_wins_over_what_data_implies() -> None:
    assert Ask("reviews", method="PUT", body=b"").request().method == b"PUT"


def test_a_host_header_is_the_authority() -> None:
    request = Ask("http://10.0.0.1:9080/", headers=("Host: reviews.default",)).request()
    assert (request.host, request.authority) == ("10.0.0.1", b"reviews.default")


def test_defaults_give_way_to_what_is_written() -> None:
    headers = Ask("reviews", headers=("User-Agent: me", "Accept:", "X-Empty;", "x-user: ann")).request().headers
    assert headers == [(b"user-agent", b"me"), (b"x-empty", b""), (b"x-user", b"ann")]


@pytest.mark.parametrize("line", ["no colon", ": value", ""])
def test_what_is_not_a_header_is_wrong_use(line: str) -> None:
    with pytest.raises(click.UsageError, match="not a header"):
        Ask("reviews", headers=(line,)).request()


def test_what_is_not_a_url_is_told() -> None:
    with pytest.raises(BadRequest, match="ftp"):
        Ask("ftp://reviews/").request()


def test_several_data_become_one_form(tmp_path: Path) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"b=2\r\nc\0")
    assert read_data(("a=1", f"@{file}")) == b"a=1&b=2c"
    assert read_data((f"@{file}",), exact=True) == b"b=2\r\nc\0"
    assert read_data(()) is None


def test_data_comes_from_standard_input() -> None:
    @click.command()
    def show() -> None:
        click.echo(read_data(("@-",)))

    assert CliRunner().invoke(show, input="one\ntwo\n").stdout_bytes == b"onetwo\n"


def test_a_file_that_is_not_there_is_wrong_use() -> None:
    with pytest.raises(click.UsageError, match="No such file"):
        read_data(("@/nowhere",))


def test_notes_are_json() -> None:
    notes = Ask("reviews", notes='{"metadata": {"f": {"k": [1]}}, "filter_state": {"s": "v"}}').request().notes
    assert notes is not None
    assert (notes.metadata, notes.filter_state) == ({"f": {"k": [1]}}, {"s": "v"})
    assert Ask("reviews").request().notes is None


@pytest.mark.parametrize("text", ["{", "[]", '{"mood": "good"}', '{"metadata": {"f": 1}}'])
def test_what_is_no_note_is_told(text: str) -> None:
    with pytest.raises(click.UsageError, match="--notes"):
        Ask("reviews", notes=text).request()
