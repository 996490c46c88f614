"""The header-mutation filter: changes to headers and query parameters, one after another (Envoy: header_mutation.cc).

Other than what routes say of headers, which removes first and evaluates everything against what that left, each
change here sees what the ones before it did. The filter's own come first, then those of every level of the route
table. Responses pass filters from the last to the first, and so do the answers of filters in front of this one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from urllib.parse import quote_from_bytes

from meshio.errors import Finish, RequestError
from meshio.matching import Text
from meshio.message import Layer, Request, Response, Send
from meshio.resilience.site import Site
from meshio.routing.commands import NOTHING_KNOWN, Known
from meshio.routing.mutation import Append, Change, HeaderMutation, HeaderValue, compile_mutation
from meshio.routing.substitution import compile_format

Query: TypeAlias = dict[bytes, list[bytes]]
Revise: TypeAlias = Callable[[Request, Query], None]


@dataclass(frozen=True, slots=True)
class RemoveMatching:
    """Remove the headers whose names match."""

    names: Text

    def compiled(self) -> Change:
        matches = self.names.test()

        def remove(request: Request, response: Response | None) -> None:
            target = request if response is None else response
            target.headers = [header for header in target.headers if not matches(header[0])]

        return remove


@dataclass(frozen=True, slots=True)
class QueryChange:
    """Set or add a query parameter; with the value None remove it. Values may hold substitution commands.

    Raises Rejected at once for commands that are not supported.
    """

    name: str
    value: str | None
    action: Append = "append"

    def __post_init__(self) -> None:
        compile_format(self.name, "query_parameter_mutations", self.value or "")


Step: TypeAlias = HeaderValue | RemoveMatching | str
"""A header to set, headers to remove, or one by name."""


@dataclass(frozen=True, slots=True)
class Alterations:
    """What the filter does, or what one level of a route table adds to it."""

    request: tuple[Step, ...] = ()
    query: tuple[QueryChange, ...] = ()
    response: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Alteration:
    """The filter. With `most_specific_wins` the most specific level comes last; else the least specific."""

    parts: tuple[Alterations, ...] = ()
    most_specific_wins: bool = False
    known: Known = field(default=NOTHING_KNOWN, compare=False, repr=False)

    def settled(self, levels: Sequence[Layer], site: Site) -> Layer:
        """The filter's own part, then all levels'."""
        said = [level for level in levels if isinstance(level, Alteration)]
        ordered = reversed(said) if self.most_specific_wins else said
        parts = (*self.parts, *(part for level in ordered for part in level.parts))
        return replace(self, parts=parts, known=Known(site.route, site.cluster, site.address, clock=site.calendar))

    def around(self, send: Send) -> Send:
        return self.over(send, self.responses())

    def over(self, send: Send, finish: Finish | None) -> Send:
        """`around`, with what it does to responses compiled already."""
        change = self.requests()
        return responding(begun(send, change) if change is not None else send, finish)

    def requests(self) -> Callable[[Request], None] | None:
        """What happens to requests; None when nothing does."""
        changes = self.changes()
        if not changes:
            return None

        def prepare(request: Request) -> None:
            for change in changes:
                change(request, None)

        return prepare

    def changes(self) -> list[Change]:
        """What happens to requests, one after the other."""
        return [change for part in self.parts for change in self._part(part)]

    def _part(self, part: Alterations) -> list[Change]:
        changes = [compiled(step, self.known) for step in part.request]
        if part.query:
            changes.append(requery([revision(each, self.known) for each in part.query]))
        return changes

    def responses(self) -> Finish | None:
        """What happens to responses; None when nothing does."""
        changes = [compiled(step, self.known) for part in self.parts for step in part.response]
        if not changes:
            return None

        def finish(request: Request, response: Response) -> None:
            for change in changes:
                change(request, response)

        return finish


def compiled(step: Step, known: Known) -> Change:
    if isinstance(step, RemoveMatching):
        return step.compiled()
    mutation = HeaderMutation(remove=(step,)) if isinstance(step, str) else HeaderMutation((step,))
    change = compile_mutation(mutation, known)
    assert change is not None
    return change


def begun(send: Send, change: Callable[[Request], None]) -> Send:
    async def beginning(request: Request) -> Response:
        change(request)
        return await send(request)

    return beginning


def responding(send: Send, finish: Finish | None) -> Send:
    """Change what comes back from behind the filter."""
    if finish is None:
        return send

    async def responded(request: Request) -> Response:
        try:
            response = await send(request)
        except RequestError as error:
            error.after += (finish,)
            raise
        finish(request, response)
        return response

    return responded


def answering(send: Send, behind: Sequence[Finish]) -> Send:
    """Around all filters: answers of filters in front of an alteration pass it, too. `behind`: in their order."""

    async def answered(request: Request) -> Response:
        try:
            return await send(request)
        except RequestError as error:
            error.after = (*(finish for finish in behind if finish not in error.after), *error.after)
            raise

    return answered


def revision(change: QueryChange, known: Known) -> Revise:
    name = change.name.encode()
    if change.value is None:

        def remove(request: Request, query: Query) -> None:
            query.pop(name, None)

        return remove
    text = compile_format(change.name, "query_parameter_mutations", change.value, known)
    action = change.action

    def revise(request: Request, query: Query) -> None:
        present = name in query
        if (action == "add_if_absent" and present) or (action == "overwrite_if_exists" and not present):
            return
        value = encoded(text if isinstance(text, bytes) else text(request, None))
        query[name] = [*query.get(name, []), value] if action == "append" else [value]

    return revise


def encoded(value: bytes) -> bytes:
    """Envoy's `urlEncode`: the tilde, too."""
    return quote_from_bytes(value, safe="").replace("~", "%7E").encode()


def requery(revisions: list[Revise]) -> Change:
    """The query comes out sorted by name, and each name with an equals sign, as in Envoy."""

    def change(request: Request, response: Response | None) -> None:
        path, _, text = request.path.partition(b"?")
        query: Query = {}
        for pair in text.removesuffix(b"&").split(b"&") if text else []:
            name, _, value = pair.partition(b"=")
            query.setdefault(name, []).append(value)
        for revise in revisions:
            revise(request, query)
        pairs = [b"%s=%s" % (name, value) for name in sorted(query) for value in query[name]]
        request.path = b"%s?%s" % (path, b"&".join(pairs)) if pairs else path

    return change
