"""What happens to a field of the xDS API: read, ignored for a reason, or rejected when it is set."""

from typing import Literal, NamedTuple, TypeAlias


class Rule(NamedTuple):
    """One field's fate.

    read       translation looks at it (and at what is inside it)
    ignored    it may be set; `reason` says why that changes nothing for a client
    rejected   setting it rejects the resource; `reason` says why, unless `values` lists what was set
    """

    fate: Literal["read", "ignored", "rejected"]
    reason: str = ""
    values: tuple[object, ...] = ()


Rules: TypeAlias = dict[str, Rule]

UNSUPPORTED = "not supported by this version"


def read(*names: str) -> Rules:
    """Fields that translation reads."""
    return dict.fromkeys(names, Rule("read"))


def ignored(reason: str, *names: str) -> Rules:
    """Fields that change nothing for a client, and why."""
    return dict.fromkeys(names, Rule("ignored", reason))


def rejected(reason: str, *names: str) -> Rules:
    """Fields that reject the resource when they are set."""
    return dict.fromkeys(names, Rule("rejected", reason or UNSUPPORTED))


def only(values: tuple[object, ...], reason: str, *names: str) -> Rules:
    """Fields that may hold these values and nothing else."""
    return dict.fromkeys(names, Rule("rejected", reason, values))
