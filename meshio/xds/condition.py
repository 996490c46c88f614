"""The conditions of a route. Limits are those of Envoy's API (route_components.proto)."""

import re
from collections.abc import Iterator

from meshio import matching
from meshio.matching import BarePath, Matcher, Path, PathPrefix, PathRegex, PathSeparatedPrefix
from meshio.xds.matching import fraction, header_matcher, pattern, query_matcher
from meshio.xds.notes import filter_state_matcher, metadata_matcher
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.route.v3 import RouteMatch
from meshio.xds.template import path_template

SEPARATED = re.compile(r"[^?#]+[^?#/]")


def translate_match(place: Place, match: RouteMatch, bare: bool = False) -> tuple[Matcher, ...]:
    """All conditions of a route, the path first. `bare` compares it without parameters (`;x`)."""
    path, *rest = conditions(place, match)
    if bare and isinstance(path, Path | PathPrefix | PathSeparatedPrefix | PathRegex):
        path = BarePath(path)
    return (path, *rest)


def conditions(place: Place, match: RouteMatch) -> Iterator[Matcher]:
    yield path_matcher(place, match)
    if match.runtime_fraction is not None:
        share = fraction(place.at("runtime_fraction"), match.runtime_fraction)
        yield matching.RuntimeFraction(share.numerator, share.denominator)
    if match.grpc is not None:
        yield matching.Grpc()
    for index, header in enumerate(match.headers):
        yield header_matcher(place.at("headers", index), header)
    for index, parameter in enumerate(match.query_parameters):
        yield query_matcher(place.at("query_parameters", index), parameter)
    if (tls := match.tls_context) is not None:
        yield matching.PeerCertificate(tls.presented, tls.validated)
    for index, note in enumerate(match.dynamic_metadata):
        yield metadata_matcher(place.at("dynamic_metadata", index), note)
    for index, state in enumerate(match.filter_state):
        yield filter_state_matcher(place.at("filter_state", index), state)


def path_matcher(place: Place, match: RouteMatch) -> Matcher:
    """The one condition that every route has."""
    ignore_case = match.case_sensitive is False
    if match.prefix is not None:
        return matching.PathPrefix(match.prefix.encode(), ignore_case)
    if match.path is not None:
        return matching.Path(match.path.encode(), ignore_case)
    if match.path_separated_prefix is not None:
        if not SEPARATED.fullmatch(match.path_separated_prefix):
            raise place.rejected("must not be short, hold ? or #, or end with a slash", "path_separated_prefix")
        return matching.PathSeparatedPrefix(match.path_separated_prefix.encode(), ignore_case)
    if match.safe_regex is not None:
        return matching.PathRegex(pattern(place.at("safe_regex"), match.safe_regex))
    if match.path_match_policy is not None:
        return path_template(place.at("path_match_policy"), match.path_match_policy)
    if match.connect_matcher is not None:
        return matching.Connect()
    raise place.rejected("has no path condition")
