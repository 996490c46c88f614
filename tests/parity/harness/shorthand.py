"""What a case may write short, in full.

routes      a RouteConfiguration; or a list of virtual hosts' routes: one virtual host for everybody
clusters    name -> Cluster without its name; left out: one cluster for each upstream, of its name
to          in a cluster: upstreams as its endpoints; in an endpoint (or a bare word): that upstream's address
typed_dns_resolver_config     `own`: the case's name server; a mapping: c-ares with these settings and that server
upstreams   names, or name -> script of replies; left out: one, called "up", that says ok
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from harness.case import Case, Json

OK = ["ok"]
RESOLVER = "typed_dns_resolver_config"
CARES = "type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
LOCAL = "local"  # the name of the cluster that the node belongs to
PORTS = range(10_000, 30_000)  # below those that the kernel gives to clients


class Place:
    """Loopback addresses of a case's own, always the same: hashes of hosts go by address."""

    def __init__(self, case: Case) -> None:
        spread = int.from_bytes(hashlib.sha256(f"{case.topic}/{case.name}".encode()).digest()[:8], "big")
        self.port = PORTS[spread % len(PORTS)]
        self.net = f"127.{1 + spread // 20_000 % 253}.{spread // 5_060_000 % 256}"
        self.names = list(scripts(case))

    @property
    def front(self) -> tuple[str, int]:
        """Where the listener is."""
        return f"{self.net}.254", self.port

    @property
    def names_at(self) -> tuple[str, int]:
        """Where the name server is."""
        return f"{self.net}.253", self.port

    def at(self, upstream: str) -> tuple[str, int]:
        """Where an upstream is."""
        if upstream not in self.names:
            raise ValueError(f"no upstream is called {upstream!r}")
        return f"{self.net}.{self.names.index(upstream) + 1}", self.port


def scripts(case: Case) -> Mapping[str, Any]:
    """Each upstream with the replies it gives, one after the other; the last one again and again."""
    told = case.told.get("upstreams", ["up"])
    if isinstance(told, list):
        return dict.fromkeys(told, OK)
    return {name: script if isinstance(script, list) else [script] for name, script in told.items()}


def route_table(case: Case) -> Json:
    told = case.told.get("routes", [{"match": {"prefix": "/"}, "route": {"cluster": "up"}}])
    if isinstance(told, list):
        return {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": told}]}
    return dict(told)


def clusters(case: Case, place: Place) -> list[Json]:
    told = case.told.get("clusters") or {name: {"to": [name]} for name in place.names}
    told = asking_own(told, place)
    return [cluster(name, {"connect_timeout": "5s", **(one or {})}, place) for name, one in told.items()]


def zone(told: Any, place: Place) -> Any:
    """What the name server says, with addresses in place of upstreams."""
    if isinstance(told, dict):
        return {name: zone(value, place) for name, value in told.items()}
    if isinstance(told, list):
        return [zone(each, place) for each in told]
    return place.at(told)[0] if told in place.names else told


def asking_own(told: Any, place: Place) -> Any:
    """With the case's name server for whoever wants it."""
    if isinstance(told, list):
        return [asking_own(each, place) for each in told]
    if not isinstance(told, dict):
        return told
    rest = {name: asking_own(value, place) for name, value in told.items()}
    wanted = told.get(RESOLVER)
    if wanted == "own" or (isinstance(wanted, dict) and "typed_config" not in wanted):
        server = {"socket_address": dict(zip(("address", "port_value"), place.names_at, strict=True))}
        config = {"@type": CARES, "resolvers": [server], **(wanted if isinstance(wanted, dict) else {})}
        rest[RESOLVER] = {"name": "envoy.network.dns_resolver.cares", "typed_config": config}
        if told.get("name"):  # of a cache, which Envoy keeps for longer than the case
            rest["name"] = f"{told['name']}-{place.net}"
    return rest


def local_cluster(case: Case, place: Place) -> Json | None:
    """The cluster that the node belongs to itself, where a case has one: Envoy knows it from its bootstrap."""
    if case.local is None:
        return None
    return cluster(LOCAL, {"load_assignment": {"endpoints": case.local["endpoints"]}}, place)


def cluster(name: str, told: Json, place: Place) -> Json:
    """A cluster with its endpoints in it, whatever its type. One that names upstreams only is STATIC."""
    to = told.pop("to", None)
    if to is not None:
        told["load_assignment"] = {"endpoints": [{"lb_endpoints": list(to)}]}
    if "cluster_type" not in told:
        told.setdefault("type", "STATIC")
    if "load_assignment" in told:
        told["load_assignment"] = assignment(name, told["load_assignment"], place)
    return {"name": name, **told}


def assignment(name: str, told: Json, place: Place) -> Json:
    localities = [
        {**each, "lb_endpoints": [endpoint(one, place) for one in each.get("lb_endpoints", [])]}
        for each in told.get("endpoints", [])
    ]
    return {"cluster_name": name, **told, "endpoints": localities}


def endpoint(told: Any, place: Place) -> Json:
    """`up`, or `{to: up, load_balancing_weight: 3}`, or an LbEndpoint in full. What has a dot is a host name."""
    if isinstance(told, str):
        told = {"to": told}
    if "to" not in told:
        return dict(told)
    rest = {name: value for name, value in told.items() if name != "to"}
    host, port = (told["to"], place.port) if "." in told["to"] else place.at(told["to"])
    own = {"address": {"socket_address": {"address": host, "port_value": port}}}
    return {**rest, "endpoint": {**own, **rest.get("endpoint", {})}}
