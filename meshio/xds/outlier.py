"""Outlier detection -> `OutlierDetection`."""

from typing import Any

from meshio.resilience.outlier import OutlierDetection
from meshio.xds.duration import positive, seconds
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import OutlierDetection as OutlierMessage

PERCENTAGES = (
    "enforcing_consecutive_5xx",
    "enforcing_consecutive_gateway_failure",
    "enforcing_consecutive_local_origin_failure",
    "max_ejection_percent",
)
COUNTS = ("consecutive_5xx", "consecutive_gateway_failure", "consecutive_local_origin_failure")
TIMES = {"interval", "base_ejection_time", "max_ejection_time"}


def translate_outlier(place: Place, message: OutlierMessage | None) -> OutlierDetection | None:
    """Ejection of hosts that fail.

    Envoy enforces ejection by success rate fully unless told otherwise, so leaving `enforcing_success_rate` out asks
    for what meshio does not have. istiod always says 0; a control plane of one's own has to say it too.
    """
    if message is None:
        return None
    if message.enforcing_success_rate is None:
        raise place.rejected("is 100 unless given, and only 0 is supported", "enforcing_success_rate")
    if message.split_external_local_origin_errors and message.enforcing_local_origin_success_rate is None:
        raise place.rejected("is 100 unless given, and only 0 is supported", "enforcing_local_origin_success_rate")
    said = ((name, getattr(message, name)) for name in (*PERCENTAGES, *COUNTS, *TIMES))
    given: dict[str, Any] = {name: value for name, value in said if value is not None}
    for name in PERCENTAGES:
        if given.get(name, 0) > 100:
            raise place.rejected("is more than 100", name)
    for name in given.keys() & TIMES:
        given[name] = positive(place.at(name), given[name])
    given.setdefault("max_ejection_time", max(300.0, given.get("base_ejection_time", 30.0)))
    return OutlierDetection(
        **given,
        split_external_local_origin_errors=message.split_external_local_origin_errors,
        max_ejection_time_jitter=seconds(place.at("max_ejection_time_jitter"), message.max_ejection_time_jitter) or 0.0,
        always_eject_one_host=bool(message.always_eject_one_host),
    )
