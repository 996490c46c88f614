"""Clusters: one for each port of each service, and one more for each subset (istiod: core/cluster*.go)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from operator import itemgetter

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.labels import FilterMetadata
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.policy import Policy
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.uniform import Random
from meshio.controlplane.actions import cluster_name
from meshio.controlplane.assignments import assignment
from meshio.controlplane.destination_rule import (
    ConnectionPool,
    ConsistentHash,
    HttpSettings,
    LoadBalancer,
    Outlier,
    Subset,
    TcpKeepalive,
    TrafficPolicy,
)
from meshio.controlplane.mesh_config import MeshConfig
from meshio.controlplane.routes import BLACK_HOLE, PASSTHROUGH
from meshio.controlplane.scope import Rule, Scope
from meshio.controlplane.services import Service, ServicePort
from meshio.controlplane.traffic_policy import NO_POLICY, policy_for
from meshio.controlplane.upstream_tls import Security, automatic, security, speaks_http2
from meshio.resilience.limits import UNLIMITED, Limits, RetryBudget
from meshio.resilience.outlier import OutlierDetection
from meshio.resilience.rates import UNRATED, SuccessRate
from meshio.upstream.cluster import Cluster, Discovery, Dns, Eds, HttpOptions, OriginalDestination, Static
from meshio.upstream.endpoint import LoadAssignment

WIDE_OPEN = Limits(UNLIMITED, UNLIMITED, UNLIMITED, UNLIMITED)
JITTER = 0.1  # PILOT_DNS_JITTER_DURATION
DEFAULT_IDLE_TIMEOUT = 3600.0
PASSTHROUGH_IDLE_TIMEOUT = 300.0
NO_POOL = ConnectionPool()
NO_BALANCER = LoadBalancer()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a cluster is about."""

    service: Service
    port: ServicePort
    rule: Rule | None
    subset: Subset | None = None

    @property
    def name(self) -> str:
        return cluster_name(self.service.host, self.port.number, self.subset_name)

    @property
    def subset_name(self) -> str:
        return self.subset.name if self.subset is not None else ""

    @property
    def policy(self) -> TrafficPolicy:
        return policy_for(self.rule.spec, self.port.number, self.subset) if self.rule is not None else NO_POLICY

    @property
    def passes_through(self) -> bool:
        """Whether the caller's own destination is used: headless, resolution NONE, or asked for."""
        balancer = self.policy.load_balancer or NO_BALANCER
        return self.service.resolution == "NONE" or balancer.simple == "PASSTHROUGH"


def subjects(scope: Scope) -> Iterator[Subject]:
    """Every cluster a caller gets, by what it is about."""
    for service in scope.services:
        rule = scope.rules.get(service.host)
        for port in service.ports:
            if port.protocol != "UDP":
                yield Subject(service, port, rule)
                if rule is not None:
                    yield from (Subject(service, port, rule, subset) for subset in rule.spec.subsets)


def build_clusters(scope: Scope) -> dict[str, Cluster]:
    """All clusters of a caller, by name."""
    built = (build_cluster(subject, scope) for subject in subjects(scope))
    clusters = {cluster.name: cluster for cluster in built if cluster is not None}
    return {**clusters, BLACK_HOLE: black_hole(scope.mesh), PASSTHROUGH: passthrough(scope.mesh)}


def build_cluster(subject: Subject, scope: Scope) -> Cluster | None:
    """One cluster; None for a DNS service without endpoints, which Envoy would refuse."""
    service, policy = subject.service, subject.policy
    discovery = discover(subject, scope)
    if discovery is None:
        return None
    pool = policy.connection_pool or NO_POOL
    balancer = policy.load_balancer or NO_BALANCER
    http = http_options(subject.port, pool, scope.mesh)
    tls = transport_security(subject, http, scope.mesh)
    own_address = isinstance(discovery, OriginalDestination)
    cluster = Cluster(
        name=subject.name,
        discovery=discovery,
        policy=ClusterProvided() if own_address else balancing(balancer),
        limits=limits(policy, pool),
        outlier=outlier(policy.outlier_detection),
        connect_timeout=float(pool.tcp.connect_timeout or scope.mesh.connect_timeout),
        tls=tls.tls,
        tls_matches=tls.matches,
        http=http,
        panic_threshold=panic_threshold(policy.outlier_detection),
        locality_weighted=locality_weighted(balancer, policy.outlier_detection, scope.mesh),
        alt_stat_name=f"{subject.name};",
        subset=subject.subset_name,
        services=((service.host, service.name if service.kubernetes else service.host, service.namespace),),
        external=service.external and subject.subset is None,
        origin=subject.rule.origin if subject.rule is not None else "",
        tcp_keepalive=keepalive(pool.tcp.tcp_keepalive),
    )
    own_tls = policy.tls is not None and policy.tls.mode in ("SIMPLE", "MUTUAL")
    return replace(cluster, metadata=own_alpn(cluster)) if own_tls else cluster


def own_alpn(cluster: Cluster) -> FilterMetadata:
    """Who says by which TLS a service is reached is not to be told Istio's protocols."""
    return (("istio", tuple(sorted((*cluster.istio, ("alpn_override", "false")), key=itemgetter(0)))),)


def discover(subject: Subject, scope: Scope) -> Discovery | None:
    if subject.passes_through:
        return OriginalDestination()
    if subject.service.resolution == "STATIC":
        return Eds(subject.name)
    inline = dns_assignment(subject, scope)
    if not inline.localities:
        return None
    address = scope.caller.identity.address
    return Dns(
        assignment=inline,
        strict=subject.service.resolution == "DNS",
        refresh=float(scope.mesh.dns_refresh_rate),
        jitter=JITTER,
        respect_ttl=True,
        family="v6" if ":" in address else "v4",
    )


def dns_assignment(subject: Subject, scope: Scope) -> LoadAssignment:
    """Endpoints by host name. With one logical address there can only be one."""
    found = assignment(subject.service, subject.port, subject.rule, subject.subset, scope)
    if subject.service.resolution == "DNS" or not found.localities:
        return found
    first = found.localities[0]
    return replace(found, localities=(replace(first, endpoints=first.endpoints[:1]),))


def transport_security(subject: Subject, http: HttpOptions, mesh: MeshConfig) -> Security:
    wanted = subject.policy.tls
    http2 = http.version == "h2" or (http.version == "http/1.1" and speaks_http2(subject.port))
    service, port, subset = subject.service, subject.port, subject.subset_name
    if wanted is not None:
        return security(wanted, service, port, subset, http2)
    if subject.passes_through and service.resolution != "NONE":
        service = replace(service, resolution="NONE")
    return automatic(service, port, subset, http2, mesh)


# --- policies ------------------------------------------------------------------------------------------


def balancing(wanted: LoadBalancer) -> Policy:
    if wanted.consistent_hash is not None:
        return hashing(wanted.consistent_hash)
    if wanted.simple == "ROUND_ROBIN":
        return RoundRobin(slow_start(wanted))
    return Random() if wanted.simple == "RANDOM" else LeastRequest(slow_start=slow_start(wanted))


def slow_start(wanted: LoadBalancer) -> SlowStart | None:
    """The older field counts where the newer is not given (istiod: applyRoundRobinLoadBalancer)."""
    if (warmup := wanted.warmup) is not None:
        return SlowStart(warmup.duration, warmup.aggression, warmup.minimum_percent)
    return SlowStart(wanted.warmup_duration_secs) if wanted.warmup_duration_secs is not None else None


def hashing(wanted: ConsistentHash) -> Policy:
    if wanted.maglev is not None:
        return Maglev(wanted.maglev.table_size) if wanted.maglev.table_size else Maglev()
    size = wanted.ring_hash.minimum_ring_size if wanted.ring_hash is not None else wanted.minimum_ring_size
    return RingHash(size) if size else RingHash()


def limits(policy: TrafficPolicy, pool: ConnectionPool) -> Limits:
    """What nobody limits is unlimited."""
    budget = policy.retry_budget
    return Limits(
        connections=pool.tcp.max_connections or UNLIMITED,
        pending=pool.http.http1_max_pending_requests or UNLIMITED,
        requests=pool.http.http2_max_requests or UNLIMITED,
        retries=pool.http.max_retries or UNLIMITED,
        budget=RetryBudget(budget.percent, budget.min_retry_concurrency or 3) if budget is not None else None,
    )


def outlier(wanted: Outlier | None) -> OutlierDetection | None:
    """Envoy's defaults for what is not said; zero errors switches a detector off."""
    if wanted is None:
        return None
    split = wanted.split_external_local_origin_errors
    found = OutlierDetection(
        split_external_local_origin_errors=split, success_rate=UNRATED if split else SuccessRate(enforcing=0)
    )
    if (errors := wanted.consecutive_5xx_errors) is not None:
        found = replace(found, consecutive_5xx=errors, enforcing_consecutive_5xx=100 if errors else 0)
    if (errors := wanted.consecutive_gateway_errors) is not None:
        share = 100 if errors else 0
        found = replace(found, consecutive_gateway_failure=errors, enforcing_consecutive_gateway_failure=share)
    if wanted.split_external_local_origin_errors and wanted.consecutive_local_origin_failures:
        found = replace(found, consecutive_local_origin_failure=wanted.consecutive_local_origin_failures)
    return replace(
        found,
        interval=found.interval if wanted.interval is None else float(wanted.interval),
        base_ejection_time=found.base_ejection_time if wanted.base_ejection_time is None else wanted.base_ejection_time,
        max_ejection_percent=wanted.max_ejection_percent or found.max_ejection_percent,
    )


def panic_threshold(wanted: Outlier | None) -> float:
    """Never by default: with few pods, half of them being ill is no reason to use the ill ones."""
    return float(wanted.min_health_percent) if wanted is not None else 0.0


def locality_weighted(balancer: LoadBalancer, wanted: Outlier | None, mesh: MeshConfig) -> bool:
    setting = balancer.locality_lb_setting or mesh.locality_lb_setting
    if not setting.enabled:
        return False
    failover = wanted is not None and bool(setting.failover or setting.failover_priority)
    return failover or bool(setting.distribute)


def http_options(port: ServicePort, pool: ConnectionPool, mesh: MeshConfig) -> HttpOptions:
    settings, tcp = pool.http, pool.tcp
    idle = settings.idle_timeout if settings.idle_timeout is not None else tcp.idle_timeout
    http2 = speaks_http2(port) or upgraded(port, settings, mesh)
    downstream = settings.use_client_protocol or port.protocol == "auto"
    return HttpOptions(
        version="downstream" if downstream else "h2" if http2 else "http/1.1",
        idle_timeout=DEFAULT_IDLE_TIMEOUT if idle is None else float(idle) or None,
        max_requests_per_connection=settings.max_requests_per_connection,
        max_connection_duration=float(tcp.max_connection_duration) if tcp.max_connection_duration else None,
        max_concurrent_streams=settings.max_concurrent_streams if http2 and not downstream else 0,
    )


def upgraded(port: ServicePort, settings: HttpSettings, mesh: MeshConfig) -> bool:
    """Whether HTTP/2 is used although the port is not declared so."""
    if settings.use_client_protocol or settings.h2_upgrade_policy == "DO_NOT_UPGRADE":
        return False
    if settings.h2_upgrade_policy == "UPGRADE":
        return True
    return port.protocol == "HTTP" and mesh.h2_upgrade_policy == "UPGRADE"


def keepalive(wanted: TcpKeepalive | None) -> tuple[int, int, int] | None:
    """Probes, idle time, interval; 0 leaves the system's own."""
    if wanted is None:
        return None
    return wanted.probes, round(wanted.time or 0), round(wanted.interval or 0)


# --- the two that are always there ---------------------------------------------------------------------


def black_hole(mesh: MeshConfig) -> Cluster:
    """Nobody answers."""
    return Cluster(
        BLACK_HOLE,
        Static(LoadAssignment(BLACK_HOLE)),
        RoundRobin(),
        connect_timeout=float(mesh.connect_timeout),
        alt_stat_name=f"{BLACK_HOLE};",
    )


def passthrough(mesh: MeshConfig) -> Cluster:
    """Wherever the caller was going."""
    return Cluster(
        PASSTHROUGH,
        OriginalDestination(),
        ClusterProvided(),
        limits=WIDE_OPEN,
        connect_timeout=float(mesh.connect_timeout),
        http=HttpOptions("downstream", idle_timeout=PASSTHROUGH_IDLE_TIMEOUT),
        alt_stat_name=f"{PASSTHROUGH};",
    )
