"""Requests that the control plane wants to be dropped (EDS `drop_overloads`)."""

from random import random

from meshio.balancing.policy import Pick
from meshio.errors import AllDropped, Dropped
from meshio.message import Request
from meshio.upstream.host import Host


def dropping(pick: Pick[Host], share: float) -> Pick[Host]:
    """Drop a share of the requests (EDS `drop_overloads`); a retry is not asked again."""

    error = AllDropped if share >= 1 else Dropped

    def drop_or_pick(request: Request) -> Host:
        if not request.record.attempts and random() < share:
            raise error(f"the control plane asks for {share:.0%} of the requests to be dropped")
        return pick(request)

    return drop_or_pick
