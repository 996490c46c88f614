"""Weights by load reports -> `ClientWeights`."""

from meshio.balancing.client_weights import ClientWeights
from meshio.balancing.policy import Policy
from meshio.xds.duration import seconds
from meshio.xds.place import Place
from meshio.xds.proto.envoy.extensions.load_balancing_policies.client_side_weighted_round_robin.v3 import (
    ClientSideWeightedRoundRobin,
)
from meshio.xds.turns import slow_start_of

USUAL = ClientWeights()


def client_weights_of(place: Place, config: ClientSideWeightedRoundRobin) -> Policy:
    """The extension, with Envoy's defaults."""
    blackout = seconds(place.at("blackout_period"), config.blackout_period)
    expiration = seconds(place.at("weight_expiration_period"), config.weight_expiration_period)
    period = seconds(place.at("weight_update_period"), config.weight_update_period)
    penalty = config.error_utilization_penalty or 0.0
    if penalty < 0:
        raise place.rejected("is negative", "error_utilization_penalty")
    return ClientWeights(
        USUAL.blackout if blackout is None else blackout,
        USUAL.expiration if expiration is None else expiration,
        USUAL.period if period is None else period,
        penalty,
        tuple(config.metric_names_for_computing_utilization),
        slow_start_of(place.at("slow_start_config"), config.slow_start_config),
        apart_of(place, config),
    )


def apart_of(place: Place, config: ClientSideWeightedRoundRobin) -> float | None:
    """Seconds between reports on streams of their own; None where they come with responses."""
    period = seconds(place.at("oob_reporting_period"), config.oob_reporting_period)
    if not config.enable_oob_load_report:
        return None
    return period or 10.0  # Envoy takes none for its default, too
