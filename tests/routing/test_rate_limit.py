"""Local rate limits: whose bucket a request takes from, and for how long a bucket lives."""

import asyncio
from dataclasses import replace

import pytest

from meshio.errors import RateLimited
from meshio.message import Body, Notes, Request, Response
from meshio.resilience.bucket import TokenBucket
from meshio.resilience.descriptors import Fixed, Limit, OfAddress, OfMetadata
from meshio.resilience.fault import Fraction
from meshio.resilience.site import Site
from meshio.routing.rate_limit import LocalRateLimit

ALL = Fraction(100)
ONE = LocalRateLimit(TokenBucket(1, 1, 60.0), enabled=ALL, enforced=ALL)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def fine(request: Request) -> Response:
    return Response(200, [], Body(), request.record)


def passes(limit: LocalRateLimit) -> bool:
    try:
        asyncio.run(limit.around(fine)(Request(b"GET", b"a", b"/", [])))
    except RateLimited:
        return False
    return True


def test_a_bucket_is_shared_by_all_who_hold_the_value_and_fills_with_the_clock() -> None:
    clock = Clock()
    said = replace(ONE, reserves=type(ONE.reserves)())
    one, two = (said.settled([], Site(True, name, clock=clock)) for name in "ab")
    assert isinstance(one, LocalRateLimit)
    assert isinstance(two, LocalRateLimit)
    assert (passes(one), passes(two)) == (True, False)
    clock.now = 60.0
    assert (passes(two), passes(one)) == (True, False)


def test_an_equal_value_has_a_bucket_of_its_own() -> None:
    one, two = (LocalRateLimit(ONE.bucket, enabled=ALL, enforced=ALL) for _ in range(2))
    assert one == two
    assert (passes(one), passes(two), passes(one)) == (True, True, False)


def test_a_limit_that_limits_nothing_does_not_exist() -> None:
    assert LocalRateLimit(ONE.bucket).around(fine) is fine
    assert LocalRateLimit(enabled=ALL, enforced=ALL).around(fine) is fine


@pytest.mark.parametrize(("address", "entry"), [("10.1.2.3", b"10.1.0.0/16"), ("2001:db8::1", b"2001:db8::/32")])
def test_networks_of_both_families(address: str, entry: bytes) -> None:
    bucket = TokenBucket(1, 1, 60.0)
    limits = (Limit((OfAddress((16, 32)),)),)
    limit = LocalRateLimit(
        None, (((("masked_remote_address", entry),), bucket),), limits=limits, enabled=ALL, enforced=ALL
    )
    settled = limit.settled([], Site(True, address=address))
    assert isinstance(settled, LocalRateLimit)
    assert (passes(settled), passes(settled)) == (True, False)


def test_an_action_without_anything_to_say_makes_no_descriptor() -> None:
    silent, optional = OfMetadata(("f", "k"), "m"), OfMetadata(("f", "k"), "m", optional=True)
    limits = (Limit((silent, Fixed("k", b"v"))), Limit((optional, Fixed("k", b"v"))))
    limit = LocalRateLimit(None, (((("k", b"v"),), TokenBucket(2, 1, 60.0)),), limits=limits, enabled=ALL, enforced=ALL)
    assert [passes(limit) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("metadata", "counted"),
    [({"f": {"k": {"user": "jason"}}}, True), ({"f": {"k": "jason"}}, False), ({"f": {"k": {"user": 7}}}, False)],
)
def test_counting_by_what_the_application_says_beside_the_request(metadata: dict[str, object], counted: bool) -> None:
    actions = (OfMetadata(("f", "k", "user"), "user"),)
    descriptor = (("user", b"jason"),)
    limit = LocalRateLimit(
        None, ((descriptor, TokenBucket(0, 1, 60.0)),), limits=(Limit(actions),), enabled=ALL, enforced=ALL
    )
    request = Request(b"GET", b"a", b"/", [])
    request.notes = Notes(metadata)  # type: ignore[arg-type]
    if counted:
        with pytest.raises(RateLimited):
            asyncio.run(limit.around(fine)(request))
    else:
        assert asyncio.run(limit.around(fine)(request)).status == 200
