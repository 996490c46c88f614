"""Load balancing: what each policy of a cluster becomes."""

from datetime import timedelta

import pytest

from meshio.balancing.cluster_provided import ClusterProvided
from meshio.balancing.consistent import Consistency
from meshio.balancing.hashing import HashHeader
from meshio.balancing.least_request import LeastRequest
from meshio.balancing.maglev import Maglev
from meshio.balancing.ring_hash import RingHash
from meshio.balancing.round_robin import RoundRobin
from meshio.balancing.slow_start import SlowStart
from meshio.balancing.uniform import Random
from meshio.balancing.zone import ZoneAware
from meshio.xds.proto.envoy.config.cluster.v3 import (
    ClusterCommonLbConfig,
    ClusterCommonLbConfigConsistentHashingLbConfig,
    ClusterCommonLbConfigLocalityWeightedLbConfig,
    ClusterLeastRequestLbConfig,
    ClusterMaglevLbConfig,
    ClusterRingHashLbConfig,
    ClusterRoundRobinLbConfig,
    ClusterSlowStartConfig,
    LoadBalancingPolicy,
    LoadBalancingPolicyPolicy,
)
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterDiscoveryType as Type
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterLbPolicy as Lb
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterRingHashLbConfigHashFunction as OldHash
from meshio.xds.proto.envoy.config.core.v3 import RuntimeDouble, TypedExtensionConfig
from meshio.xds.proto.envoy.config.route.v3 import RouteActionHashPolicy, RouteActionHashPolicyHeader
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    ConsistentHashingLbConfig,
    LocalityLbConfig,
    LocalityLbConfigLocalityWeightedLbConfig,
    SlowStartConfig,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    LocalityLbConfigZoneAwareLbConfig as NewZones,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.common.v3 import (
    LocalityLbConfigZoneAwareLbConfigForceLocalZone as Forced,
)
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import LeastRequest as LeastMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.least_request.v3 import LeastRequestSelectionMethod
from meshio.xds.proto.envoy.extensions.load_balancing_policies.random.v3 import Random as RandomMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHash as RingMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.ring_hash.v3 import RingHashHashFunction
from meshio.xds.proto.envoy.extensions.load_balancing_policies.round_robin.v3 import RoundRobin as RobinMessage
from meshio.xds.proto.envoy.extensions.load_balancing_policies.wrr_locality.v3 import WrrLocality
from meshio.xds.proto.envoy.type.v3 import Percent
from meshio.xds.proto.google.protobuf import Any
from tests.xds.clusters import LOCALITIES, UNKNOWN, cluster, decode, extended

SCAN = LeastRequestSelectionMethod.FULL_SCAN

POLICIES = {
    "round robin": (cluster(), RoundRobin(), False),
    "least request": (cluster(lb_policy=Lb.LEAST_REQUEST), LeastRequest(), False),
    "least of five": (
        cluster(
            lb_policy=Lb.LEAST_REQUEST,
            least_request_lb_config=ClusterLeastRequestLbConfig(5, RuntimeDouble(0.5)),
        ),
        LeastRequest(5, 0.5),
        False,
    ),
    "a slow start": (
        cluster(
            round_robin_lb_config=ClusterRoundRobinLbConfig(
                ClusterSlowStartConfig(timedelta(seconds=30), RuntimeDouble(2.0), Percent(5.0))
            )
        ),
        RoundRobin(SlowStart(30.0, 2.0, 5.0)),
        False,
    ),
    "a slow start with defaults": (
        cluster(
            lb_policy=Lb.LEAST_REQUEST,
            least_request_lb_config=ClusterLeastRequestLbConfig(
                slow_start_config=ClusterSlowStartConfig(timedelta(seconds=30))
            ),
        ),
        LeastRequest(slow_start=SlowStart(30.0, 1.0, 10.0)),
        False,
    ),
    "a slow start without a window": (
        cluster(round_robin_lb_config=ClusterRoundRobinLbConfig(ClusterSlowStartConfig())),
        RoundRobin(),
        False,
    ),
    "a slow start of an extension": (
        extended(RobinMessage(slow_start_config=SlowStartConfig(timedelta(seconds=3)))),
        RoundRobin(SlowStart(3.0)),
        False,
    ),
    "a slow start without growth": (
        extended(
            RobinMessage(slow_start_config=SlowStartConfig(timedelta(seconds=3), RuntimeDouble(0.0))),
        ),
        RoundRobin(SlowStart(3.0)),
        False,
    ),
    "a negative bias": (
        extended(LeastMessage(active_request_bias=RuntimeDouble(-1.0))),
        LeastRequest(),
        False,
    ),
    "the least of all": (extended(LeastMessage(selection_method=SCAN)), LeastRequest(full_scan=True), False),
    "the least of all, said the older way": (
        extended(LeastMessage(enable_full_scan=True)),
        LeastRequest(full_scan=True),
        False,
    ),
    "Murmur": (
        cluster(lb_policy=Lb.RING_HASH, ring_hash_lb_config=ClusterRingHashLbConfig(hash_function=OldHash(1))),
        RingHash(murmur=True),
        False,
    ),
    "Murmur of an extension": (
        extended(RingMessage(hash_function=RingHashHashFunction.MURMUR_HASH_2)),
        RingHash(murmur=True),
        False,
    ),
    "consistency in the cluster": (
        cluster(
            type=Type.STRICT_DNS,
            lb_policy=Lb.MAGLEV,
            common_lb_config=ClusterCommonLbConfig(
                consistent_hashing_lb_config=ClusterCommonLbConfigConsistentHashingLbConfig(True, 125)
            ),
        ),
        Maglev(consistency=Consistency(True, 125)),
        False,
    ),
    "consistency of a ring, said the older way": (
        extended(RingMessage(use_hostname_for_hashing=True, hash_balance_factor=150)),
        RingHash(consistency=Consistency(True, 150)),
        False,
    ),
    "consistency of a ring": (
        extended(
            RingMessage(
                use_hostname_for_hashing=True,
                consistent_hashing_lb_config=ConsistentHashingLbConfig(
                    hash_policy=[RouteActionHashPolicy(header=RouteActionHashPolicyHeader("x-user"))]
                ),
            )
        ),
        RingHash(consistency=Consistency(policies=(HashHeader("x-user"),))),
        False,
    ),
    "random": (cluster(lb_policy=Lb.RANDOM), Random(), False),
    "ring": (
        cluster(lb_policy=Lb.RING_HASH, ring_hash_lb_config=ClusterRingHashLbConfig(10, maximum_ring_size=20)),
        RingHash(10, 20),
        False,
    ),
    "Maglev": (cluster(lb_policy=Lb.MAGLEV, maglev_lb_config=ClusterMaglevLbConfig(251)), Maglev(251), False),
    "provided": (
        cluster(type=Type.ORIGINAL_DST, lb_policy=Lb.CLUSTER_PROVIDED),
        ClusterProvided(),
        False,
    ),
    "by locality": (
        cluster(
            common_lb_config=ClusterCommonLbConfig(
                locality_weighted_lb_config=ClusterCommonLbConfigLocalityWeightedLbConfig()
            )
        ),
        RoundRobin(),
        True,
    ),
    "the first extension that is known": (extended(UNKNOWN, RandomMessage(), RobinMessage()), Random(), False),
    "an extension wins": (extended(LeastMessage(choice_count=3)), LeastRequest(3), False),
    "an extension by locality": (extended(RobinMessage(locality_lb_config=LOCALITIES)), RoundRobin(), True),
    "a ring by locality": (
        extended(RingMessage(locality_weighted_lb_config=LocalityLbConfigLocalityWeightedLbConfig())),
        RingHash(),
        True,
    ),
    "localities, then another": (
        extended(
            WrrLocality(
                LoadBalancingPolicy([LoadBalancingPolicyPolicy(TypedExtensionConfig("x", Any.pack(RandomMessage())))])
            )
        ),
        Random(),
        True,
    ),
}


@pytest.mark.parametrize("case", POLICIES)
def test_each_policy_becomes_its_value(case: str) -> None:
    message, policy, by_locality = POLICIES[case]
    value = decode(message)
    assert (value.policy, value.locality_weighted) == (policy, by_locality)


@pytest.mark.parametrize(
    ("said", "zone"),
    [
        (NewZones(), ZoneAware()),
        (NewZones(Percent(50.7), 2, True), ZoneAware(50, 2, True)),
        (NewZones(force_locality_direct_routing=True), ZoneAware(forced=1)),
        (NewZones(force_local_zone=Forced()), ZoneAware(forced=1)),
        (NewZones(force_locality_direct_routing=True, force_local_zone=Forced(5)), ZoneAware(forced=5)),
        (NewZones(locality_basis=1), ZoneAware(by_weight=True)),
        (NewZones(locality_basis=7), ZoneAware()),  # Envoy takes what it does not know, too
    ],
)
def test_zones_by_a_policy(said: NewZones, zone: ZoneAware) -> None:
    value = decode(extended(LeastMessage(locality_lb_config=LocalityLbConfig(zone_aware_lb_config=said))))
    assert (value.zone_aware, value.locality_weighted) == (zone, False)
