"""Outlier detection -> `OutlierDetection`."""

from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from meshio.resilience.outlier import OutlierDetection
from meshio.resilience.rates import FailurePercentage, SuccessRate
from meshio.xds.duration import positive, seconds
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import OutlierDetection as OutlierMessage

T = TypeVar("T")
D = TypeVar("D", SuccessRate, FailurePercentage)

USUAL = OutlierDetection()


def translate_outlier(place: Place, message: OutlierMessage | None) -> OutlierDetection | None:
    """Ejection of hosts that fail. Limits are those of Envoy's own validation."""
    if message is None:
        return None
    check_percentages(place, message)
    base = duration(place.at("base_ejection_time"), message.base_ejection_time, USUAL.base_ejection_time)
    longest = duration(place.at("max_ejection_time"), message.max_ejection_time, max(USUAL.max_ejection_time, base))
    if longest < base:
        raise place.rejected("is shorter than base_ejection_time", "max_ejection_time")
    return OutlierDetection(
        consecutive_5xx=given(message.consecutive_5xx, USUAL.consecutive_5xx),
        enforcing_consecutive_5xx=given(message.enforcing_consecutive_5xx, 100),
        consecutive_gateway_failure=given(message.consecutive_gateway_failure, USUAL.consecutive_gateway_failure),
        enforcing_consecutive_gateway_failure=given(message.enforcing_consecutive_gateway_failure, 0),
        consecutive_local_origin_failure=given(message.consecutive_local_origin_failure, 5),
        enforcing_consecutive_local_origin_failure=given(message.enforcing_consecutive_local_origin_failure, 100),
        split_external_local_origin_errors=message.split_external_local_origin_errors,
        interval=duration(place.at("interval"), message.interval, USUAL.interval),
        base_ejection_time=base,
        max_ejection_time=longest,
        max_ejection_time_jitter=seconds(place.at("max_ejection_time_jitter"), message.max_ejection_time_jitter) or 0.0,
        max_ejection_percent=given(message.max_ejection_percent, USUAL.max_ejection_percent),
        always_eject_one_host=bool(message.always_eject_one_host),
        success_rate=success_rate(message),
        failure_percentage=failure_percentage(message),
        unejects=message.successful_active_health_check_uneject_host is not False,
    )


def check_percentages(place: Place, message: OutlierMessage) -> None:
    """Raises Rejected for a share of more than everything."""
    for name in vars(message):
        if name.startswith("enforcing_") or name in ("max_ejection_percent", "failure_percentage_threshold"):
            if (getattr(message, name) or 0) > 100:
                raise place.rejected("is more than 100", name)


def success_rate(message: OutlierMessage) -> SuccessRate:
    return filled(
        USUAL.success_rate,
        minimum_hosts=message.success_rate_minimum_hosts,
        request_volume=message.success_rate_request_volume,
        factor=message.success_rate_stdev_factor,
        enforcing=message.enforcing_success_rate,
        enforcing_local=message.enforcing_local_origin_success_rate,
    )


def failure_percentage(message: OutlierMessage) -> FailurePercentage:
    return filled(
        USUAL.failure_percentage,
        threshold=message.failure_percentage_threshold,
        minimum_hosts=message.failure_percentage_minimum_hosts,
        request_volume=message.failure_percentage_request_volume,
        enforcing=message.enforcing_failure_percentage,
        enforcing_local=message.enforcing_failure_percentage_local_origin,
    )


def filled(usual: D, **said: int | None) -> D:
    """What is said, and what is usual for the rest."""
    return replace(usual, **{name: value for name, value in said.items() if value is not None})


def given(value: T | None, usual: T) -> T:
    """What is said, or what holds where nothing is."""
    return usual if value is None else value


def duration(place: Place, value: timedelta | None, usual: float) -> float:
    """Seconds, more than none. Raises Rejected."""
    return usual if value is None else positive(place, value)
