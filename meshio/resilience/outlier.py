"""Ejection of hosts that fail: the value. Envoy: outlier_detection_impl.cc, `OutlierDetection`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """Durations in seconds, shares in percent (0 to 100). Defaults are Envoy's.

    Only the consecutive detectors act in this version; success rate and failure percentage are
    rejected by the translator when the control plane enforces them.
    """

    consecutive_5xx: int = 5
    enforcing_consecutive_5xx: int = 100
    consecutive_gateway_failure: int = 5
    enforcing_consecutive_gateway_failure: int = 0
    consecutive_local_origin_failure: int = 5
    enforcing_consecutive_local_origin_failure: int = 100
    split_external_local_origin_errors: bool = False
    interval: float = 10.0
    base_ejection_time: float = 30.0
    max_ejection_time: float = 300.0
    max_ejection_time_jitter: float = 0.0
    max_ejection_percent: int = 10
    always_eject_one_host: bool = False
