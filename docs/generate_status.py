"""Writes docs/feature-status.md from the tables that translation and the control plane read their input by.

python docs/generate_status.py            write the page
python docs/generate_status.py --check    exit code 1 when the page is not what would be written
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from betterproto2 import Message

from meshio.controlplane.kinds import ELSEWHERE, KINDS, SILENT, UNSUPPORTED
from meshio.controlplane.mesh_config import MeshConfig
from meshio.controlplane.schema import Part, slots_of
from meshio.xds.cluster_fields import CLUSTER_FIELDS
from meshio.xds.core_fields import CORE_FIELDS
from meshio.xds.endpoint_fields import ENDPOINT_FIELDS
from meshio.xds.filter_fields import FILTER_FIELDS
from meshio.xds.layers import FILTERS, OVERRIDES, Known
from meshio.xds.listener_fields import LISTENER_FIELDS
from meshio.xds.matcher_fields import MATCHER_FIELDS
from meshio.xds.policies import NEW, NEW_PREFIX, OLD
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterLbPolicy
from meshio.xds.route_fields import ROUTE_FIELDS
from meshio.xds.rule import Rules

PAGE = Path(__file__).parent / "feature-status.md"
PROTO = "meshio.xds.proto."
TABLES: Mapping[str, dict[type[Message], Rules]] = {
    "Listeners (LDS)": LISTENER_FIELDS,
    "HTTP filters": FILTER_FIELDS,
    "Routes (RDS)": ROUTE_FIELDS,
    "Clusters (CDS)": CLUSTER_FIELDS,
    "Endpoints (EDS)": ENDPOINT_FIELDS,
    "Shared messages": CORE_FIELDS | MATCHER_FIELDS,
}
HEAD = """# Feature status

<!-- Written by docs/generate_status.py from the tables in meshio/. Edit those, not this page. -->

What this version does with each field of its configuration. Nothing is ignored silently: a field either has its
effect, or is listed here with the reason why it has none, or is refused. In short, and in general:

| | this version |
|---|---|
| requests out, HTTP/1.1, plaintext | yes |
| `https://` URLs, and TLS origination (`tls.mode: SIMPLE`) | yes |
| mutual TLS with the mesh's identities | no: where it is wanted, requests end as 503 `UF`; see [secure.md](secure.md) |
| HTTP/2, gRPC, HTTP/3 | no: where a cluster insists on it, requests end as 503 `UF` |
| requests in (servers), AuthorizationPolicy, JWT | no |
| TCP connections without HTTP | no |
| adapters | `httpx.AsyncClient`, `aiohttp.ClientSession`, `Mesh` itself; none for grpclib or blocking clients |
| metrics, traces | no; the record of each request is there, see [observe.md](observe.md) |
| control planes | istiod and any other xDS v3 server, state of the world or delta, over plaintext or TLS with a token |
"""
YAML = """## Istio and Kubernetes YAML

What `meshio check`, `meshio controlplane` and `MESHIO_CONFIG` read. *Not supported* is an error of `meshio check`, and
so is any field that is not listed here.
"""
XDS = """## xDS

What becomes of each field that istiod (or another control plane) may send. *Refused* rejects the resource when the
field is set: the control plane gets a NACK that names it, and the last good version stays in service. A field of the
API that is newer than this version is refused, too.
"""


def page() -> str:
    """The whole text."""
    return "\n".join((HEAD, *yaml_part(), *xds_part()))


def yaml_part() -> Iterator[str]:
    yield YAML
    for kind in KINDS.values():
        yield from kind_section(kind.name, kind.spec, "" if kind.whole else "spec")
    yield from kind_section("MeshConfig (`mesh.yaml`)", MeshConfig, "")
    yield "### Other kinds\n"
    yield from table("kind", "what becomes of it", ((name, f"error: {why}") for name, why in UNSUPPORTED.items()))
    yield from table("kind", "no effect on clients, because", ELSEWHERE.items())
    yield f"Passed over without a word, as istiod does: {', '.join(sorted(SILENT))}, and kinds of other API groups.\n"


def kind_section(title: str, spec: type[Part], root: str) -> Iterator[str]:
    """One kind: a row for each mapping in it."""
    rows = [row for row in mappings(spec, root, set()) if any(row[1:])]
    if not rows:
        return
    yield f"### {title}\n"
    yield "| in | supported | not supported | no effect on clients |"
    yield "|---|---|---|---|"
    for row in rows:
        yield f"| {' | '.join(cell or '-' for cell in row)} |"
    yield ""


def mappings(kind: type[Part], place: str, seen: set[type[Part]]) -> Iterator[tuple[str, str, str, str]]:
    """A mapping and those below it; each class is described where it comes first."""
    seen.add(kind)
    names = list(slots_of(kind))
    refused = {**kind.UNSUPPORTED, **kind.UNSAFE}
    unsupported = "; ".join(f"`{name}`: {why}" for name, why in refused.items())
    yield f"`{place or '(top)'}`", code(names), unsupported, code(sorted(kind.IGNORED - {"apiVersion", "kind"}))
    hints = get_type_hints(kind, include_extras=True)
    for name, slot in slots_of(kind).items():
        for part, suffix in parts_in(hints[slot.name]):
            if part not in seen:
                yield from mappings(part, f"{place}.{name}{suffix}".lstrip("."), seen)


def parts_in(hint: Any, suffix: str = "") -> Iterator[tuple[type[Part], str]]:
    """The mappings that a field may hold, and whether in a list."""
    if isinstance(hint, type) and issubclass(hint, Part):
        yield hint, suffix
    for argument in get_args(hint):
        yield from parts_in(argument, "[]" if getattr(hint, "__origin__", None) is tuple else suffix)


def xds_part() -> Iterator[str]:
    yield XDS
    yield from balancing()
    yield from filters()
    for title, fields in TABLES.items():
        yield f"### {title}\n"
        yield "| message | read | refused | ignored, because |"
        yield "|---|---|---|---|"
        for message, rules in fields.items():
            if rules:
                yield message_row(message, rules)
        yield ""


def message_row(message: type[Message], rules: Rules) -> str:
    package = message.__module__.removeprefix(PROTO).removeprefix("envoy.")
    read = code(name for name, rule in rules.items() if rule.fate == "read")
    cells = (f"`{package}.{message.__name__}`", read, grouped(rules, "rejected"), grouped(rules, "ignored"))
    return f"| {' | '.join(cell or '-' for cell in cells)} |"


def grouped(rules: Rules, fate: str) -> str:
    """Fields of one fate, by reason."""
    by_reason: dict[str, list[str]] = {}
    for name, rule in rules.items():
        if rule.fate == fate:
            allowed = " or ".join(str(value) for value in rule.values)
            reason = f"only {allowed}" + (f": {rule.reason}" if rule.reason else "") if rule.values else rule.reason
            by_reason.setdefault(reason, []).append(name)
    return "; ".join(f"{code(names)} ({reason})" for reason, names in by_reason.items())


def balancing() -> Iterator[str]:
    yield "### Load balancing\n"
    yield f"`lb_policy`: {', '.join(sorted(ClusterLbPolicy(number).name or '' for number in OLD))}."
    yield f"`load_balancing_policy`, of `{NEW_PREFIX}*`: {', '.join(sorted(NEW))}. Others are refused.\n"


def filters() -> Iterator[str]:
    yield "### HTTP filters\n"
    yield "Filters that are not in this table reject the listener, unless they are marked optional.\n"
    yield from table("filter", "what becomes of it", ((f"`{name}`", fate(known)) for name, known in FILTERS.items()))
    yield from table(
        "override at a route", "what becomes of it", ((f"`{name}`", fate(known)) for name, known in OVERRIDES.items())
    )


def fate(known: Known) -> str:
    return f"no effect: {known.reason}" if known.translate is None else "supported"


def table(first: str, second: str, rows: Any) -> Iterator[str]:
    yield f"| {first} | {second} |"
    yield "|---|---|"
    for name, text in rows:
        yield f"| {name} | {text} |"
    yield ""


def code(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> int:
    if "--check" in sys.argv:
        return int(PAGE.read_text() != page())
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
