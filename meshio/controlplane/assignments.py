"""Load assignments: endpoints of a cluster by locality, as one caller should prefer them.

istiod: xds/endpoints/endpoint_builder.go and core/loadbalancer/loadbalancer.go.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import ceil

from meshio.controlplane.destination_rule import Distribute, Failover, LocalityLb, Subset
from meshio.controlplane.scope import Rule, Scope
from meshio.controlplane.services import Instance, Service, ServicePort
from meshio.controlplane.traffic_policy import policy_for
from meshio.controlplane.workloads import parse_locality, selected
from meshio.upstream.endpoint import Endpoint, LoadAssignment, Locality, LocalityEndpoints

NETWORK = "topology.istio.io/network"
Groups = dict[str, list[Instance]]


def assignment(
    service: Service, port: ServicePort, rule: Rule | None, subset: Subset | None, scope: Scope
) -> LoadAssignment:
    """The endpoints of one cluster for one caller."""
    name = f"outbound|{port.number}|{subset.name if subset is not None else ''}|{service.host}"
    groups: Groups = {}
    for instance in members(service, port, rule, subset):
        groups.setdefault(instance.workload.locality, []).append(instance)
    setting, failing_over = locality_setting(rule, port.number, subset, scope)
    if setting is None or not groups:
        return LoadAssignment(name, plain(groups))
    if setting.distribute:
        return LoadAssignment(name, distributed(plain(groups), scope.caller.locality, setting.distribute))
    if not failing_over:
        return LoadAssignment(name, plain(groups))
    if setting.failover_priority:
        found = by_labels(groups, scope.caller.topology, setting.failover_priority)
        return LoadAssignment(name, failed_over(found, scope, setting.failover) if setting.failover else found)
    return LoadAssignment(name, failed_over(plain(groups), scope, setting.failover))


def members(service: Service, port: ServicePort, rule: Rule | None, subset: Subset | None) -> Iterator[Instance]:
    """The instances of a cluster. Ill ones are among them, unless a panic threshold would send requests there.

    Whether an endpoint takes mutual TLS is its own word, unless the DestinationRule wants something else
    (mtls_checker.go).
    """
    labels = subset.labels if subset is not None else {}
    outlier = policy_for(rule.spec, port.number, subset).outlier_detection if rule is not None else None
    plain_text = refuses_mutual_tls(rule, port.number, subset)
    for instance in service.instances.get(port.number, ()):
        workload = instance.workload
        if workload.health == "unhealthy" and outlier is not None and outlier.min_health_percent > 0:
            continue
        if selected(workload.labels, labels):
            yield replace(instance, workload=replace(workload, tls_mode="")) if plain_text else instance


def refuses_mutual_tls(rule: Rule | None, port: int, subset: Subset | None) -> bool:
    """Whether a DestinationRule asks for another kind of TLS, or none: the subset's word, then the destination's."""
    policies = (subset.traffic_policy if subset is not None else None, rule.spec.traffic_policy if rule else None)
    for policy in policies:
        if policy is not None:
            own = [each.tls for each in policy.port_level_settings if each.port.number == port and each.tls]
            tls = own[0] if own else policy.tls
            if tls is not None:
                return tls.mode != "ISTIO_MUTUAL"
    return False


def locality_setting(
    rule: Rule | None, port: int, subset: Subset | None, scope: Scope
) -> tuple[LocalityLb | None, bool]:
    """What applies, and whether failing over makes sense: only outlier detection ever makes traffic move on."""
    policy = policy_for(rule.spec, port, subset) if rule is not None else None
    balancer = policy.load_balancer if policy is not None else None
    own = balancer.locality_lb_setting if balancer is not None else None
    setting = own if own is not None else scope.mesh.locality_lb_setting
    failing_over = policy is not None and policy.outlier_detection is not None
    return (setting if setting.enabled else None), failing_over


def endpoint_of(instance: Instance) -> Endpoint:
    workload = instance.workload
    return Endpoint(
        address=(workload.address, instance.port),
        weight=workload.weight,
        health=workload.health,
        tls_mode=workload.tls_mode if workload.tls_mode == "istio" else "",
        workload=workload.described,
    )


def group_of(locality: str, instances: Iterable[Instance], priority: int = 0) -> LocalityEndpoints:
    endpoints = tuple(endpoint_of(instance) for instance in instances)
    weight = sum(endpoint.weight for endpoint in endpoints)
    return LocalityEndpoints(endpoints, parse_locality(locality), priority, weight)


def plain(groups: Groups) -> tuple[LocalityEndpoints, ...]:
    """By locality, sorted by name, all alike."""
    return tuple(group_of(locality, groups[locality]) for locality in sorted(groups))


# --- distribute ----------------------------------------------------------------------------------------


def distributed(
    groups: tuple[LocalityEndpoints, ...], caller: Locality, settings: Iterable[Distribute]
) -> tuple[LocalityEndpoints, ...]:
    """Weights by locality, as the first setting for the caller's own says. Localities it does not name get nothing."""
    setting = next((each for each in settings if inside(caller, each.from_)), None)
    if setting is None:
        return groups
    weights: dict[int, int] = {}
    for place, percent in setting.to.items():
        matched = [i for i, group in enumerate(groups) if i not in weights and inside(group.locality, place)]
        total = sum(groups[i].weight for i in matched)
        weights.update({i: ceil(groups[i].weight * percent / total) for i in matched})
    return tuple(
        replace(group, weight=weights[i] or group.weight) if i in weights else replace(group, endpoints=())
        for i, group in enumerate(groups)
    )


def inside(locality: Locality, pattern: str) -> bool:
    """Whether a locality is covered by `region/zone/subzone`, where `*` and what is left out stand for all."""
    wanted = parse_locality(pattern)
    return (
        wanted.region in ("*", locality.region)
        and wanted.zone in ("*", "", locality.zone)
        and wanted.subzone in ("*", "", locality.subzone)
    )


# --- failover ------------------------------------------------------------------------------------------


def failed_over(
    groups: tuple[LocalityEndpoints, ...], scope: Scope, settings: Iterable[Failover]
) -> tuple[LocalityEndpoints, ...]:
    """Priorities by distance; after those given already."""
    caller = scope.caller.locality
    return without_gaps(
        [replace(group, priority=group.priority * 5 + distance(caller, group.locality, settings)) for group in groups]
    )


def distance(caller: Locality, other: Locality, settings: Iterable[Failover]) -> int:
    """0 the same subzone, 1 zone, 2 region, 3 elsewhere, 4 elsewhere and not where traffic should fail over to."""
    if caller.region == other.region:
        if caller.zone != other.zone:
            return 2
        return 0 if caller.subzone == other.subzone else 1
    target = next((setting.to for setting in settings if setting.from_ == caller.region), None)
    return 3 if target in (None, other.region) else 4


def without_gaps(groups: Iterable[LocalityEndpoints]) -> tuple[LocalityEndpoints, ...]:
    """Priorities from 0 up, none left out."""
    found = list(groups)
    ranks = {priority: rank for rank, priority in enumerate(sorted({group.priority for group in found}))}
    return tuple(replace(group, priority=ranks[group.priority]) for group in found)


def by_labels(groups: Groups, caller: Mapping[str, str], labels: tuple[str, ...]) -> tuple[LocalityEndpoints, ...]:
    """Priorities by how many of the first labels an endpoint has in common with the caller."""
    split: list[LocalityEndpoints] = []
    for locality in sorted(groups):
        ranked: dict[int, list[Instance]] = {}
        for instance in groups[locality]:
            ranked.setdefault(mismatch(instance.workload.labels, caller, labels), []).append(instance)
        split += [group_of(locality, ranked[rank], rank) for rank in sorted(ranked)]
    return without_gaps(split)


def mismatch(own: Mapping[str, str], caller: Mapping[str, str], labels: tuple[str, ...]) -> int:
    """0 when all agree, else how many labels are left at the first that does not; `label=value` asks for that value."""
    other_network = 0
    for index, label in enumerate(labels):
        name, _, fixed = label.partition("=")
        if (fixed or caller.get(name, "")) != own.get(name, ""):
            if index == 0 and name == NETWORK:
                other_network = len(labels)
                continue
            return len(labels) - index + other_network
    return other_network
