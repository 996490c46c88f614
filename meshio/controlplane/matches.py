"""HTTPMatchRequest -> matchers (istiod: core/route/route.go, TranslateRouteMatch)."""

from collections.abc import Callable

from meshio.controlplane.scope import Caller
from meshio.controlplane.virtual_service import ConnectionMatch, HttpMatch, StringMatch
from meshio.controlplane.workloads import selected
from meshio.matching import (
    Exact,
    Header,
    HeaderPresent,
    Matcher,
    Path,
    PathPrefix,
    PathRegex,
    Prefix,
    Query,
    QueryPresent,
    Regex,
    Text,
)

ANYTHING: Matcher = PathPrefix(b"/")


def applies(match: HttpMatch, caller: Caller, port: int) -> bool:
    """Whether a match is for this caller at all: what istiod decides itself and does not send."""
    if match.port is not None and match.port != port:
        return False
    if match.gateways:
        return "mesh" in match.gateways
    return selected(caller.labels, match.source_labels) and match.source_namespace in ("", caller.namespace)


def applies_to_connection(match: ConnectionMatch, caller: Caller, port: int) -> bool:
    """The same for TCP and TLS routes, where gateways and source labels must both hold."""
    return (
        (not match.gateways or "mesh" in match.gateways)
        and match.port in (None, port)
        and selected(caller.labels, match.source_labels)
        and match.source_namespace in ("", caller.namespace)
    )


def matchers(match: HttpMatch | None) -> tuple[Matcher, ...]:
    """The path first, then headers by name, then method, authority and scheme, then query parameters."""
    if match is None:
        return (ANYTHING,)
    named = [(name, header(name, text)) for name, text in match.headers.items()]
    named += [(name, without_header(name, text)) for name, text in match.without_headers.items()]
    pseudo = ((":method", match.method), (":authority", match.authority), (":scheme", match.scheme))
    return (
        path(match),
        *(matcher for _, matcher in sorted(named, key=lambda pair: pair[0])),
        *(header(name, text) for name, text in pseudo if text is not None),
        *(query(name, text) for name, text in match.query_params.items()),
    )


def is_catch_all(found: tuple[Matcher, ...]) -> bool:
    """Whether no later route can be reached (istiod: IsCatchAllRoute)."""
    return found in ((PathPrefix(b"/"),), (PathPrefix(b"/", ignore_case=True),), (PathRegex(b".*"),))


def path(match: HttpMatch) -> Matcher:
    uri = match.uri
    if uri is not None and uri.exact is not None:
        return Path(uri.exact.encode(), match.ignore_uri_case)
    if uri is not None and uri.regex is not None:
        return PathRegex(uri.regex.encode())
    prefix = uri.prefix if uri is not None and uri.prefix is not None else "/"
    return PathPrefix(prefix.encode(), match.ignore_uri_case)


def means_present(text: StringMatch) -> bool:
    """`{}` asks whether it is there."""
    return text.exact is None and text.prefix is None and text.regex is None


def text_of(text: StringMatch) -> Text:
    options: tuple[tuple[str | None, Callable[[bytes], Text]], ...] = (
        (text.exact, Exact),
        (text.prefix, Prefix),
        (text.regex, Regex),
    )
    return next(kind(value.encode()) for value, kind in options if value is not None)


def header(name: str, text: StringMatch) -> Matcher:
    wire = name.lower().encode()
    return HeaderPresent(wire) if means_present(text) else Header(wire, text_of(text))


def without_header(name: str, text: StringMatch) -> Matcher:
    """The header is absent, or is not that."""
    wire = name.lower().encode()
    if means_present(text):
        return HeaderPresent(wire, invert=True)
    return Header(wire, text_of(text), invert=True, treat_missing_as_empty=True)


def query(name: str, text: StringMatch) -> Matcher:
    return QueryPresent(name.encode()) if means_present(text) else Query(name.encode(), text_of(text))


def operation(match: HttpMatch | None) -> str:
    """The path as Istio puts it into the operation name of a trace."""
    uri = match.uri if match is not None else None
    if uri is None or (uri.exact is None and uri.regex is None):
        return f"{uri.prefix if uri is not None and uri.prefix is not None else '/'}*"
    return uri.exact if uri.exact is not None else str(uri.regex)
