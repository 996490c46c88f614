"""Questions about a query parameter, which is compared as it is written."""

from dataclasses import dataclass

from meshio.matching.matcher import Test
from meshio.matching.text import Text, words
from meshio.message import Request


@dataclass(frozen=True, slots=True)
class Query:
    """A text of the first query parameter of that name."""

    name: bytes
    text: Text

    def test(self) -> Test:
        name, matches = self.name, self.text.test()

        def test(request: Request) -> bool:
            value = request.query(name)
            return value is not None and matches(value)

        return test

    def __str__(self) -> str:
        return f"query parameter {words(self.name)} {self.text}"


@dataclass(frozen=True, slots=True)
class QueryPresent:
    """The query parameter is there, with or without a value; with `present=False` that it is not."""

    name: bytes
    present: bool = True

    def test(self) -> Test:
        name, present = self.name, self.present
        return lambda request: (request.query(name) is not None) is present

    def __str__(self) -> str:
        return f"query parameter {words(self.name)} is {'present' if self.present else 'absent'}"
