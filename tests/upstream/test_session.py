"""Requests of a session at a cluster."""

import pytest

from meshio.errors import NoHealthyHost
from meshio.message import Request
from meshio.resilience.outlier import OutlierDetection
from meshio.upstream.endpoint import Endpoint
from meshio.upstream.host import Host
from meshio.upstream.session import session_admission
from meshio.upstream.upstream import NO_OUTCOME, Upstream
from tests.upstream.test_upstream import asked, assigned, at, cluster, locality, serving


def of_session(name: str, strict: bool = False) -> Request:
    request = asked()
    request.session = name, strict
    return request


def admitted(upstream: Upstream, request: Request) -> Host:
    host = session_admission(upstream)(request, 0)
    upstream.settle(host, NO_OUTCOME, "upstream", 0.0, 0.0)  # type: ignore[arg-type]
    return host


def test_a_session_stays_with_its_host():
    upstream = serving(at(1), at(2), at(3))
    assert {admitted(upstream, of_session("10.0.0.2:9080")).name for _ in range(6)} == {"10.0.0.2:9080"}
    assert len({admitted(upstream, asked()).name for _ in range(3)}) == 3


def test_a_retry_goes_elsewhere():
    upstream = serving(at(1), at(2))
    request = of_session("10.0.0.2:9080")
    request.record.attempts = 1
    assert len({admitted(upstream, request).name for _ in range(2)}) == 2


@pytest.mark.parametrize("name", ["10.0.0.9:9080", "10.0.0.1", "nonsense", ":", "10.0.0.1:x", "[10.0.0.1]:9080"])
def test_a_strict_session_fails_without_its_host(name: str):
    upstream = serving(at(1))
    with pytest.raises(NoHealthyHost):
        admitted(upstream, of_session(name, strict=True))
    assert admitted(upstream, of_session(name)).name == "10.0.0.1:9080"


def test_an_ejected_host_keeps_no_session():
    upstream = serving(at(1), at(2), outlier=OutlierDetection(consecutive_5xx=1, max_ejection_percent=100))
    host = upstream.hosts["10.0.0.1", 9080]
    host.ejected = True
    assert host.health == "unhealthy"
    with pytest.raises(NoHealthyHost):
        admitted(upstream, of_session(host.name, strict=True))


def test_a_session_with_a_host_of_version_six():
    upstream = Upstream()
    upstream.update(cluster(), assigned(locality(Endpoint(("::1", 80)), at(2))))
    assert admitted(upstream, of_session("[::1]:80")).name == "[::1]:80"
