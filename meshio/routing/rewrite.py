"""Path and host rewrites of a forward, as values."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class PrefixRewrite:
    """Replace the part of the path that the route matched (prefix or whole path) with `value`."""

    value: str


@dataclass(frozen=True, slots=True)
class RegexRewrite:
    """Replace every match of `pattern` (RE2) in the path by `substitution` (RE2's `\\1`). Query untouched."""

    pattern: str
    substitution: str


PathRewrite: TypeAlias = PrefixRewrite | RegexRewrite


@dataclass(frozen=True, slots=True)
class HostLiteral:
    """Send this authority."""

    value: str


@dataclass(frozen=True, slots=True)
class HostFromHeader:
    """Send the value of this request header as the authority, if it is there."""

    name: str


@dataclass(frozen=True, slots=True)
class HostFromPath:
    """Send what becomes of the path (without query) under this regex rewrite as the authority."""

    pattern: str
    substitution: str


@dataclass(frozen=True, slots=True)
class HostOfEndpoint:
    """Send the host name of the picked endpoint (auto_host_rewrite; DNS clusters only)."""


HostRewrite: TypeAlias = HostLiteral | HostFromHeader | HostFromPath | HostOfEndpoint
