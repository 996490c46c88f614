"""What compiles the hash policies of a cluster's own."""

from collections.abc import Callable
from typing import NoReturn, TypeAlias

from meshio.balancing.hashing import HashPolicy, Key, compile_hash
from meshio.errors import ConfigError

Keys: TypeAlias = Callable[[tuple[HashPolicy, ...]], Key]
"""Compiles the hash policies of a cluster."""


def unnamed(policies: tuple[HashPolicy, ...]) -> Key:
    """For a client that does not say its own address; rewriting what is hashed takes a mesh."""
    return compile_hash(policies, "", unwritten)


def unwritten(pattern: str, substitution: str) -> NoReturn:
    raise ConfigError(f"nobody is here to rewrite {pattern!r}")
