"""Transport sockets of a cluster: what each becomes."""

import pytest

from meshio.upstream.cluster import ClientTls, TlsMatch
from meshio.xds.proto.envoy.config.core.v3 import DataSource, TransportSocket, UpstreamHttpProtocolOptions
from meshio.xds.proto.envoy.extensions.transport_sockets.raw_buffer.v3 import RawBuffer
from meshio.xds.proto.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateProviderPluginInstance,
    CertificateValidationContext,
    CommonTlsContext,
    CommonTlsContextCombinedCertificateValidationContext,
    SdsSecretConfig,
    SubjectAltNameMatcher,
    TlsParameters,
)
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptions as Upstream
from meshio.xds.proto.envoy.extensions.upstreams.http.v3 import HttpProtocolOptionsAutoHttpConfig
from meshio.xds.proto.google.protobuf import Any
from tests.xds.clusters import cluster, decode, exactly, matched, socket, spoken

ISTIO = CommonTlsContext(
    tls_params=TlsParameters(3, 4),  # type: ignore[arg-type]
    tls_certificate_sds_secret_configs=[SdsSecretConfig("default")],
    combined_validation_context=CommonTlsContextCombinedCertificateValidationContext(
        CertificateValidationContext(match_subject_alt_names=[exactly("spiffe://a"), exactly("spiffe://b")]),
        SdsSecretConfig("ROOTCA"),
    ),
    alpn_protocols=["istio"],
)
TLS = {
    "Istio's": (
        socket(ISTIO, sni="s"),
        ClientTls("s", "default", "ROOTCA", ("spiffe://a", "spiffe://b"), ("istio",), "TLSv1.2", "TLSv1.3"),
    ),
    "a file of roots": (
        socket(CommonTlsContext(validation_context=CertificateValidationContext(DataSource(filename="/r.pem")))),
        ClientTls(roots="file-root:/r.pem"),
    ),
    "the system's roots": (
        socket(CommonTlsContext(validation_context=CertificateValidationContext(system_root_certs=b""))),
        ClientTls(roots="file-root:system"),
    ),
    "roots by SDS": (
        socket(CommonTlsContext(validation_context_sds_secret_config=SdsSecretConfig("r"))),
        ClientTls(roots="r"),
    ),
    "from a provider": (
        socket(
            CommonTlsContext(
                tls_certificate_provider_instance=CertificateProviderPluginInstance("d"),
                validation_context=CertificateValidationContext(
                    ca_certificate_provider_instance=CertificateProviderPluginInstance("d"),
                    match_typed_subject_alt_names=[SubjectAltNameMatcher(3, exactly("u"))],  # type: ignore[arg-type]
                ),
            )
        ),
        ClientTls(certificate="provider:d", roots="provider:d", subject_names=("u",)),
    ),
    "names from the request": (
        socket(CommonTlsContext(), auto_host_sni=True, auto_sni_san_validation=True),
        ClientTls(auto_sni=True, auto_san=True),
    ),
    "plain": (TransportSocket("raw", Any.pack(RawBuffer())), None),
    "plain by name": (TransportSocket("envoy.transport_sockets.raw_buffer"), None),
}


@pytest.mark.parametrize("case", TLS)
def test_a_transport_socket_becomes_its_tls(case: str) -> None:
    message, expected = TLS[case]
    assert decode(cluster(transport_socket=message)).tls == expected


def test_sni_from_the_request_is_said_in_the_protocol_options_too() -> None:
    auto = UpstreamHttpProtocolOptions(auto_sni=True, auto_san_validation=True)
    options = Upstream(upstream_http_protocol_options=auto, auto_config=HttpProtocolOptionsAutoHttpConfig())
    message = spoken(options)
    message.transport_socket = socket(CommonTlsContext())
    assert decode(message).tls == ClientTls(auto_sni=True, auto_san=True)


def test_endpoints_choose_their_tls_by_metadata() -> None:
    message = cluster(transport_socket_matches=matched(tlsMode="istio"))
    assert decode(message).tls_matches == (TlsMatch("m", (("tlsMode", "istio"),), None),)
