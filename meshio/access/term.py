"""What access rules ask: of a request, and of who sends it, which is this instance (Envoy: rbac/matchers.cc).

An application talks to its sidecar in plaintext from the pod's own address, and so it is here: nobody is
authenticated by a certificate, no server name was asked for, and the caller's address is the instance's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Protocol, TypeAlias

from meshio.matching import Test, Text
from meshio.message import Request
from meshio.resilience.question import Question

Address: TypeAlias = IPv4Address | IPv6Address


class Term(Protocol):
    """A permission or a principal."""

    def against(self, address: str) -> Test:
        """Compile it for the instance of this address."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Always."""

    def against(self, address: str) -> Test:
        return lambda request: True


@dataclass(frozen=True, slots=True)
class All:
    """All of them."""

    terms: tuple[Term, ...]

    def against(self, address: str) -> Test:
        tests = [term.against(address) for term in self.terms]
        return lambda request: all(test(request) for test in tests)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of them."""

    terms: tuple[Term, ...]

    def against(self, address: str) -> Test:
        tests = [term.against(address) for term in self.terms]
        return lambda request: any(test(request) for test in tests)


@dataclass(frozen=True, slots=True)
class Not:
    """Not that."""

    term: Term

    def against(self, address: str) -> Test:
        test = self.term.against(address)
        return lambda request: not test(request)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about headers."""

    question: Question

    def against(self, address: str) -> Test:
        return self.question.test()


@dataclass(frozen=True, slots=True)
class UrlPath:
    """The path, without query and fragment."""

    text: Text

    def against(self, address: str) -> Test:
        matches = self.text.test()
        return lambda request: matches(request.path.partition(b"?")[0].partition(b"#")[0])


@dataclass(frozen=True, slots=True)
class Port:
    """The port that the request goes to is one of these."""

    ports: range

    def against(self, address: str) -> Test:
        ports = self.ports
        return lambda request: request.port in ports


@dataclass(frozen=True, slots=True)
class ServerName:
    """The server name of a TLS connection, which is empty here."""

    text: Text

    def against(self, address: str) -> Test:
        verdict = self.text.test()(b"")
        return lambda request: verdict


@dataclass(frozen=True, slots=True)
class Authenticated:
    """A caller with a certificate: never."""

    def against(self, address: str) -> Test:
        return lambda request: False


@dataclass(frozen=True, slots=True)
class Direct:
    """The caller's address, which is the instance's, is in this network."""

    network: str

    def against(self, address: str) -> Test:
        verdict = within(self.network)(parsed(address.encode()))
        return lambda request: verdict


@dataclass(frozen=True, slots=True)
class Remote:
    """The last address in x-forwarded-for is in this network; the caller's where there is none."""

    network: str

    def against(self, address: str) -> Test:
        inside, own = within(self.network), parsed(address.encode())

        def test(request: Request) -> bool:
            forwarded = b",".join(value for name, value in request.headers if name == b"x-forwarded-for")
            return inside(parsed(forwarded.rpartition(b",")[2].strip()) or own)

        return test


def parsed(text: bytes) -> Address | None:
    try:
        return ip_address(text.decode("latin-1"))
    except ValueError:
        return None


def within(network: str) -> Callable[[Address | None], bool]:
    block = ip_network(network, strict=False)
    return lambda address: address is not None and address in block
