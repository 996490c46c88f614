"""How connections of a cluster are secured (istiod: core/cluster_tls.go)."""

from dataclasses import dataclass
from typing import Final

from meshio.controlplane import protocol
from meshio.controlplane.destination_rule import Tls
from meshio.controlplane.mesh_config import MeshConfig
from meshio.controlplane.services import Service, ServicePort
from meshio.upstream.cluster import ClientTls, TlsMatch

OLDEST: Final = "TLSv1.2"
NEWEST: Final = "TLSv1.3"
PEER_EXCHANGE = ("istio-peer-exchange", "istio")
CERTIFICATE, ROOTS = "default", "ROOTCA"


@dataclass(frozen=True, slots=True)
class Security:
    """`tls` for every endpoint, or `matches` to tell by endpoint; neither is plaintext."""

    tls: ClientTls | None = None
    matches: tuple[TlsMatch, ...] = ()


PLAINTEXT = Security()


def sni_of(host: str, port: int, subset: str) -> str:
    """What an east-west gateway routes by."""
    return f"outbound_.{port}_.{subset}_.{host}"


def security(wanted: Tls | None, service: Service, port: ServicePort, subset: str, http2: bool) -> Security:
    """What a DestinationRule asks for. Where it says nothing, `automatic` decides."""
    if wanted is None or wanted.mode == "DISABLE":
        return PLAINTEXT
    if wanted.mode == "ISTIO_MUTUAL":
        names = wanted.subject_alt_names or service.accounts
        return Security(mutual(wanted.sni or sni_of(service.host, port.number, subset), names, http2))
    names = wanted.subject_alt_names or (() if service.kubernetes else service.accounts)
    roots = wanted.ca_certificates or "system"
    pair = f"file-cert:{wanted.client_certificate}~{wanted.private_key}" if wanted.mode == "MUTUAL" else ""
    return Security(
        ClientTls(
            sni=wanted.sni,
            certificate=pair,
            roots="" if wanted.insecure_skip_verify else f"file-root:{roots}",
            subject_names=() if wanted.insecure_skip_verify else names,
            alpn=("h2",) if http2 else (),
            minimum=OLDEST,
            maximum=NEWEST,
            auto_sni=not wanted.sni,
            auto_san=not wanted.sni and not wanted.subject_alt_names and not wanted.insecure_skip_verify,
        )
    )


def automatic(service: Service, port: ServicePort, subset: str, http2: bool, mesh: MeshConfig) -> Security:
    """Automatic mutual TLS: with endpoints that can, and with all or none where the caller picks the address."""
    if service.external or not mesh.enable_auto_mtls:
        return PLAINTEXT
    tls = mutual(sni_of(service.host, port.number, subset), service.accounts, http2)
    if service.resolution == "NONE":
        found = service.instances.get(port.number, ())
        capable = bool(found) and all(each.workload.tls_mode == "istio" for each in found)
        return Security(tls) if capable else PLAINTEXT
    by_endpoint = TlsMatch("tlsMode-istio", (("tlsMode", "istio"),), tls)
    return Security(matches=(by_endpoint, TlsMatch("tlsMode-disabled", (), None)))


def mutual(sni: str, names: tuple[str, ...], http2: bool) -> ClientTls:
    return ClientTls(
        sni=sni,
        certificate=CERTIFICATE,
        roots=ROOTS,
        subject_names=names,
        alpn=(*PEER_EXCHANGE, "h2") if http2 else PEER_EXCHANGE,
        minimum=OLDEST,
        maximum=NEWEST,
    )


def speaks_http2(port: ServicePort) -> bool:
    return port.protocol in protocol.HTTP2
