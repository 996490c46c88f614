"""When a host is ejected, for how long, and how many may be out at once. Time is a number here."""

import random
from collections.abc import Sequence

import pytest

from meshio.resilience.outlier import OutlierDetection, Outliers, Streaks


class Host:
    def __init__(self) -> None:
        self.ejected = False
        self.streaks = Streaks()


def detect(hosts: int = 10, **settings: float | bool) -> tuple[Outliers[Host], list[Host]]:
    values = {"max_ejection_percent": 100, **settings}
    outliers: Outliers[Host] = Outliers(OutlierDetection(**values))  # type: ignore[arg-type]
    watched = [Host() for _ in range(hosts)]
    outliers.watch(watched)
    outliers.sweep(0.0)  # the first interval begins
    return outliers, watched


def feed(outliers: Outliers[Host], host: Host, statuses: Sequence[int], now: float = 0.0, local: bool = False) -> bool:
    ejections = [outliers.observe(host, status, local, now) for status in statuses]
    return any(ejections)


def test_five_errors_in_a_row_eject_a_host() -> None:
    outliers, (host, *_) = detect()
    assert not feed(outliers, host, [500] * 4)
    assert feed(outliers, host, [500])
    assert host.ejected
    assert outliers.ejected == 1


def test_one_success_in_between_starts_the_count_again() -> None:
    outliers, (host, *_) = detect()
    assert not feed(outliers, host, [500, 502, 503, 504, 200, 500, 500, 500, 500])
    assert not feed(outliers, host, [404])


def test_gateway_errors_count_only_when_enforced() -> None:
    outliers, (host, *_) = detect(consecutive_5xx=100)
    assert not feed(outliers, host, [503] * 5)
    outliers, (host, *_) = detect(consecutive_5xx=100, enforcing_consecutive_gateway_failure=100)
    assert not feed(outliers, host, [502, 503, 504, 500, 503, 503, 503, 503])
    assert feed(outliers, host, [503])


def test_a_detector_that_is_not_enforced_starts_to_count_again() -> None:
    outliers, (host, *_) = detect(enforcing_consecutive_5xx=0)
    assert not feed(outliers, host, [500] * 50)
    assert host.streaks.errors == 0


def test_enforcing_is_a_probability() -> None:
    """400 draws of a half, 5 standard deviations: fails for one seed in two million."""
    random.seed(3)
    outliers, hosts = detect(hosts=400, enforcing_consecutive_5xx=50)
    for host in hosts:
        feed(outliers, host, [500] * 5)
    assert 150 < outliers.ejected < 250


def test_failures_of_ours_count_as_errors_of_the_host() -> None:
    outliers, (host, *_) = detect()
    assert feed(outliers, host, [503, 504, 503, 504, 503], local=True)


def test_split_errors_are_counted_apart() -> None:
    outliers, (host, other, *_) = detect(split_external_local_origin_errors=True)
    assert not feed(outliers, host, [503] * 4, local=True)
    assert not feed(outliers, host, [500] * 4)  # a response: the connection works again
    assert not feed(outliers, host, [503] * 4, local=True)
    assert host.streaks.errors == 4
    assert feed(outliers, host, [503], local=True)
    assert not feed(outliers, other, [500] * 4)
    assert not feed(outliers, other, [503], local=True)
    assert feed(outliers, other, [500])


@pytest.mark.parametrize(
    ("hosts", "percent", "always", "ejected"),
    [(3, 10, False, 0), (10, 10, False, 1), (10, 50, False, 5), (3, 10, True, 1), (3, 100, False, 3)],
)
def test_no_more_hosts_are_out_than_envoy_allows(hosts: int, percent: int, always: bool, ejected: int) -> None:
    outliers, watched = detect(hosts, max_ejection_percent=percent, always_eject_one_host=always)
    for host in watched:
        feed(outliers, host, [500] * 5)
    assert sum(host.ejected for host in watched) == ejected


def test_a_host_returns_with_the_first_interval_after_its_time() -> None:
    outliers, (host, *_) = detect()
    feed(outliers, host, [500] * 5, now=5.0)
    returned = [now for now in range(1, 60) if outliers.sweep(float(now))]
    assert returned == [40]
    assert not host.ejected
    assert (outliers.ejected, host.streaks.errors) == (0, 0)


def test_each_ejection_lasts_longer_and_good_behaviour_is_rewarded() -> None:
    outliers, (host, *_) = detect(interval=1.0, base_ejection_time=30.0, max_ejection_time=75.0)
    now, lasted = 0.0, []
    for _ in range(4):
        feed(outliers, host, [500] * 5, now)
        began = now
        while host.ejected:
            now += 1.0
            outliers.sweep(now)
        lasted.append(now - began)
    assert lasted == [30.0, 60.0, 75.0, 75.0]
    for _ in range(9):
        now += 1.0
        outliers.sweep(now)
    feed(outliers, host, [500] * 5, now)
    assert host.streaks.returns - now == 30.0


def test_jitter_spreads_the_returns() -> None:
    outliers, hosts = detect(hosts=50, max_ejection_time_jitter=10.0)
    for host in hosts:
        feed(outliers, host, [500] * 5)
    assert all(30 <= host.streaks.returns <= 40 for host in hosts)
    assert len({host.streaks.returns for host in hosts}) == 50


def test_an_ejected_host_is_not_ejected_again() -> None:
    outliers, (host, *_) = detect()
    feed(outliers, host, [500] * 5)
    assert not feed(outliers, host, [500] * 50)
    assert outliers.ejected == 1


def test_a_host_that_left_is_nobodys_business() -> None:
    outliers, (host, *rest) = detect()
    feed(outliers, rest[0], [500] * 5)
    outliers.watch(rest)
    assert not feed(outliers, host, [500] * 5)
    assert outliers.ejected == 1
    outliers.watch(rest[1:])
    assert outliers.ejected == 0


def test_it_says_when_it_wants_to_be_called() -> None:
    outliers, _ = detect()
    assert outliers.due(3.0) == 10.0
    assert not outliers.sweep(12.0)
    assert outliers.due(12.0) == 22.0
