"""The fault filter -> `Fault`."""

from dataclasses import replace
from datetime import timedelta

from meshio.resilience.fault import NONE, Fault, Fraction
from meshio.xds.extension import open_message
from meshio.xds.matching import header_matcher, percent
from meshio.xds.place import Place
from meshio.xds.proto.envoy.extensions.filters.common.fault.v3 import FaultDelay, FaultRateLimit
from meshio.xds.proto.envoy.extensions.filters.http.fault.v3 import FaultAbort, HttpFault
from meshio.xds.proto.envoy.type.v3 import FractionalPercent


def translate_fault(place: Place, raw: bytes) -> Fault:
    """A fault filter's config, in a listener or in a route table."""
    config = open_message(place, HttpFault, raw)
    fault = Fault(
        cluster=config.upstream_cluster,
        headers=tuple(header_matcher(place.at("headers", i), each) for i, each in enumerate(config.headers)),
        nodes=frozenset(config.downstream_nodes),
        most=config.max_active_faults,
    )
    if config.delay is not None:
        fault = with_delay(place.at("delay"), fault, config.delay)
    if config.abort is not None:
        fault = with_abort(place.at("abort"), fault, config.abort)
    if config.response_rate_limit is not None:
        fault = with_rate(place.at("response_rate_limit"), fault, config.response_rate_limit)
    return fault


def with_delay(place: Place, fault: Fault, delay: FaultDelay) -> Fault:
    """Milliseconds count; less than one is no delay, as in Envoy."""
    share = share_of(place, delay.percentage)
    if delay.header_delay is not None:
        return replace(fault, delay_share=share, delay_asked=True)
    if delay.fixed_delay is None:
        raise place.rejected("says no delay", "fixed_delay")
    if delay.fixed_delay.total_seconds() <= 0:
        raise place.rejected("must be more than zero", "fixed_delay")
    milliseconds = delay.fixed_delay // timedelta(milliseconds=1)
    return replace(fault, delay=milliseconds / 1000, delay_share=share)


def with_abort(place: Place, fault: Fault, abort: FaultAbort) -> Fault:
    share = share_of(place, abort.percentage)
    if abort.header_abort is not None:
        return replace(fault, abort_share=share, abort_asked=True)
    if abort.grpc_status is not None:
        return replace(fault, grpc_abort=abort.grpc_status, abort_share=share)
    if abort.http_status is None or not 200 <= abort.http_status < 600:
        raise place.rejected("must be from 200 to 599", "http_status")
    return replace(fault, abort=abort.http_status, abort_share=share)


def with_rate(place: Place, fault: Fault, limit: FaultRateLimit) -> Fault:
    share = share_of(place, limit.percentage)
    if limit.header_limit is not None:
        return replace(fault, rate_share=share, rate_asked=True)
    if limit.fixed_limit is None:
        raise place.rejected("says no limit", "fixed_limit")
    if not limit.fixed_limit.limit_kbps:
        raise place.rejected("must be at least 1", "fixed_limit.limit_kbps")
    return replace(fault, rate=limit.fixed_limit.limit_kbps, rate_share=share)


def share_of(place: Place, percentage: FractionalPercent | None) -> Fraction:
    """None is no request at all."""
    return percent(place.at("percentage"), percentage) if percentage is not None else NONE
