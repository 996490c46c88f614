"""The compiled choice among a cluster's hosts, and how it is replaced: whole, in steps where that takes long."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator
from typing import NoReturn

from meshio.balancing.arrange import arrange
from meshio.balancing.locality import Spread, Tier
from meshio.balancing.policy import Pick
from meshio.balancing.zone import Senders
from meshio.errors import NoHealthyHost, Unbuilt
from meshio.message import Request
from meshio.upstream.cluster import Cluster
from meshio.upstream.drops import dropping
from meshio.upstream.endpoint import Address, LoadAssignment
from meshio.upstream.host import Host
from meshio.upstream.keys import Keys
from meshio.upstream.roster import Groups
from meshio.upstream.standby import standby
from meshio.upstream.standing import sorting, tiers

EMPTY = LoadAssignment("")
STEPS = 8  # that the pick over few hosts may take in one go: one or two milliseconds
FEW = 256  # endpoints whose hosts are made when the first request asks for them: a fraction of a millisecond


class Choice(ABC):
    """The pick over the hosts of a cluster. It is rebuilt after an update, an ejection or a return, never per request.

    pick        the compiled choice, replaced whole
    followers   called whenever the pick was replaced
    keyed       whether it looks at the key of a request
    key         compiles the cluster's own hash policies
    """

    __slots__ = (
        "_building", "_former", "_hosts", "_senders", "_serving", "assignment", "cluster", "followers", "key", "keyed",
        "name", "pick",
    )  # fmt: skip

    cluster: Cluster
    """Set by the first update; there is nothing to serve before."""

    def __init__(self, key: Keys) -> None:
        self.name = ""
        self.key, self.keyed = key, False
        self.assignment: LoadAssignment = EMPTY
        self.pick: Pick[Host] = self._nobody
        self.followers: tuple[Callable[[], None], ...] = ()
        self._hosts: dict[Address, Host] = {}
        self._serving = False
        self._senders: Senders | None = None
        self._former: Pick[Host] | None = None
        self._building: Generator[None, None, Pick[Host] | None] | None = None

    @property
    @abstractmethod
    def groups(self) -> Groups:
        """The hosts of each locality."""

    @property
    @abstractmethod
    def active(self) -> int:
        """Requests under way: what bounded loads are shares of."""

    @abstractmethod
    def postponed(self) -> bool:
        """Whether somebody will call `build`, as the pick takes long.

        Until then the former one serves, and the first one raises Unbuilt.
        """

    def rebuild_pick(self) -> None:
        """After an update, an ejection or a return."""
        self._building = self._steps()
        patience = STEPS if self.few else 0
        for step, _ in enumerate(self.build()):
            if step == patience and self.postponed():
                self._stand_by()
                return

    @property
    def few(self) -> bool:
        """Whether the hosts are so few that some steps may be taken in one go."""
        return len(self._hosts) <= FEW

    def _steps(self) -> Generator[None, None, Pick[Host] | None]:
        grouped, spread = yield from self.standing_in_steps()
        return (yield from arrange(self.cluster.policy, grouped, spread, self))

    def _stand_by(self) -> None:
        """Let the former pick serve; where there is none, requests have to wait."""
        if self._serving and self._former is not None:
            self.pick = standby(self.cluster.policy, self._former, self.standing, self._hosts)
        else:
            self.pick = self._unbuilt
        if not self.keyed:  # what is made of this one follows at once; of a table, when that is there for both
            for follow in self.followers:
                follow()

    def _unbuilt(self, request: Request) -> NoReturn:
        raise Unbuilt(f"the pick of cluster {self.name!r} is being built")

    def give_up(self) -> None:
        """Nobody will finish the pick that is being built: who waits for it waits in vain."""
        if self._building is not None:
            self._building = None
            self._serve(None)

    def build(self) -> Iterator[None]:
        """Go on with the pick that is being built, yielding about every millisecond, and put it in service.

        It is given up when another one is begun.
        """
        steps = self._building
        while steps is not None and steps is self._building:
            try:
                next(steps)
            except StopIteration as done:
                self._building = None
                self._serve(done.value)
                return
            yield

    def _serve(self, found: Pick[Host] | None) -> None:
        self._serving, pick = found is not None, found or self._nobody
        self.pick = self._former = dropping(pick, self.assignment.drop) if self.assignment.drop else pick
        for follow in self.followers:
            follow()

    def follow(self, follower: Callable[[], None]) -> None:
        """Call this whenever the pick was replaced, once however often it is asked for."""
        if follower not in self.followers:
            self.followers += (follower,)

    def unfollow(self, follower: Callable[[], None]) -> None:
        self.followers = tuple(each for each in self.followers if each != follower)

    def standing(self) -> tuple[list[Tier[Host]], Spread]:
        """The hosts by priority, and what their load spreads by."""
        return tiers(self.groups), self._spread()

    def standing_in_steps(self) -> Generator[None, None, tuple[list[Tier[Host]], Spread]]:
        """The same, yielding about every millisecond."""
        grouped = yield from sorting(self.groups)
        return grouped, self._spread()

    def _spread(self) -> Spread:
        cluster, told = self.cluster, self.assignment
        return Spread(
            told.overprovisioning,
            cluster.panic_threshold,
            cluster.locality_weighted,
            told.weighted_health,
            cluster.zone_aware,
            self._senders,
        )

    def _nobody(self, request: Request) -> NoReturn:
        raise NoHealthyHost(f"cluster {self.name!r} has no host that may be picked, of {len(self._hosts)}")
