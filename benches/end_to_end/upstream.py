"""The upstream: answers GET and POST /reviews/SIZE with that many bytes, in a process of its own.

    python -m end_to_end.upstream

Prints its port, and ends when its input does. /opened tells how many connections there have been.
"""

import asyncio
import sys
from typing import cast

import uvloop

HEAD = (
    b"HTTP/1.1 200 OK\r\nserver: bench\r\ndate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    b"content-type: text/plain\r\ncontent-length: %d\r\n\r\n"
)
LENGTH = b"\r\ncontent-length:"


class Answering(asyncio.Protocol):
    """No more of HTTP/1.1 than the clients and Envoys of this bench speak: bodies have a length."""

    opened = 0
    answers: dict[bytes, bytes] = {}  # noqa: RUF012  the same for all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Answering.opened += 1
        self.transport = cast("asyncio.Transport", transport)
        self.head = b""
        self.left = 0  # bytes of the request's body that are still to come
        self.path = b""

    def data_received(self, data: bytes) -> None:
        if self.left:
            self.take(len(data))
            return
        self.head += data
        end = self.head.find(b"\r\n\r\n")
        if end < 0:
            return
        head, rest, self.head = self.head[:end], len(self.head) - end - 4, b""
        self.path = head.split(b" ", 2)[1]
        self.left = length(head) if head.startswith(b"POST") else 0
        self.take(rest)

    def take(self, size: int) -> None:
        self.left -= size
        if self.left <= 0:
            self.left = 0
            self.transport.write(self.answer())

    def answer(self) -> bytes:
        if self.path == b"/opened":
            return framed(b"%d" % Answering.opened)
        if self.path not in self.answers:
            self.answers[self.path] = framed(b"x" * int(self.path.rpartition(b"/")[2]))
        return self.answers[self.path]


def length(head: bytes) -> int:
    _, _, after = head.lower().partition(LENGTH)
    return int(after.partition(b"\r\n")[0])


def framed(body: bytes) -> bytes:
    return HEAD % len(body) + body


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    uvloop.run(main())
