"""How long to wait before the next connection attempt."""

from random import uniform


class Backoff:
    """1 s, 1.6 s, 2.56 s... up to 30 s, each 20 % more or less, so that a fleet does not come back at once.

    https://github.com/grpc/grpc/blob/master/doc/connection-backoff.md
    """

    factor, most, jitter = 1.6, 30.0, 0.2

    def __init__(self, first: float = 1.0) -> None:
        self._first = self._next = first

    def reset(self) -> None:
        """The control plane answered."""
        self._next = self._first

    def delay(self) -> float:
        """Seconds to wait now; the next wait is longer."""
        delay, self._next = self._next, min(self._next * self.factor, self.most)
        return delay * uniform(1 - self.jitter, 1 + self.jitter)
