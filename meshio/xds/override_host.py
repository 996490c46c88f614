"""Requests that name their hosts -> `OverrideHost`."""

from collections.abc import Callable
from typing import TypeAlias

from meshio.balancing.override_host import OverrideHost, Source
from meshio.balancing.policy import Policy
from meshio.xds.descriptors import metadata_path
from meshio.xds.locality import LocalityRule
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import LoadBalancingPolicy
from meshio.xds.proto.envoy.extensions.load_balancing_policies.override_host.v3 import OverrideHost as OverrideMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.override_host.v3 import OverrideHostOverrideHostSource
from meshio.xds.text import token

Extension: TypeAlias = Callable[[Place, LoadBalancingPolicy], tuple[Policy, LocalityRule]]


def override_host_of(place: Place, config: OverrideMessage, extension: Extension) -> tuple[Policy, LocalityRule]:
    """The extension; `extension` translates the policy for requests that name no host."""
    here = place.at("fallback_policy")
    if config.fallback_policy is None:
        raise here.rejected("is required")
    if not config.override_host_sources:
        raise place.rejected("names no header", "override_host_sources")
    child, rule = extension(here, config.fallback_policy)
    sources = [(place.at("override_host_sources", i), each) for i, each in enumerate(config.override_host_sources)]
    return OverrideHost(child, tuple(source(at, each) for at, each in sources)), rule


def source(place: Place, said: OverrideHostOverrideHostSource) -> Source:
    """A header, or a path in the request's metadata."""
    if said.metadata is None:
        return token(place.at("header"), said.header)
    if said.header:
        raise place.rejected("excludes header", "metadata")
    return metadata_path(place.at("metadata"), said.metadata)
