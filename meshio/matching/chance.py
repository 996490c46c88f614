"""Chance: a share of the requests."""

from dataclasses import dataclass
from random import getrandbits

from meshio.matching.matcher import Test
from meshio.message import Request


@dataclass(frozen=True, slots=True)
class RuntimeFraction:
    """`numerator` out of `denominator` requests. One draw per request decides for every route, as in Envoy."""

    numerator: int
    denominator: int = 100

    def test(self) -> Test:
        numerator, denominator = self.numerator, self.denominator

        def test(request: Request) -> bool:
            if request.chance is None:
                request.chance = getrandbits(64)
            return request.chance % denominator < numerator

        return test

    def __str__(self) -> str:
        return f"chance is {self.numerator} in {self.denominator}"
