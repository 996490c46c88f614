"""What an answer counts for at its host (Envoy: router.cc `onUpstreamHeaders`, grpc/status.cc)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from meshio.message import Request, Response
from meshio.resilience.question import Question
from meshio.resilience.retry_on import shown

Verdict: TypeAlias = Callable[[Response], int]

OK, FAILED = 200, 500
HTTP_STATUS = {
    b"0": 200, b"1": 499, b"2": 500, b"3": 400, b"4": 504, b"5": 404, b"6": 409, b"7": 403, b"8": 429, b"9": 400,
    b"10": 409, b"11": 400, b"12": 501, b"13": 500, b"14": 503, b"15": 500, b"16": 401,
}  # fmt: skip


def compile_verdict(errors: Question | None, grpc: bool) -> Verdict | None:
    """The status that an answer counts for; None where that is its own.

    errors   what the cluster takes for an error, instead of 5xx
    grpc     the request was gRPC's: a status in the response head says more than HTTP's
    """
    matched = error_status(errors.test()) if errors is not None else None
    if not grpc:
        return matched
    otherwise = matched or own_status

    def verdict(response: Response) -> int:
        status = response.header(b"grpc-status")
        return otherwise(response) if status is None else HTTP_STATUS.get(status, FAILED)

    return verdict


def own_status(response: Response) -> int:
    return response.status


def error_status(test: Callable[[Request], bool]) -> Verdict:
    def verdict(response: Response) -> int:
        if not test(shown(response)):
            return OK
        return response.status if response.status >= FAILED else FAILED

    return verdict


@dataclass(frozen=True, slots=True)
class Heads:
    """The response head fulfils all of these conditions on headers; `:status` is one. () is any head."""

    headers: tuple[Question, ...] = ()

    def test(self) -> Callable[[Request], bool]:
        tests = [header.test() for header in self.headers]
        return lambda head: all(test(head) for test in tests)


@dataclass(frozen=True, slots=True)
class Together:
    """All of several conditions."""

    parts: tuple[Question, ...]

    def test(self) -> Callable[[Request], bool]:
        tests = [part.test() for part in self.parts]
        return lambda head: all(test(head) for test in tests)


@dataclass(frozen=True, slots=True)
class Either:
    """One of several conditions, at least."""

    parts: tuple[Question, ...]

    def test(self) -> Callable[[Request], bool]:
        tests = [part.test() for part in self.parts]
        return lambda head: any(test(head) for test in tests)


@dataclass(frozen=True, slots=True)
class Contrary:
    """Not this condition."""

    part: Question

    def test(self) -> Callable[[Request], bool]:
        holds = self.part.test()
        return lambda head: not holds(head)
