"""Host names of the mesh: short and full, wildcards, and who may see what."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


def full_name(host: str, namespace: str, suffix: str) -> str:
    """A name without a dot is a Kubernetes service beside the document that names it."""
    return host if "." in host or host == "*" else f"{host}.{namespace}.svc.{suffix}"


def is_wild(host: str) -> bool:
    return host.startswith("*")


def covers(one: str, other: str) -> bool:
    """Whether two hosts, either of which may be a wildcard, have a name in common (istiod: host.Name.Matches)."""
    if is_wild(one) and is_wild(other):
        return one[1:].endswith(other[1:]) or other[1:].endswith(one[1:])
    if is_wild(one):
        return other.endswith(one[1:])
    return one.endswith(other[1:]) if is_wild(other) else one == other


def most_specific(host: str, rules: Mapping[str, T]) -> T | None:
    """The rule for exactly this host, or for the longest wildcard that covers it (istiod: MostSpecificHostMatch)."""
    if host in rules:
        return rules[host]
    tail = host[1:] if is_wild(host) else host
    wild = [pattern for pattern in rules if is_wild(pattern) and tail.endswith(pattern[1:])]
    return rules[max(wild, key=len)] if wild else None


def visible(export_to: Iterable[str], default: Iterable[str], owner: str, client: str) -> bool:
    """Whether what `owner` exports may be used from the namespace `client`. Nothing said means everywhere."""
    targets = frozenset(export_to) or frozenset(default) or frozenset("*")
    return "*" in targets or client in targets or ("." in targets and owner == client)


def alternatives(host: str, domain: str) -> tuple[str, ...]:
    """What a service may be called, besides its full name, by a workload of that DNS domain.

    istiod: GenerateAltVirtualHosts. The absolute name for everybody, `name.namespace` and
    `name.namespace.svc` in the cluster, and the bare `name` in the service's own namespace.
    """
    absolute = (host + ".",)
    caller, kube, suffix = domain.partition(".svc.")
    if not kube or not host.endswith(f".svc.{suffix}"):
        return absolute
    name, _, rest = host.removesuffix(f".svc.{suffix}").partition(".")
    if not rest or "." in rest:
        return absolute
    own = (name,) if rest == caller else ()
    if own:
        return (*absolute, *own, f"{name}.{rest}.svc", f"{name}.{rest}")
    return (*absolute, f"{name}.{rest}", f"{name}.{rest}.svc")
