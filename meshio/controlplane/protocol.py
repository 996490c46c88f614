"""Which protocol a port speaks, as istiod tells from its name (pkg/config/kube/conversion.go)."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

Protocol: TypeAlias = Literal[
    "HTTP", "HTTP2", "GRPC", "GRPC-Web", "TCP", "UDP", "HTTPS", "TLS", "Mongo", "Redis", "MySQL", "auto"
]

NAMES: Mapping[str, Protocol] = {
    "tcp": "TCP",
    "udp": "UDP",
    "grpc": "GRPC",
    "grpc-web": "GRPC-Web",
    "http": "HTTP",
    "http2": "HTTP2",
    "https": "HTTPS",
    "tls": "TLS",
    "mongo": "Mongo",
    "redis": "Redis",
    "mysql": "MySQL",
}

APP_PROTOCOLS: Mapping[str, Protocol] = {
    "kubernetes.io/h2c": "HTTP2",
    "kubernetes.io/ws": "HTTP",
    "kubernetes.io/wss": "HTTPS",
}

# Servers of these ports speak first, so looking at the traffic would never end: SMTP, DNS, MySQL, MongoDB.
SPEAK_FIRST = frozenset({25, 53, 3306, 27017})

HTTP2: frozenset[Protocol] = frozenset({"HTTP2", "GRPC", "GRPC-Web"})
HTTP: frozenset[Protocol] = HTTP2 | {"HTTP"}
SECURE: frozenset[Protocol] = frozenset({"HTTPS", "TLS"})


def declared(name: str) -> Protocol:
    """The protocol of that name; "auto" (look at the traffic) when it is none."""
    return NAMES.get(name.lower(), "auto")


def of_port(number: int, name: str, transport: str, app_protocol: str | None) -> Protocol:
    """The protocol of a Kubernetes port: appProtocol, else what its name begins with."""
    if transport == "UDP":
        return "UDP"
    if app_protocol is not None and app_protocol in APP_PROTOCOLS:
        return APP_PROTOCOLS[app_protocol]
    word = app_protocol if app_protocol is not None else name
    if word.lower().startswith("grpc-web"):
        return "GRPC-Web"
    found = declared(word.partition("-")[0])
    return "TCP" if found == "auto" and number in SPEAK_FIRST else found
