"""Header additions and removals, at whichever level they are configured (Envoy: header_parser.cc)."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Append: TypeAlias = Literal["append", "add_if_absent", "overwrite", "overwrite_if_exists"]


@dataclass(frozen=True, slots=True)
class HeaderValue:
    """One header to set. `value` may hold Envoy's substitution commands (`%REQ(x-user)%`)."""

    name: str
    value: str
    action: Append = "append"
    keep_empty: bool = False


@dataclass(frozen=True, slots=True)
class HeaderMutation:
    """Removals come before additions, as in Envoy. Names are lower case."""

    add: tuple[HeaderValue, ...] = ()
    remove: tuple[str, ...] = ()


NO_MUTATION = HeaderMutation()
