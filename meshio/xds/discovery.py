"""What goes over an ADS stream, in our own words, and what both dialects of it offer.

A conversation is pure: feed it what arrives, send what `to_send` returns. `stream.py` does both over
grpclib and keeps no protocol state of its own. The two dialects are `session.Session` (state of the world) and
`delta.Delta` (incremental).

https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

ALL = frozenset({"*"})
"""Wanting every resource of a type. On the wire it is the absence of names, which every server understands."""

Names: TypeAlias = frozenset[str]
Faults: TypeAlias = Mapping[str, str]  # name of a bad resource -> what is wrong with it


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as it came: `raw` is the value of its Any, untouched. `version` is "" in state of the world."""

    name: str
    type_url: str
    raw: bytes
    version: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A DiscoveryResponse, or a DeltaDiscoveryResponse (only those have `removed`)."""

    type_url: str
    version: str
    nonce: str
    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """What a reply means to this client.

    resources   those that were asked for
    gone        names that are now known not to exist
    full        `resources` is all there is of that type: what it does not hold is gone
    """

    resources: tuple[Resource, ...] = ()
    gone: Names = frozenset()
    full: bool = False


NO_CHANGE = Change()


@dataclass(frozen=True, slots=True)
class Ask:
    """A DiscoveryRequest."""

    type_url: str
    names: tuple[str, ...]
    version: str = ""
    nonce: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class DeltaAsk:
    """A DeltaDiscoveryRequest: a change of subscription (without nonce), or the answer to a reply (with one)."""

    type_url: str
    subscribe: tuple[str, ...] = ()
    unsubscribe: tuple[str, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    nonce: str = ""
    error: str = ""


class Conversation(Protocol):
    """One ADS conversation that outlives its streams."""

    def want(self, type_url: str, names: Names) -> None:
        """Be subscribed to exactly these resources of one type from now on; `ALL` for whatever there is."""

    def receive(self, reply: Reply) -> Change:
        """What the reply changes. Every reply wants an answer."""

    def answer(self, reply: Reply, faults: Faults) -> None:
        """ACK the reply, or NACK it when there are faults: the error names each of them."""

    def reconnected(self) -> None:
        """A new stream: repeat every subscription, with what is known already."""

    def to_send(self) -> "list[Ask] | list[DeltaAsk]":
        """What has to go out now, in order. Empties the outbox."""


def in_order(order: tuple[str, ...], type_urls: Mapping[str, object]) -> Iterator[str]:
    """The types in the order in which a server is to be asked; unknown ones last."""
    yield from (type_url for type_url in order if type_url in type_urls)
    yield from (type_url for type_url in type_urls if type_url not in order)


def error_text(faults: Faults) -> str:
    """The error detail of a NACK: each bad resource on a line of its own."""
    return "\n".join(faults.values())


def wanted_again(names: Names, before: Names, sent: Names | None) -> bool:
    """Something was given up, the server has not heard of it, and now it is wanted again: it has to hear of both,
    or it will not send again what was thrown away in between."""
    return bool(sent and names & (sent - before))
