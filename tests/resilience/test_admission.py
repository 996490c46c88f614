"""Admission control: what counts, for how long, and how much is refused."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshio.errors import NotAdmitted, Overloaded
from meshio.message import Body, Headers, Request, Response
from meshio.resilience.admission import Admission, Samples
from meshio.testing.clock import run
from meshio.transport.body import Stream


def answering(status: int, headers: Headers | None = None, body: Body | None = None):
    async def answer(request: Request) -> Response:
        return Response(status, headers or [], body or Body(), request.record)

    return answer


def asked() -> Request:
    return Request(b"GET", b"a", b"/", [])


def after(admission: Admission, successes: int, failures: int) -> Admission:
    for number in range(successes + failures):
        admission.samples.record(number < successes, 0.0, admission.window)
    return admission


@pytest.mark.parametrize(
    ("admission", "successes", "failures", "share"),
    [
        (Admission(), 10, 0, 0.0),
        (Admission(), 0, 9, 0.8),
        (Admission(most=1.0), 0, 9, 0.9),
        (Admission(most=1.0, threshold=0.5), 5, 5, 0.0),
        (Admission(most=1.0, threshold=1.0), 5, 4, 0.4),
        (Admission(most=1.0, threshold=1.0, aggression=2.0), 8, 1, 0.3162),
    ],
)
def test_the_share_that_is_refused(admission: Admission, successes: int, failures: int, share: float) -> None:
    after(admission, successes, failures)
    drawn = [admission.refuses(0.0, number / 10_000) for number in range(10_000)]
    assert drawn.count(True) == pytest.approx(share * 10_000, abs=1)


def test_what_is_older_than_the_window_does_not_count() -> None:
    samples = Samples()
    for second in range(10):
        samples.record(False, float(second), 5.0)
    assert samples.total == 5
    samples.forget(14.0, 5.0)
    assert samples.total == 0


def test_the_rate_is_of_whole_seconds() -> None:
    samples = Samples()
    assert samples.rate(0.0) == 0
    for number in range(10):
        samples.record(True, number / 10, 30.0)
    assert [samples.rate(now) for now in (1.0, 2.0, 4.9)] == [10, 5, 2]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=60), st.integers(1, 10))
def test_counts_are_those_of_the_window(events: list[tuple[bool, int]], window: int) -> None:
    samples, now, seen = Samples(), 0.0, []
    for success, pause in events:
        now += pause
        samples.record(success, now, float(window))
        seen.append((now, success))
    kept = [success for at, success in seen if now - at < window]
    assert (samples.total, samples.successes) == (len(kept), sum(kept))


def test_refused_requests_do_not_count_and_failures_inside_the_mesh_do() -> None:
    async def overloaded(request: Request) -> Response:
        raise Overloaded("full")

    async def main() -> None:
        admission = Admission(most=1.0)
        send = admission.around(overloaded)
        outcomes = []
        for _ in range(200):
            try:
                await send(asked())
            except NotAdmitted as error:
                outcomes.append(error.details)
            except Overloaded:
                outcomes.append("sent")
        assert admission.samples.total == outcomes.count("sent") < 100

    run(main())


@pytest.mark.parametrize(("trailers", "good"), [([(b"grpc-status", b"0")], 1), ([(b"grpc-status", b"14")], 0), ([], 0)])
def test_the_status_of_a_grpc_answer_may_come_at_its_end(trailers: Headers, good: int) -> None:
    class Tap:
        def pause(self) -> None: ...

        def resume(self) -> None: ...

        def abort(self) -> None: ...

    async def main() -> None:
        admission, body = Admission(), Stream(asyncio.get_running_loop(), Tap())
        await admission.around(answering(200, [(b"content-type", b"application/grpc")], body))(asked())
        assert admission.samples.total == 0
        body.finish(trailers)
        assert (admission.samples.total, admission.samples.successes) == (1, good)

    run(main())
