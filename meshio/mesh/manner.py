"""How the hosts of a route are tried, and what bounds all of that."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from meshio.errors import RequestError
from meshio.message import Layer, Request, Response, Send
from meshio.resilience.retry import Retry, Turn
from meshio.resilience.streams import AskedDuration, StreamDuration, StreamLimits
from meshio.resilience.tries import UNLIMITED, TryLimits
from meshio.resilience.verdict import Verdict
from meshio.routing.listener import HttpChain
from meshio.routing.route import Forward
from meshio.upstream.checkups import give_up
from meshio.upstream.cluster import Cluster
from meshio.upstream.host import Host
from meshio.upstream.picky import Picky
from meshio.upstream.upstream import Upstream


@dataclass(frozen=True, slots=True)
class Manner:
    """How a host is tried.

    avoid           how often to look for a host that earlier attempts of the request did not use
    endpoint_host   send the picked endpoint's host name as the authority (auto_host_rewrite)
    session         the request may belong to a session that is with one host
    forwards_host   and the authority that it had in x-forwarded-host
    limits          of the exchange, once it has its connection
    verdict         what an answer counts for at its host; None for its status
    silent          the answer does not tell how long it took (suppress_envoy_headers)
    high            its connections are those of requests of high priority
    picky           what retries avoid, where it is more than the hosts that were tried
    filters         that it passes when its host is chosen
    turn            what follows a try, given the way of further ones; None for nothing
    """

    avoid: int = 0
    endpoint_host: bool = False
    session: bool = False
    forwards_host: bool = False
    limits: TryLimits = UNLIMITED
    verdict: Verdict | None = None
    silent: bool = False
    picky: Picky | None = None
    high: bool = False
    turn: Callable[[Send], Turn] | None = None
    filters: tuple[Layer, ...] = ()


PLAIN = Manner()
Attempt: TypeAlias = Callable[[Upstream, Manner], Send]


@dataclass(frozen=True, slots=True)
class Special:
    """A request that has a say in how it is sent, and whether it is gRPC's."""

    grpc: bool = False


def ruled(action: Forward, cluster: Cluster | None) -> Forward:
    """What a cluster says itself goes before what the route says (Envoy: upstream HttpProtocolOptions)."""
    if cluster is None or not (cluster.retry or cluster.hash_policies):
        return action
    own, theirs = cluster.retry, action.retry
    if own is not None:
        each, idle = (theirs.per_try_timeout, theirs.per_try_idle) if theirs is not None else (None, None)
        own = replace(own, per_try_timeout=each, per_try_idle=idle, hedged=theirs is not None and theirs.hedged)
        own = replace(own, buffer_limit=theirs.buffer_limit) if theirs is not None else own
    return replace(action, retry=own or theirs, hash_policies=cluster.hash_policies or action.hash_policies)


def picky_of(retry: Retry | None) -> Picky | None:
    """What retries avoid beside the hosts that were tried; None for nothing else."""
    if retry is None or not (retry.avoid_canaries or retry.avoid_labels is not None or retry.priorities):
        return None
    return Picky(retry.host_attempts, retry.avoid_previous, retry.avoid_canaries, retry.avoid_labels, retry.priorities)


def lasting(send: Send, chain: HttpChain, forward: Forward, special: Special | None) -> Send:
    """Within what listener and route say about the stream as a whole."""
    idle = chain.limits.idle if forward.idle_timeout is None else forward.idle_timeout or None
    duration, patience = forward.duration or StreamDuration(), forward.timeout if forward.duration is None else None
    limits = StreamLimits(idle, chain.limits.longest, patience)
    if special is not None:
        return AskedDuration(limits, duration, special.grpc and forward.duration is not None).around(send)
    return replace(limits, longest=duration.asked(None, limits.longest)).around(send)


def muted(send: Send) -> Send:
    """Local answers without the router's own headers."""

    async def mute(request: Request) -> Response:
        try:
            return await send(request)
        except RequestError as error:
            error.headers = ()
            raise

    return mute


def confessed(send: Send, upstream: Upstream, examined: Callable[[Upstream, Host], None]) -> Send:
    """An answer may say that its host is ill: it is, then, until a health check says otherwise (Envoy: router.cc).

    `examined` is told.
    """

    async def watching(request: Request) -> Response:
        response = await send(request)
        if response.header(b"x-envoy-immediate-health-check-fail") is not None:
            host = give_up(upstream, request.record.endpoint)
            if host is not None:
                examined(upstream, host)
        return response

    return watching
