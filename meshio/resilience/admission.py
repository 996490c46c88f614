"""Admission control: shed a share of the requests while too many fail (Envoy: admission_control.cc, measured on 1.40).

Of `total` requests in the sampling window of which `successes` succeeded, the next is refused with probability
((total - successes / threshold) / (total + 1)) ** (1 / aggression), within bounds. Refused ones do not count.
"""

from asyncio import get_running_loop
from collections import deque
from dataclasses import dataclass, field
from random import random

from meshio.errors import NotAdmitted, RequestError
from meshio.message import Private, Request, Response, Send

GRAIN = 1.0  # seconds that one slot of the window stands for
ACCURACY = 10_000
GRPC = b"application/grpc"
# Of gRPC's codes these are failures: DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, ABORTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
GRPC_FAILURES = frozenset({4, 8, 10, 13, 14, 15})
GRPC_SUCCESSES = frozenset(range(17)) - GRPC_FAILURES
# grpc/status.cc, httpToGrpcStatus: what the local answer to a gRPC request says.
GRPC_STATUS = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
UNKNOWN = 2


class Samples:
    """Requests of the last so many seconds, by second, and how many of them succeeded."""

    __slots__ = ("_slots", "successes", "total")

    def __init__(self) -> None:
        self._slots: deque[list[float]] = deque()  # when it began, requests, successes
        self.total = 0
        self.successes = 0

    def record(self, success: bool, now: float, window: float) -> None:
        self.forget(now, window)
        if not self._slots or now - self._slots[-1][0] >= GRAIN:
            self._slots.append([now, 0, 0])
        slot = self._slots[-1]
        slot[1] += 1
        slot[2] += success
        self.total += 1
        self.successes += success

    def forget(self, now: float, window: float) -> None:
        """What is older than the window does not count."""
        while self._slots and now - self._slots[0][0] >= window:
            _, requests, successes = self._slots.popleft()
            self.total -= int(requests)
            self.successes -= int(successes)

    def rate(self, now: float) -> int:
        """Whole requests per second."""
        if not self._slots or not self.total:
            return 0
        return self.total // max(1, int(now - self._slots[0][0]))


@dataclass(frozen=True, slots=True)
class Admission:
    """
    statuses, grpc_statuses   what counts as a success
    window       seconds
    aggression   the higher, the more is refused at the same success rate; at least 1
    threshold    share of successes below which requests are refused
    least_rate   requests per second below which none is
    most         probability of a refusal
    """

    statuses: tuple[range, ...] = (range(500),)
    grpc_statuses: frozenset[int] = GRPC_SUCCESSES
    window: float = 30.0
    aggression: float = 1.0
    threshold: float = 0.95
    least_rate: int = 0
    most: float = 0.8
    samples: Samples = field(default_factory=Samples, compare=False, repr=False)

    def around(self, send: Send) -> Send:
        """Raises NotAdmitted."""
        samples, window = self.samples, self.window

        async def admitted(request: Request) -> Response:
            now = get_running_loop().time()
            if samples.rate(now) >= self.least_rate and self.refuses(now, random()):
                raise NotAdmitted("too many of the last requests failed")
            try:
                response = await send(request)
            except RequestError as error:
                samples.record(self.forgives(error, request), get_running_loop().time(), window)
                raise
            self._judge(response)
            return response

        return admitted

    def refuses(self, now: float, drawn: float) -> bool:
        """Whether a request is refused, for a number drawn from [0, 1)."""
        samples = self.samples
        samples.forget(now, self.window)
        probability = (samples.total - samples.successes / self.threshold) / (samples.total + 1)
        if probability <= 0:
            return False
        share: float = min(probability ** (1 / self.aggression), self.most)
        return share * ACCURACY > int(drawn * ACCURACY)

    def _judge(self, response: Response) -> None:
        """Count the outcome when it is known: of gRPC that may be only at the end."""
        if isinstance(response.body, Private):
            response.body.when_done(lambda error: self._counted(response))
        elif response.status == 200 and (response.header(b"content-type") or b"").startswith(GRPC):
            said = response.header(b"grpc-status")
            if said is None:
                response.body.when_done(lambda error: self._record(self.good(value_of(response.body.trailers))))
            else:
                self._record(self.good(said))
        else:
            self._record(any(response.status in each for each in self.statuses))

    def _counted(self, response: Response) -> None:
        """What came over a connection that the mesh does not see into: its status is known at the end, if at all."""
        if response.status:
            self._record(any(response.status in each for each in self.statuses))

    def _record(self, success: bool) -> None:
        self.samples.record(success, get_running_loop().time(), self.window)

    def good(self, status: bytes | None) -> bool:
        return status is not None and status.isdigit() and int(status) in self.grpc_statuses

    def forgives(self, error: RequestError, request: Request) -> bool:
        """Whether the answer to a failure inside the mesh counts as a success."""
        if (request.header(b"content-type") or b"").startswith(GRPC):
            known = GRPC_STATUS.get(error.status, UNKNOWN) if error.grpc_status is None else error.grpc_status
            return known in self.grpc_statuses
        return any(error.status in each for each in self.statuses)


def value_of(trailers: list[tuple[bytes, bytes]]) -> bytes | None:
    return next((value for name, value in trailers if name == b"grpc-status"), None)
