"""The native client's response."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import orjson

from meshio.mesh.branch import signed
from meshio.message import Headers, Request, Response
from meshio.record import Record


class ReplyHeaders(Mapping[str, str]):
    """Response headers by case-insensitive name; several values of one name are joined with ", "."""

    __slots__ = ("raw",)

    def __init__(self, raw: Headers) -> None:
        self.raw = raw

    def __getitem__(self, name: str) -> str:
        values = self.get_list(name)
        if not values:
            raise KeyError(name)
        return ", ".join(values)

    def get_list(self, name: str) -> list[str]:
        """Every value of one header, in the order they came."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for key, value in self.raw if key == wanted]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(key.decode("latin-1") for key, _ in self.raw))

    def __len__(self) -> int:
        return len({key for key, _ in self.raw})

    def __repr__(self) -> str:
        return f"ReplyHeaders({dict(self)!r})"


class Reply:
    """What came back: from the upstream, or from the mesh itself (then `mesh.flags` says why).

    status     HTTP status
    headers    see ReplyHeaders
    mesh       the Record: flags, route, cluster, endpoint, attempts
    """

    __slots__ = ("_content", "_response", "_unsigned")

    def __init__(self, response: Response, unsigned: Request | None = None) -> None:
        """With the request where the connection manager's last word is still due: most never ask for a header."""
        self._response = response
        self._unsigned = unsigned
        self._content = response.data

    @property
    def status(self) -> int:
        return self._response.status

    @property
    def headers(self) -> ReplyHeaders:
        if self._unsigned is not None:
            signed(self._unsigned, self._response)
            self._unsigned = None
        return ReplyHeaders(self._response.headers)

    @property
    def mesh(self) -> Record:
        return self._response.record

    @property
    def complete(self) -> bool:
        """The body is at hand: `content` does not raise."""
        return self._content is not None

    async def read(self) -> bytes:
        """The whole body. Raises RequestError when the upstream cuts it short."""
        if self._content is None:
            self._content = await self._response.body.read()
        return self._content

    def stream(self) -> AsyncIterator[bytes]:
        """The body in the chunks it arrives in, once."""
        return aiter(self._response.body)

    @property
    def content(self) -> bytes:
        """The body, once it was read (`mesh.get` and its kin have done so). Raises RuntimeError before."""
        if self._content is None:
            raise RuntimeError("the body was not read yet: `await reply.read()` first, or iterate `reply.stream()`")
        return self._content

    @property
    def text(self) -> str:
        """The body as text, in the charset that content-type names, else UTF-8 (as for a name that nobody knows)."""
        _, found, charset = self.headers.get("content-type", "").lower().partition("charset=")
        try:
            return self.content.decode(charset.split(";")[0].strip().strip('"') if found else "utf-8", "replace")
        except LookupError:
            return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON. Raises orjson.JSONDecodeError, a ValueError."""
        return orjson.loads(self.content)

    async def aclose(self) -> None:
        """Give up what was not read."""
        await self._response.body.aclose()

    def __repr__(self) -> str:
        return f"<Reply {self.status} {self.mesh!r}>"
