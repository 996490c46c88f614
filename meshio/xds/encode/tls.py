"""ClientTls -> UpstreamTlsContext."""

from datetime import timedelta

from meshio.upstream.cluster import ClientTls, Cluster, TlsMatch
from meshio.xds.encode.parts import over_ads, packed
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterTransportSocketMatch
from meshio.xds.proto.envoy.config.core.v3 import TransportSocket
from meshio.xds.proto.envoy.config.core.v3 import UpstreamHttpProtocolOptions as Automatic
from meshio.xds.proto.envoy.extensions.transport_sockets.raw_buffer.v3 import RawBuffer
from meshio.xds.proto.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    CommonTlsContextCombinedCertificateValidationContext,
    SdsSecretConfig,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from meshio.xds.proto.envoy.type.matcher.v3 import StringMatcher
from meshio.xds.proto.google.protobuf import Struct

SECRET_PATIENCE = timedelta(seconds=1)
VERSIONS = {
    "": TlsParametersTlsProtocol.TLS_AUTO,
    "TLSv1.2": TlsParametersTlsProtocol.TLSv1_2,
    "TLSv1.3": TlsParametersTlsProtocol.TLSv1_3,
}


def encode_socket(tls: ClientTls | None, automatic: Automatic) -> TransportSocket:
    """None is plaintext. What is automatic in the whole cluster is not said again."""
    if tls is None:
        return TransportSocket(name="envoy.transport_sockets.raw_buffer", typed_config=packed(RawBuffer()))
    context = UpstreamTlsContext(
        common_tls_context=encode_context(tls),
        sni=tls.sni,
        auto_host_sni=tls.auto_sni and not automatic.auto_sni,
        auto_sni_san_validation=tls.auto_san and not automatic.auto_san_validation,
    )
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=packed(context))


def encode_socket_match(match: TlsMatch, automatic: Automatic) -> ClusterTransportSocketMatch:
    """Of the endpoints with this metadata."""
    return ClusterTransportSocketMatch(
        name=match.name,
        match=Struct.from_dict(dict(match.match)),
        transport_socket=encode_socket(match.tls, automatic),
    )


def automatic_in(cluster: Cluster) -> Automatic:
    """Server names that all TLS contexts of a cluster take from the request."""
    contexts = [tls for tls in (cluster.tls, *(match.tls for match in cluster.tls_matches)) if tls]
    return Automatic(
        auto_sni=bool(contexts) and all(tls.auto_sni for tls in contexts),
        auto_san_validation=bool(contexts) and all(tls.auto_san for tls in contexts),
    )


def encode_context(tls: ClientTls) -> CommonTlsContext:
    encoded = CommonTlsContext(
        alpn_protocols=list(tls.alpn),
        tls_certificate_sds_secret_configs=[secret(tls.certificate)] if tls.certificate else [],
    )
    if tls.minimum or tls.maximum:
        encoded.tls_params = TlsParameters(
            tls_minimum_protocol_version=VERSIONS[tls.minimum], tls_maximum_protocol_version=VERSIONS[tls.maximum]
        )
    names = CertificateValidationContext(
        match_subject_alt_names=[StringMatcher(exact=name) for name in tls.subject_names]
    )
    if tls.roots:
        encoded.combined_validation_context = CommonTlsContextCombinedCertificateValidationContext(
            default_validation_context=names, validation_context_sds_secret_config=secret(tls.roots)
        )
    elif tls.subject_names:
        encoded.validation_context = names
    return encoded


def secret(name: str) -> SdsSecretConfig:
    """A secret by name. It is not served here; a proxy that asks for it must not wait for ever."""
    source = over_ads()
    source.initial_fetch_timeout = SECRET_PATIENCE
    return SdsSecretConfig(name=name, sds_config=source)
