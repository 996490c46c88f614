"""Which traffic policy applies to a port of a subset (istiod: MergeSubsetTrafficPolicy)."""

from dataclasses import replace

from meshio.controlplane.destination_rule import ConsistentHash, DestinationRule, Subset, TrafficPolicy

NO_POLICY = TrafficPolicy()


def subset_of(rule: DestinationRule, name: str) -> Subset | None:
    return next((subset for subset in rule.subsets if subset.name == name), None)


def policy_for(rule: DestinationRule, port: int, subset: Subset | None = None) -> TrafficPolicy:
    """Port over destination (nothing is inherited then), subset over both (what it does not say is inherited)."""
    whole = port_policy(rule.traffic_policy, port) or NO_POLICY
    own = subset.traffic_policy if subset is not None else None
    if own is None:
        return whole
    at_port = port_policy(own, port)
    if rule.traffic_policy is None or at_port is None:
        return at_port or own
    if at_port is not own:
        return replace(at_port, retry_budget=whole.retry_budget)
    return replace(
        own,
        load_balancer=own.load_balancer or whole.load_balancer,
        connection_pool=own.connection_pool or whole.connection_pool,
        outlier_detection=own.outlier_detection or whole.outlier_detection,
        tls=own.tls or whole.tls,
        retry_budget=own.retry_budget or whole.retry_budget,
    )


def port_policy(policy: TrafficPolicy | None, port: int) -> TrafficPolicy | None:
    """The policy of one port where there is one, else the policy itself."""
    for each in policy.port_level_settings if policy is not None else ():
        if each.port.number == port:
            return TrafficPolicy(
                load_balancer=each.load_balancer,
                connection_pool=each.connection_pool,
                outlier_detection=each.outlier_detection,
                tls=each.tls,
            )
    return policy


def hash_of(policy: TrafficPolicy | None) -> ConsistentHash | None:
    balancer = policy.load_balancer if policy is not None else None
    return balancer.consistent_hash if balancer is not None else None


def port_hash(policy: TrafficPolicy | None, port: int | None) -> ConsistentHash | None:
    """The consistent hash that a policy gives one port of its own."""
    for each in policy.port_level_settings if policy is not None else ():
        if each.port.number == port and each.load_balancer is not None:
            return each.load_balancer.consistent_hash
    return None


def destination_hash(rule: DestinationRule, subset: Subset | None, port: int | None) -> ConsistentHash | None:
    """What routes to a destination hash (istiod: HashForHTTPDestination); `port` is what the destination names."""
    own = subset.traffic_policy if subset is not None else None
    return port_hash(own, port) or hash_of(own) or port_hash(rule.traffic_policy, port) or hash_of(rule.traffic_policy)
