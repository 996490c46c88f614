"""The filters that shed load -> AdmissionControl, AdaptiveConcurrency."""

from meshio.resilience.admission import Admission
from meshio.resilience.concurrency import Concurrency
from meshio.xds.encode.parts import seconds
from meshio.xds.proto.envoy.config.core.v3 import RuntimeDouble, RuntimePercent, RuntimeUInt32
from meshio.xds.proto.envoy.extensions.filters.http.adaptive_concurrency.v3 import (
    AdaptiveConcurrency,
    GradientControllerConfig,
    GradientControllerConfigConcurrencyLimitCalculationParams,
    GradientControllerConfigMinimumRttCalculationParams,
)
from meshio.xds.proto.envoy.extensions.filters.http.admission_control.v3 import (
    AdmissionControl,
    AdmissionControlSuccessCriteria,
    AdmissionControlSuccessCriteriaGrpcCriteria,
    AdmissionControlSuccessCriteriaHttpCriteria,
)
from meshio.xds.proto.envoy.type.v3 import HttpStatus, Int32Range, Percent, StatusCode


def encode_admission(admission: Admission) -> AdmissionControl:
    return AdmissionControl(
        success_criteria=encode_criteria(admission),
        sampling_window=seconds(admission.window),
        aggression=RuntimeDouble(default_value=admission.aggression),
        sr_threshold=RuntimePercent(default_value=percent(admission.threshold)),
        rps_threshold=RuntimeUInt32(default_value=admission.least_rate),
        max_rejection_probability=RuntimePercent(default_value=percent(admission.most)),
    )


def encode_criteria(admission: Admission) -> AdmissionControlSuccessCriteria:
    """Statuses only where they are not Envoy's own, which begin where xDS cannot say."""
    usual = Admission()
    encoded = AdmissionControlSuccessCriteria()
    if admission.statuses != usual.statuses:
        ranges = [Int32Range(start=each.start, end=each.stop) for each in admission.statuses]
        encoded.http_criteria = AdmissionControlSuccessCriteriaHttpCriteria(http_success_status=ranges)
    if admission.grpc_statuses != usual.grpc_statuses:
        statuses = sorted(admission.grpc_statuses)
        encoded.grpc_criteria = AdmissionControlSuccessCriteriaGrpcCriteria(grpc_success_status=statuses)
    return encoded


def encode_concurrency(concurrency: Concurrency) -> AdaptiveConcurrency:
    limit = GradientControllerConfigConcurrencyLimitCalculationParams(
        max_concurrency_limit=concurrency.most, concurrency_update_interval=seconds(concurrency.update)
    )
    measured = GradientControllerConfigMinimumRttCalculationParams(
        interval=seconds(concurrency.interval) if concurrency.interval else None,
        fixed_value=seconds(concurrency.fixed),
        request_count=concurrency.requests,
        jitter=percent(concurrency.jitter),
        min_concurrency=concurrency.least,
        buffer=percent(concurrency.buffer),
    )
    controller = GradientControllerConfig(
        sample_aggregate_percentile=percent(concurrency.percentile),
        concurrency_limit_params=limit,
        min_rtt_calc_params=measured,
    )
    return AdaptiveConcurrency(
        gradient_controller_config=controller,
        concurrency_limit_exceeded_status=HttpStatus(code=StatusCode(concurrency.status)),
    )


def percent(share: float) -> Percent:
    return Percent(value=share * 100)
