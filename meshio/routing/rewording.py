"""What a connection manager makes of the answers that are not an upstream's (Envoy: local_reply.cc).

Of the mappers the first whose condition holds counts: for status, text, headers and form. What none of them formats is
formatted as the connection manager says.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from meshio.matching import Matcher
from meshio.matching.metadata import ABSENT, Value, reached
from meshio.message import Body, Request, Response
from meshio.resilience.fault import Fraction
from meshio.routing.body_format import BodyFormat, Write
from meshio.routing.commands import Known
from meshio.routing.local_reply import retype
from meshio.routing.mutation import Change, HeaderMutation, HeaderValue, compile_mutation
from meshio.routing.words import GRPC_STATUS, UNKNOWN, is_grpc

Test: TypeAlias = Callable[[Request, Response], bool]
Comparison: TypeAlias = Literal["EQ", "GE", "LE", "NE"]


@runtime_checkable
class Condition(Protocol):
    """Which answers."""

    def test(self) -> Test:
        """Compile it. The response has the status it would have."""


COMPARED: dict[Comparison, Callable[[int, int], bool]] = {
    "EQ": lambda status, value: status == value,
    "GE": lambda status, value: status >= value,
    "LE": lambda status, value: status <= value,
    "NE": lambda status, value: status != value,
}


@dataclass(frozen=True, slots=True)
class StatusIs:
    """The status compared with a number."""

    comparison: Comparison
    value: int

    def test(self) -> Test:
        compare, value = COMPARED[self.comparison], self.value
        return lambda request, response: compare(response.status, value)


@dataclass(frozen=True, slots=True)
class Flagged:
    """Any of these response flags; without any, any at all."""

    flags: frozenset[str] = frozenset()

    def test(self) -> Test:
        flags = self.flags
        if not flags:
            return lambda request, response: bool(request.record.flags)
        return lambda request, response: not flags.isdisjoint(request.record.flags)


@dataclass(frozen=True, slots=True)
class Asked:
    """The request's headers."""

    header: Matcher

    def test(self) -> Test:
        matches = self.header.test()
        return lambda request, response: matches(request)


@dataclass(frozen=True, slots=True)
class GrpcIs:
    """The gRPC status that the answer has or stands for is one of these; with `exclude` it is none of them."""

    statuses: frozenset[int]
    exclude: bool = False

    def test(self) -> Test:
        statuses, exclude = self.statuses, self.exclude
        return lambda request, response: (GRPC_STATUS.get(response.status, UNKNOWN) in statuses) is not exclude


@dataclass(frozen=True, slots=True)
class Sampled:
    """A share of the answers."""

    share: Fraction

    def test(self) -> Test:
        draw = self.share.draw
        return lambda request, response: draw()


@dataclass(frozen=True, slots=True)
class Noted:
    """What stands at `path` in the request's metadata answers `value`; `otherwise` where nothing does."""

    path: tuple[str, ...]
    value: Value
    otherwise: bool = True

    def test(self) -> Test:
        path, matches, otherwise = self.path, self.value.test(), self.otherwise

        def test(request: Request, response: Response) -> bool:
            found = reached(request.notes.metadata, path) if request.notes is not None else ABSENT
            return otherwise if found is ABSENT else matches(found)

        return test


@dataclass(frozen=True, slots=True)
class AllOf:
    """All of several conditions."""

    conditions: tuple[Condition, ...]

    def test(self) -> Test:
        tests = [each.test() for each in self.conditions]
        return lambda request, response: all(test(request, response) for test in tests)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Any of several conditions."""

    conditions: tuple[Condition, ...]

    def test(self) -> Test:
        tests = [each.test() for each in self.conditions]
        return lambda request, response: any(test(request, response) for test in tests)


@dataclass(frozen=True, slots=True)
class Rewording:
    """One mapper. None leaves that part as it is."""

    condition: Condition
    status: int | None = None
    body: bytes | None = None
    form: BodyFormat | None = None
    headers: tuple[HeaderValue, ...] = ()


@dataclass(frozen=True, slots=True)
class Rewordings:
    """What a connection manager makes of local answers."""

    mappers: tuple[Rewording, ...] = ()
    form: BodyFormat | None = None

    def compiled(self, known: Known) -> "Reword | None":
        """A change of status, headers and body of a response; None when nothing is changed."""
        if self == PLAIN_WORDS:
            return None
        mappers = [step(mapper, known) for mapper in self.mappers]
        form = formatting(self.form, known) if self.form is not None else None

        def reword(request: Request, response: Response) -> None:
            changed = next((change for test, change in mappers if test(request, response)), None)
            before = response.body.data
            formatted = changed(request, response) if changed is not None else False
            if not formatted and form is not None:
                form(request, response)
            elif not formatted and response.body.data != before:
                retype(response, b"text/plain")

        return reword


JSON = b"application/json"
Reword: TypeAlias = Callable[[Request, Response], None]
PLAIN_WORDS = Rewordings()


def step(mapper: Rewording, known: Known) -> tuple[Test, Callable[[Request, Response], bool]]:
    """A mapper's condition and change; the change tells whether it also formatted the body."""
    headers: Change | None = compile_mutation(HeaderMutation(mapper.headers), known)
    form = formatting(mapper.form, known) if mapper.form is not None else None

    def change(request: Request, response: Response) -> bool:
        if headers is not None:
            headers(request, response)
        if mapper.status is not None:
            response.status = mapper.status
        if mapper.body is not None:
            response.body = Body(mapper.body)
        if form is None:
            return False
        form(request, response)
        return True

    return mapper.condition.test(), change


def formatting(form: BodyFormat, known: Known) -> Reword:
    write: Write = form.compiled(known)
    kind = form.kind

    def apply(request: Request, response: Response) -> None:
        before, text = response.body.data, write(request, response)
        if kind == JSON and is_grpc(request):
            text = text.removesuffix(b"\n")  # a line break is nothing for a header
        response.body = Body(text)
        if response.body.data != before or response.header(b"content-type") is None:
            retype(response, kind)

    return apply
