"""The filters that shed load: admission control -> `Admission`, adaptive concurrency -> `Concurrency`."""

from meshio.resilience.admission import Admission
from meshio.resilience.concurrency import Concurrency
from meshio.xds.extension import open_message
from meshio.xds.percent import share
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import RuntimeFeatureFlag
from meshio.xds.proto.envoy.extensions.filters.http.adaptive_concurrency.v3 import (
    AdaptiveConcurrency,
    GradientControllerConfig,
    GradientControllerConfigConcurrencyLimitCalculationParams,
    GradientControllerConfigMinimumRttCalculationParams,
)
from meshio.xds.proto.envoy.extensions.filters.http.admission_control.v3 import (
    AdmissionControl,
    AdmissionControlSuccessCriteria,
    AdmissionControlSuccessCriteriaHttpCriteria,
)
from meshio.xds.proto.envoy.type.v3 import HttpStatus, StatusCode

FIRST_STATUS, LAST_STATUS, LAST_GRPC = 100, 600, 16
SHORTEST_INTERVAL = 0.001  # seconds
SHORTEST_WINDOW = 1.0
UNAVAILABLE = 503


def translate_admission(place: Place, raw: bytes) -> Admission | None:
    """None where it is switched off."""
    config = open_message(place, AdmissionControl, raw)
    if config.success_criteria is None:
        raise place.rejected("is required", "success_criteria")
    usual = criteria(place.at("success_criteria"), config.success_criteria)
    window = config.sampling_window.total_seconds() if config.sampling_window is not None else usual.window
    if window < SHORTEST_WINDOW:
        raise place.rejected("must be at least 1 s: an Envoy crashes on less", "sampling_window")
    threshold, most = usual.threshold, usual.most
    if config.sr_threshold is not None:
        threshold = share(place.at("sr_threshold.default_value"), config.sr_threshold.default_value, 0.0)
        if threshold < 0.01:
            raise place.rejected("must be at least 1 %", "sr_threshold")
    if config.max_rejection_probability is not None:
        here = place.at("max_rejection_probability.default_value")
        most = share(here, config.max_rejection_probability.default_value, 0.0)
    admission = Admission(
        usual.statuses,
        usual.grpc_statuses,
        float(int(window)),
        max(1.0, config.aggression.default_value if config.aggression is not None else usual.aggression),
        threshold,
        config.rps_threshold.default_value if config.rps_threshold is not None else usual.least_rate,
        most,
    )
    return admission if enabled(config.enabled) else None


def criteria(place: Place, message: AdmissionControlSuccessCriteria) -> Admission:
    """What counts as a success; the rest as Envoy has it by default."""
    usual = Admission()
    statuses, grpc = usual.statuses, usual.grpc_statuses
    if message.http_criteria is not None:
        statuses = ranges(place.at("http_criteria"), message.http_criteria)
    if message.grpc_criteria is not None:
        grpc = frozenset(message.grpc_criteria.grpc_success_status)
        if not grpc or max(grpc) > LAST_GRPC:
            raise place.rejected("must be gRPC's own codes, at least one", "grpc_criteria.grpc_success_status")
    return Admission(statuses, grpc)


def ranges(place: Place, message: AdmissionControlSuccessCriteriaHttpCriteria) -> tuple[range, ...]:
    if not message.http_success_status:
        raise place.rejected("must not be empty", "http_success_status")
    for index, each in enumerate(message.http_success_status):
        if not FIRST_STATUS <= each.start <= each.end <= LAST_STATUS:
            raise place.at("http_success_status", index).rejected("is not a range of statuses")
    return tuple(range(each.start, each.end) for each in message.http_success_status)


def enabled(flag: RuntimeFeatureFlag | None) -> bool:
    return flag is None or flag.default_value is not False


def translate_concurrency(place: Place, raw: bytes) -> Concurrency | None:
    """None where it is switched off."""
    config = open_message(place, AdaptiveConcurrency, raw)
    if config.gradient_controller_config is None:
        raise place.rejected("is required", "gradient_controller_config")
    refused = status(place.at("concurrency_limit_exceeded_status"), config.concurrency_limit_exceeded_status)
    gradient = controller(place.at("gradient_controller_config"), config.gradient_controller_config, refused)
    return gradient if enabled(config.enabled) else None


def controller(place: Place, config: GradientControllerConfig, refused: int) -> Concurrency:
    limit, measured = config.concurrency_limit_params, config.min_rtt_calc_params
    if limit is None:
        raise place.rejected("is required", "concurrency_limit_params")
    if measured is None:
        raise place.rejected("is required", "min_rtt_calc_params")
    update = limit.concurrency_update_interval
    if update is None or update.total_seconds() <= 0:
        raise place.rejected("must be more than zero", "concurrency_limit_params.concurrency_update_interval")
    here = place.at("min_rtt_calc_params")
    check_counts(place, limit, measured)
    interval, fixed = times(here, measured)
    usual = Concurrency(1.0)
    return Concurrency(
        update=update.total_seconds(),
        interval=interval,
        fixed=fixed,
        requests=usual.requests if measured.request_count is None else measured.request_count,
        jitter=share(here.at("jitter"), measured.jitter, usual.jitter),
        least=usual.least if measured.min_concurrency is None else measured.min_concurrency,
        most=usual.most if limit.max_concurrency_limit is None else limit.max_concurrency_limit,
        buffer=share(here.at("buffer"), measured.buffer, usual.buffer),
        percentile=share(place.at("sample_aggregate_percentile"), config.sample_aggregate_percentile, usual.percentile),
        status=refused,
    )


def check_counts(
    place: Place,
    limit: GradientControllerConfigConcurrencyLimitCalculationParams,
    measured: GradientControllerConfigMinimumRttCalculationParams,
) -> None:
    found = {
        "concurrency_limit_params.max_concurrency_limit": limit.max_concurrency_limit,
        "min_rtt_calc_params.request_count": measured.request_count,
        "min_rtt_calc_params.min_concurrency": measured.min_concurrency,
    }
    for field, value in found.items():
        if value == 0:
            raise place.rejected("must be more than 0", field)


def times(place: Place, measured: GradientControllerConfigMinimumRttCalculationParams) -> tuple[float, float | None]:
    """How often the minimum is measured, or what it is."""
    interval = measured.interval.total_seconds() if measured.interval is not None else None
    fixed = measured.fixed_value.total_seconds() if measured.fixed_value is not None else None
    if interval is None and fixed is None:
        raise place.rejected("says neither an interval nor a fixed value")
    if interval is not None and interval < SHORTEST_INTERVAL:
        raise place.rejected("must be at least 1 ms", "interval")
    if fixed is not None and fixed <= 0:
        raise place.rejected("must be more than zero", "fixed_value")
    return interval or 0.0, fixed


def status(place: Place, given: HttpStatus | None) -> int:
    """A status of success stands for 503, as in Envoy."""
    if given is None:
        return UNAVAILABLE
    if given.code not in set(StatusCode) or not given.code:
        raise place.rejected("is not the code of a status", "code")
    return int(given.code) if given.code >= 400 else UNAVAILABLE
