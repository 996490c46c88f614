"""How long a name that was asked for may stay unanswered before it counts as absent."""

from typing import TypeAlias

Question: TypeAlias = tuple[str, str]  # type URL, name


class Patience:
    """The xDS protocol has no word for "does not exist" in state of the world; it advises to wait 15 s.

    Takes the time as an argument, in seconds of any clock.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._asked: dict[Question, float] = {}

    def note(self, open_questions: set[Question], now: float) -> float | None:
        """Who is waited for now, since when it was first noted. Returns when the first one will have expired."""
        self._asked = {question: self._asked.get(question, now) for question in open_questions}
        return min(self._asked.values()) + self._seconds if self._asked else None

    def expired(self, now: float) -> set[Question]:
        return {question for question, since in self._asked.items() if since + self._seconds <= now}

    def forget(self) -> None:
        """Nobody is asked any more: there is no stream."""
        self._asked.clear()
