"""Single values of Istio's YAML: text, numbers, durations, and what may be asked of them."""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any, NewType

import re2
import yaml

from meshio.controlplane.problem import did_you_mean

Seconds = NewType("Seconds", float)

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
DURATION = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h)")
LONGEST = 315_576_000_000.0  # google.protobuf.Duration

LARGEST_TABLE = 5_000_011  # places of a Maglev table, in Envoy

HOST_NAME = re.compile(r"\*|(\*\.)?[A-Za-z0-9_]([-A-Za-z0-9_.]*[A-Za-z0-9_])?")
LABEL = re.compile(r"[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?")
HEADER_NAME = re.compile(r":?[-!#$%&'*+.^_`|~0-9A-Za-z]+")

STR, INT, FLOAT, BOOL = (f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool"))


class Invalid(Exception):
    """A value that is not what the field wants."""

    def __init__(self, text: str, suggestion: str = "") -> None:
        super().__init__(text)
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Check:
    """Something a value has to fulfil: `test` raises Invalid."""

    test: Callable[[Any], None]


def text(node: yaml.ScalarNode) -> str:
    """A string. A number or `true` without quotes is refused, as it is by Kubernetes."""
    if node.tag in (INT, FLOAT, BOOL):
        raise Invalid(f"text is wanted here, and {node.value} without quotes is not", f'write "{node.value}"')
    return str(node.value)


def integer(node: yaml.ScalarNode) -> int:
    if node.tag != INT:
        hint = f"write {node.value} without quotes" if node.value.isdecimal() else ""
        raise Invalid(f"a whole number is wanted here, not {node.value!r}", hint)
    try:
        return int(node.value.replace("_", ""))
    except ValueError:
        raise Invalid(f"{node.value!r} is not a plain decimal number") from None


def number(node: yaml.ScalarNode) -> float:
    try:
        if node.tag in (INT, FLOAT):
            return float(node.value)
    except ValueError:
        pass
    raise Invalid(f"a number is wanted here, not {node.value!r}")


def boolean(node: yaml.ScalarNode) -> bool:
    if node.tag != BOOL:
        raise Invalid(f"true or false is wanted here, not {node.value!r}")
    return str(node.value).lower() in ("true", "yes", "on")


def duration(node: yaml.ScalarNode) -> Seconds:
    """Go's notation: "1.5s", "1h2m", "20ms"."""
    value = str(node.value)
    parts = DURATION.findall(value)
    if not parts or "".join(parts) != value or len(value) > 64:
        hint = f'write "{value}s"' if node.tag in (INT, FLOAT) else 'a number with a unit: "500ms", "2s", "1m30s", "1h"'
        raise Invalid(f"{value!r} is not a duration", hint)
    seconds = sum(float(part.rstrip("nuµmsh")) * UNITS[part.lstrip("0123456789.")] for part in parts)
    if seconds > LONGEST:
        raise Invalid(f"{value!r} is longer than any duration can be")
    return Seconds(round(seconds, 9))


def encoded(node: yaml.ScalarNode) -> bytes:
    """Bytes as base64, protobuf's JSON notation."""
    try:
        return b64decode(node.value, validate=True)
    except (Base64Error, ValueError):
        raise Invalid("not base64", "use `string` for plain text") from None


SCALARS: dict[object, Callable[[yaml.ScalarNode], object]] = {
    str: text,
    int: integer,
    float: number,
    bool: boolean,
    Seconds: duration,
    bytes: encoded,
}


def between(low: float, high: float) -> Check:
    """A number within bounds, both included."""

    def test(value: float) -> None:
        if not low <= value <= high:
            raise Invalid(f"{value} is not between {low} and {high}")

    return Check(test)


def noticeable(value: float) -> None:
    """At least a millisecond, and no fraction of one. Absent means no limit; zero is not a way to say so."""
    if value < 0.001 or abs(value * 1000 - round(value * 1000)) > 1e-6:
        raise Invalid("a duration here is at least 1ms, in whole milliseconds", "leave it out where there is no limit")


def full_regex(value: str) -> None:
    """An RE2 expression."""
    if value == "*":
        raise Invalid("'*' is not an RE2 expression", "{} asks whether it is there, '.*' takes anything")
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(value, options)
    except re2.error as reason:
        text = reason.args[0] if reason.args else reason
        if isinstance(text, bytes):
            text = text.decode(errors="replace")
        raise Invalid(f"not an RE2 expression: {text}", "RE2 has no look-around and no back-references") from None


def cidr(value: str) -> None:
    try:
        ip_network(value, strict=False)
    except ValueError:
        raise Invalid(f"{value!r} is not an IP address or a range like 10.0.0.0/8") from None


def host_name(value: str) -> None:
    """A DNS name, possibly with a leading wildcard. (What is in it ends up in cluster names and domains.)"""
    if len(value) > 253 or not HOST_NAME.fullmatch(value):
        raise Invalid(f"{value!r} is not a host name", "letters, digits, '-' and '.', perhaps '*.' in front")


def host_names(values: tuple[str, ...]) -> None:
    for value in values:
        host_name(value)


def label(value: str) -> None:
    """The name of a subset; "" is none."""
    if value and (len(value) > 63 or not LABEL.fullmatch(value)):
        raise Invalid(f"{value!r} is not a name", "letters, digits, '-', '_' and '.'")


def header_name(value: str) -> None:
    """A token (RFC 9110, 5.6.2), or a pseudo header."""
    if not HEADER_NAME.fullmatch(value):
        raise Invalid(f"{value!r} is not the name of a header")


def header_names(values: tuple[str, ...]) -> None:
    for value in values:
        header_name(value)


def header_fields(values: Mapping[str, object]) -> None:
    """Names of headers, and values that are sent as they are."""
    for name, value in values.items():
        header_name(name)
        if isinstance(value, str) and any(character in "\r\n\0" for character in value):
            raise Invalid(f"the value of {name} holds a line break")


def is_ip(text: str) -> bool:
    """True for an IPv4 or IPv6 address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def retry_conditions(value: str) -> None:
    """Envoy's tokens and status codes, separated by commas, without spaces (as Istio demands)."""
    for word in value.split(",") if value else ():
        if word.strip() != word:
            raise Invalid(f"{value!r} holds a space", f"write {value.replace(' ', '')!r}")
        if word not in RETRY_CONDITIONS and not (word.isdecimal() and len(word) == 3):
            raise Invalid(f"{word!r} is no condition for a retry", did_you_mean(word, sorted(RETRY_CONDITIONS)))


def cors_methods(values: tuple[str, ...]) -> None:
    """Methods that a browser may be told about: those of HTTP, or "*"."""
    for value in values:
        if value not in METHODS:
            hint = f"write {value.upper()}" if value.upper() in METHODS else did_you_mean(value, sorted(METHODS))
            raise Invalid(f"{value!r} is not a method that Istio knows", hint or 'one of HTTP, or "*"')


def whole_seconds(value: float) -> None:
    """A header tells it in seconds."""
    if value < 1 or value != int(value):
        raise Invalid("a duration here is at least 1s, in whole seconds", f'write "{max(1, round(value))}s"')


def redirect_status(value: int) -> None:
    if value not in (301, 302, 303, 307, 308):
        raise Invalid(f"{value} is not a redirect that Istio knows", "one of: 301, 302, 303, 307, 308")


def prime(value: int) -> None:
    """The size of a Maglev table; 0 leaves it to Envoy's default."""
    if value and (
        not 2 <= value <= LARGEST_TABLE or any(value % divisor == 0 for divisor in range(2, int(value**0.5) + 1))
    ):
        raise Invalid(f"{value} is not a prime up to {LARGEST_TABLE}", "65537 is the default")


RETRY_CONDITIONS = frozenset(
    "5xx gateway-error reset reset-before-request connect-failure refused-stream retriable-4xx retriable-status-codes"
    " envoy-ratelimited cancelled deadline-exceeded internal resource-exhausted unavailable".split()
)
METHODS = frozenset("GET HEAD POST PUT PATCH DELETE CONNECT OPTIONS TRACE *".split())
PORT = between(1, 65535)
PERCENT = between(0, 100)
NATURAL = between(0, 2**32 - 1)
REGEX = Check(full_regex)
HOST = Check(host_name)
HOSTS = Check(host_names)
NAME = Check(label)
HEADER = Check(header_name)
HEADERS = Check(header_names)
HEADER_FIELDS = Check(header_fields)
NOTICEABLE = Check(noticeable)
CIDR = Check(cidr)
CORS_METHODS = Check(cors_methods)
WHOLE_SECONDS = Check(whole_seconds)
RETRY_ON = Check(retry_conditions)
REDIRECT = Check(redirect_status)
PRIME = Check(prime)
RING_SIZE = between(0, 8 * 1024 * 1024)
