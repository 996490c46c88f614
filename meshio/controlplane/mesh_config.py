"""MeshConfig: the settings of the mesh, from a file `mesh.yaml` (or `meshconfig.yaml`) without kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from meshio.controlplane.destination_rule import LocalityLb
from meshio.controlplane.schema import Part, Seconds
from meshio.controlplane.virtual_service import HttpRetry

FILES = frozenset({"mesh", "meshconfig", "mesh-config"})
CONNECT_TIMEOUT = Seconds(10.0)
DNS_REFRESH_RATE = Seconds(60.0)


@dataclass(frozen=True, kw_only=True)
class OutboundTrafficPolicy(Part):
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {"tls": "only ALLOW_ANY_DYNAMIC_DNS uses it"}

    mode: Literal["ALLOW_ANY", "REGISTRY_ONLY"] = "ALLOW_ANY"


@dataclass(frozen=True, kw_only=True)
class PathRules(Part):
    """`pathNormalization`."""

    normalization: Literal["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"] = "DEFAULT"


@dataclass(frozen=True, kw_only=True)
class MeshConfig(Part):
    IGNORED = frozenset(
        "accessLogFile accessLogFormat accessLogEncoding enableTracing defaultConfig extensionProviders"
        " defaultProviders enablePrometheusMerge ingressControllerMode ingressService ingressSelector ingressClass"
        " proxyListenPort proxyInboundListenPort proxyHttpPort enableEnvoyAccessLogService disableEnvoyListenerLog"
        " discoverySelectors certificates caCertificates meshMTLS verifyCertificateAtClient configSources".split()
    )
    UNSUPPORTED: ClassVar[Mapping[str, str]] = {
        "defaultTrafficPolicy": "write a DestinationRule in the root namespace",
        "tlsDefaults": "TLS 1.2 and 1.3 with the usual ciphers are used",
        "tcpKeepalive": "set it in a DestinationRule",
        "outboundClusterStatName": "clusters keep their own names",
        "serviceSettings": "every service is visible",
        "trustDomainAliases": "one trust domain is used",
        "zoneAwareLbSetting": "use localityLbSetting",
        "protocolDetectionTimeout": "the protocol of a request is known to its client",
    }

    outbound_traffic_policy: OutboundTrafficPolicy = OutboundTrafficPolicy()
    trust_domain: str = "cluster.local"
    root_namespace: str = "istio-system"
    enable_auto_mtls: bool = True
    default_http_retry_policy: HttpRetry | None = None
    connect_timeout: Seconds = CONNECT_TIMEOUT
    dns_refresh_rate: Seconds = DNS_REFRESH_RATE
    h2_upgrade_policy: Literal["DO_NOT_UPGRADE", "UPGRADE"] = "DO_NOT_UPGRADE"
    locality_lb_setting: LocalityLb = field(default_factory=LocalityLb)
    path_normalization: PathRules = PathRules()
    default_service_export_to: tuple[str, ...] = ()
    default_virtual_service_export_to: tuple[str, ...] = ()
    default_destination_rule_export_to: tuple[str, ...] = ()
