"""The native client over a whole mesh, against a server that people run."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from meshio.errors import BadRequest, Closed, Reset
from tests.behaviour.world import OK, Upstream, answering, entry, mesh_of, until


async def echo(request: web.Request) -> web.Response:
    body = await request.text()
    return web.json_response(
        {"method": request.method, "path": request.raw_path, "body": body, "type": request.headers.get("content-type"),
         "length": request.headers.get("content-length"), "agent": request.headers["user-agent"]}
    )  # fmt: skip


async def latin(request: web.Request) -> web.Response:
    return web.Response(body=b"caf\xe9", headers={"content-type": request.query["as"]})


async def slow(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(1000):
        await response.write(b"drop")
        await asyncio.sleep(0.01)
    return response


async def headed(request: web.Request) -> web.Response:
    response = web.Response(text="x")
    response.headers.add("x-many", "1")
    response.headers.add("X-Many", "2")
    return response


@asynccontextmanager
async def meshed(folder):
    app = web.Application()
    for path, handler in (("/latin", latin), ("/slow", slow), ("/headed", headed), ("/{any:.*}", echo)):
        app.router.add_route("*", path, handler)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with mesh_of(folder, entry(runner.addresses[0][1])) as mesh:
            yield mesh
    finally:
        await runner.cleanup()


@pytest.fixture
def native(tmp_path):
    """Run a scenario with a mesh that leads to the server."""

    def run(body):
        async def main():
            async with meshed(tmp_path) as mesh:
                await body(mesh)

        asyncio.run(main(), debug=True)

    return run


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options"])
def test_every_method_has_its_short_form(method, native):
    async def body(mesh):
        reply = await getattr(mesh, method)("http://web/a%2Fb", params={"q": "x y"})
        assert reply.status == 200
        told = reply.json()
        assert (told["method"], told["path"], told["agent"]) == (method.upper(), "/a%2Fb?q=x+y", "meshio")

    native(body)


def test_a_head_has_headers_and_no_body(native):
    async def body(mesh):
        reply = await mesh.head("http://web/latin?as=text/plain")
        assert (reply.status, reply.content, reply.headers["Content-Length"]) == (200, b"", "4")

    native(body)


async def pieces():
    for piece in (b"one ", b"two ", b"three"):
        await asyncio.sleep(0)
        yield piece


def test_bodies_go_up_whole_as_json_or_in_pieces(native):
    async def body(mesh):
        for content, text, length in (
            (b"bytes", "bytes", "5"),
            (bytearray(b"bytes"), "bytes", "5"),
            ("täxt", "täxt", "5"),
            (pieces(), "one two three", None),
        ):
            told = (await mesh.post("http://web/", content=content)).json()
            assert (told["body"], told["length"]) == (text, length)
        told = (await mesh.post("http://web/", json={"a": [None]})).json()
        assert (told["body"], told["type"]) == ('{"a":[null]}', "application/json")
        told = (await mesh.post("http://web/", json=1, headers={"Content-Type": "application/x"})).json()
        assert told["type"] == "application/x"

    native(body)


@pytest.mark.parametrize(
    ("named", "text"),
    [
        ("text/plain; charset=latin-1", "café"),
        ('text/plain; charset="ISO-8859-1"; x=y', "café"),
        ("text/plain; Charset=latin-1", "café"),
        ("text/plain", "caf\ufffd"),
        ("text/plain; charset=klingon", "caf\ufffd"),
        ("text/plain; charset=base64", "caf\ufffd"),
    ],
)
def test_text_is_read_in_the_charset_that_the_server_names(named, text, native):
    async def body(mesh):
        assert (await mesh.get("http://web/latin", params={"as": named})).text == text

    native(body)


def test_headers_are_found_in_any_case_and_repeated_ones_are_joined(native):
    async def body(mesh):
        headers = (await mesh.get("http://web/headed")).headers
        assert headers["X-MANY"] == "1, 2"
        assert headers.get_list("x-many") == ["1", "2"]
        assert "x-none" not in headers
        assert headers.get("x-none") is None
        assert len(headers) == len(list(headers))
        with pytest.raises(KeyError):
            headers["x-none"]

    native(body)


def test_a_stream_hands_out_pieces_and_may_be_left_at_any_time(native):
    async def body(mesh):
        async with mesh.stream("GET", "http://web/slow") as reply:
            assert reply.status == 200
            with pytest.raises(RuntimeError, match="not read yet"):
                reply.text  # noqa: B018
            async for chunk in reply.stream():
                assert chunk == b"drop"
                break
        await until(lambda: not any(upstream.active for upstream in mesh.upstreams.values()))

    native(body)


def test_a_streamed_reply_can_be_read_whole_and_again(native):
    async def body(mesh):
        async with mesh.stream("POST", "http://web/", content=b"x") as reply:
            first = await reply.read()
            assert first == await reply.read() == reply.content
            assert reply.json()["body"] == "x"

    native(body)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_timeout_covers_the_body_and_closes_the_connection(streaming, native):
    async def body(mesh):
        with pytest.raises(TimeoutError):
            if streaming:
                async with mesh.stream("GET", "http://web/slow", timeout=0.1) as reply:
                    await reply.read()
            else:
                await mesh.get("http://web/slow", timeout=0.1)
        await until(lambda: not any(upstream.connections for upstream in mesh.upstreams.values()))
        assert (await mesh.get("http://web/", timeout=5)).status == 200

    native(body)


def test_an_upload_that_fails_half_way_raises_its_own_error(native):
    async def broken():
        yield b"a"
        raise ZeroDivisionError

    async def body(mesh):
        with pytest.raises(ZeroDivisionError):
            await mesh.post("http://web/", content=broken())
        assert (await mesh.get("http://web/")).status == 200

    native(body)


def test_the_callers_mistakes_raise_before_anything_is_sent(native):
    async def body(mesh):
        for mistake in (
            lambda: mesh.get("reviews"),
            lambda: mesh.request("GE T", "http://web/"),
            lambda: mesh.request("GÉT", "http://web/"),
            lambda: mesh.post("http://web/", json=1, content=b"x"),
            lambda: mesh.get("http://web/", headers={"a\n": "b"}),
            lambda: mesh.get("http://web/", headers={"a": "\u4e2d"}),
            lambda: mesh.get("http://web/", headers={"a": 1}),
            lambda: mesh.post("http://web/", content={"a": 1}),
            lambda: mesh.post("http://web/", content=(b"a", b"b")),
        ):
            with pytest.raises(BadRequest):
                await mistake()

    native(body)


def test_a_mesh_that_was_left_says_so(tmp_path):
    async def main():
        async with meshed(tmp_path) as mesh:
            pass
        with pytest.raises(Closed, match="async with"):
            await mesh.get("http://web/")

    asyncio.run(main(), debug=True)


def test_leaving_the_mesh_breaks_a_body_that_still_arrives(native):
    async def body(mesh):
        async with mesh.stream("GET", "http://web/slow") as reply:
            chunks = reply.stream()
            assert await anext(chunks) == b"drop"
            await mesh.aclose()
            with pytest.raises(Reset):
                async for _ in chunks:
                    pass

    native(body)


def test_what_the_mesh_answers_itself_is_a_reply_that_says_why(native):
    async def body(mesh):
        reply = await mesh.get("http://web:81/")
        assert (reply.status, reply.mesh.flags) == (503, ["UF"])
        assert reply.headers["content-type"] == "text/plain"
        assert reply.headers["server"] == "envoy"
        assert "503" in repr(reply)
        assert "UF" in repr(reply)

    native(body)


def test_replies_are_told_in_the_log_by_their_repr(tmp_path):
    async def main():
        async with Upstream(answering(OK)).listening() as up, mesh_of(tmp_path, entry(up.port)) as mesh:
            reply = await mesh.get("http://web/")
            assert repr(reply).startswith("<Reply 200 <- via_upstream cluster=outbound|80||web.default")
            assert "content-length" in repr(reply.headers)

    asyncio.run(main(), debug=True)
