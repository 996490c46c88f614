"""A local limit of the rate of requests (Envoy: `envoy.filters.http.local_ratelimit`, measured on 1.40).

Buckets live as long as the value that says them: one that a virtual host says is shared by its routes, one that the
listener says by all that say nothing themselves.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, TypeAlias

from meshio.errors import Finish, RateLimited, RequestError
from meshio.message import Layer, Request, Response, Send
from meshio.resilience.bucket import TokenBucket, Tokens
from meshio.resilience.descriptors import Caller, Describe, Descriptor, Limit, describing
from meshio.resilience.fault import NONE, Fraction
from meshio.resilience.site import Clock, Site
from meshio.routing.commands import Known
from meshio.routing.mutation import NO_MUTATION, HeaderMutation, compile_mutation
from meshio.routing.substitution import compile_format

Refuse: TypeAlias = Callable[[Finish | None], RateLimited]
HostLimits: TypeAlias = Literal["override", "include", "ignore"]
MISERLY = TokenBucket(0, 1, 1.0)
"""No token ever."""


class Reserves:
    """All buckets of one limit: the default one, one for each descriptor, and of wildcards the last ones used.

    exact, wildcards   what the limit says of descriptors, in a form that is looked up quickly
    """

    __slots__ = ("default", "exact", "found", "wild", "wildcards")

    def __init__(self) -> None:
        self.default: Tokens | None = None
        self.found: dict[Descriptor, Tokens] = {}
        self.wild: dict[Descriptor, OrderedDict[Descriptor, Tokens]] = {}
        self.exact: dict[Descriptor, TokenBucket] = {}
        self.wildcards: list[tuple[Descriptor, TokenBucket]] = []

    def learn(self, descriptors: tuple[tuple[Descriptor, TokenBucket], ...]) -> None:
        """What the limit says. Always the same, so that it is learnt once."""
        if not self.exact and not self.wildcards:
            self.exact = {each: bucket for each, bucket in descriptors if all(value for _, value in each)}
            self.wildcards = [pair for pair in descriptors if pair[0] not in self.exact]


@dataclass(frozen=True, slots=True)
class LocalRateLimit:
    """A limit.

    bucket         for requests without a descriptor of their own, and with `always` for all; None limits none
    descriptors    buckets by descriptor; an empty value stands for any, and has a bucket for each
    remembered     buckets of one such descriptor
    limits         how descriptors are made; () leaves that to routes, where those of `stage` count
    host_limits    when a virtual host's ways count: only for routes that have none, always, never
    enabled, enforced   shares of the requests that are counted, and refused
    status         of the refusal; gRPC clients are told UNAVAILABLE, or with `exhausted` RESOURCE_EXHAUSTED
    refused        headers of the refusal
    passed         headers of requests that would have been refused, were the limit enforced
    shown          answers tell limit, remaining tokens and seconds to wait
    """

    bucket: TokenBucket | None = None
    descriptors: tuple[tuple[Descriptor, TokenBucket], ...] = ()
    remembered: int = 20
    limits: tuple[Limit, ...] = ()
    stage: int = 0
    host_limits: HostLimits = "override"
    always: bool = True
    enabled: Fraction = NONE
    enforced: Fraction = NONE
    status: int = 429
    exhausted: bool = False
    refused: HeaderMutation = NO_MUTATION
    passed: HeaderMutation = NO_MUTATION
    shown: bool = False
    site: Site = field(default=Site(), compare=False, repr=False)
    reserves: Reserves = field(default_factory=Reserves, compare=False, repr=False)

    def settled(self, levels: Sequence[Layer], site: Site) -> Layer:
        """The most specific level counts, with its own buckets."""
        own = levels[0] if levels else self
        assert isinstance(own, LocalRateLimit)
        return replace(own, site=site)

    def around(self, send: Send) -> Send:
        """Take tokens, or raise RateLimited."""
        if not self.enabled.numerator or (self.bucket is None and not self.descriptors):
            return send
        enabled, enforced, clock = self.enabled, self.enforced, self.site.clock
        known = Known(self.site.route, self.site.cluster, self.site.address, clock=self.site.calendar)
        describe, refuse = self._describing(), self._refusing(known)
        self.reserves.learn(self.descriptors)
        change = compile_mutation(self.passed, known)

        async def limited(request: Request) -> Response:
            if not enabled.draw():
                return await send(request)
            allowed, tokens = self.admit(describe(request) if describe is not None else [], clock())
            finish = showing(tokens, clock) if self.shown and tokens is not None else None
            if not allowed and enforced.draw():
                raise refuse(finish)
            if not allowed and change is not None:
                change(request, None)
            return await (send(request) if finish is None else told(send, request, finish))

        return limited

    def admit(self, descriptors: list[tuple[Descriptor, int]], now: float) -> tuple[bool, Tokens | None]:
        """Whether there are tokens, and whose bucket the answer tells of. The slowest bucket is asked first."""
        found = [(tokens, hits) for each, hits in descriptors if (tokens := self._bucket(each, now)) is not None]
        found.sort(key=lambda each: each[0].bucket.rate)
        for tokens, hits in found:
            if not tokens.take(now, hits):
                return False, tokens
        if self.bucket is not None and (self.always or not found):
            default = self.reserves.default
            if default is None:
                default = self.reserves.default = Tokens(self.bucket, now)
            if not default.take(now):
                return False, default if self.bucket.size else None
            return True, found[0][0] if found else default
        return True, found[0][0] if found else None

    def _bucket(self, descriptor: Descriptor, now: float) -> Tokens | None:
        reserves = self.reserves
        tokens = reserves.found.get(descriptor)
        if tokens is not None:
            return tokens
        exact = reserves.exact.get(descriptor)
        if exact is not None:
            tokens = reserves.found[descriptor] = Tokens(exact, now)
            return tokens
        for wanted, bucket in reserves.wildcards:
            if covers(wanted, descriptor):
                return self._remembered(reserves.wild.setdefault(wanted, OrderedDict()), descriptor, bucket, now)
        return None

    def _remembered(
        self, wild: OrderedDict[Descriptor, Tokens], descriptor: Descriptor, bucket: TokenBucket, now: float
    ) -> Tokens:
        """The bucket of one of the descriptors that a wildcard stands for; the one not used for longest goes."""
        tokens = wild.get(descriptor)
        if tokens is None:
            tokens = wild[descriptor] = Tokens(bucket, now)
            if len(wild) > self.remembered:
                wild.popitem(last=False)
        wild.move_to_end(descriptor)
        return tokens

    def _describing(self) -> Describe | None:
        if not self.descriptors:
            return None
        site = self.site
        limits = self.limits or tuple(limit for limit in self._routed(site) if limit.stage == self.stage)
        known = Known(site.route, site.cluster, site.address, clock=site.calendar)
        return describing(limits, Caller(site.cluster, site.address, partial(rendering, known))) if limits else None

    def _routed(self, site: Site) -> tuple[Limit, ...]:
        """What routes say counts on routes that forward, without the tokens that they want to be taken."""
        host = site.host_limits
        if self.host_limits == "ignore" and not site.include_host_limits:
            host = ()
        elif self.host_limits == "override" and site.limits and not site.include_host_limits:
            host = ()
        return tuple(replace(limit, hits=None, form="") for limit in (*site.limits, *host))

    def _refusing(self, known: Known) -> Refuse:
        change, status, grpc_status = compile_mutation(self.refused, known), self.status, 8 if self.exhausted else None

        def refuse(finish: Finish | None) -> RateLimited:
            error = RateLimited("the local rate limit has no token for the request")
            error.status, error.grpc_status, error.also = status, grpc_status, change
            error.after = (finish,) if finish is not None else ()
            return error

        return refuse


def covers(wanted: Descriptor, descriptor: Descriptor) -> bool:
    """Whether a descriptor with wildcards stands for another."""
    return len(wanted) == len(descriptor) and all(
        key == name and (not value or value == said)
        for (key, value), (name, said) in zip(wanted, descriptor, strict=True)
    )


def showing(tokens: Tokens, clock: Clock) -> Finish:
    """The headers of draft-polli-ratelimit-headers-03, as they are when the answer comes."""

    def show(request: Request, response: Response) -> None:
        now = clock()
        response.headers = [
            *response.headers,
            (b"x-ratelimit-limit", b"%d" % tokens.bucket.size),
            (b"x-ratelimit-remaining", b"%d" % tokens.level(now)),
            (b"x-ratelimit-reset", b"%d" % tokens.wait(now)),
        ]

    return show


async def told(send: Send, request: Request, finish: Finish) -> Response:
    try:
        response = await send(request)
    except RequestError as error:
        error.after += (finish,)
        raise
    finish(request, response)
    return response


def rendering(known: Known, form: str) -> Callable[[Request], bytes]:
    """What a substitution command says of a request."""
    text = compile_format("rate limit", "format", form, known)
    return (lambda request: text) if isinstance(text, bytes) else (lambda request: text(request, None))
