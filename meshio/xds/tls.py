"""Transport sockets of clusters -> `ClientTls`."""

from collections.abc import Iterator

from meshio.upstream.cluster import ClientTls, TlsMatch, TlsVersion
from meshio.xds.extension import open_message, type_of
from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.cluster.v3 import ClusterTransportSocketMatch
from meshio.xds.proto.envoy.config.core.v3 import TransportSocket, UpstreamHttpProtocolOptions
from meshio.xds.proto.envoy.extensions.transport_sockets.raw_buffer.v3 import RawBuffer
from meshio.xds.proto.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateProviderPluginInstance,
    CertificateValidationContext,
    CommonTlsContext,
    CommonTlsContextCertificateProviderInstance,
    SubjectAltNameMatcherSanType,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from meshio.xds.proto.envoy.type.matcher.v3 import StringMatcher
from meshio.xds.shared import shared

TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
RAW = "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"
Protocol = TlsParametersTlsProtocol
NEWEST: dict[int, TlsVersion] = {Protocol.TLS_AUTO: "", Protocol.TLSv1_2: "TLSv1.2", Protocol.TLSv1_3: "TLSv1.3"}
OLDEST: dict[int, TlsVersion] = NEWEST | {Protocol.TLSv1_0: "", Protocol.TLSv1_1: ""}  # older ones are never spoken
NAME_TYPES = (SubjectAltNameMatcherSanType.DNS, SubjectAltNameMatcherSanType.URI)
Auto = UpstreamHttpProtocolOptions | None
"""Where a cluster says that SNI and the expected name come from the request's authority."""

Provider = CertificateProviderPluginInstance | CommonTlsContextCertificateProviderInstance | None


def translate_socket(place: Place, socket: TransportSocket | None, http: Auto) -> ClientTls | None:
    """How connections are secured; None for plain ones."""
    if socket is None:
        return None
    kind = type_of(place.at("typed_config"), socket.typed_config)
    raw = socket.typed_config.value if socket.typed_config is not None else b""
    if kind == TLS:
        here = place.at("typed_config")
        return client_tls(here, open_message(here, UpstreamTlsContext, raw), http)
    if kind == RAW or (not kind and socket.name == "envoy.transport_sockets.raw_buffer"):
        open_message(place.at("typed_config"), RawBuffer, raw)
        return None
    raise place.rejected(f"transport socket {socket.name!r} ({kind or 'without a type'}) is not supported")


def translate_matches(place: Place, matches: list[ClusterTransportSocketMatch], http: Auto) -> tuple[TlsMatch, ...]:
    """Which endpoints get which TLS, by their metadata, in order."""
    return tuple(translate_one(place.at("transport_socket_matches", i), each, http) for i, each in enumerate(matches))


def translate_one(place: Place, each: ClusterTransportSocketMatch, http: Auto) -> TlsMatch:
    """One entry. Istio's conditions are texts; others are refused."""
    if each.transport_socket is None:
        raise place.rejected("is required", "transport_socket")
    texts = each.match.fields if each.match is not None else {}
    wanted = tuple(sorted((key, value.string_value) for key, value in texts.items() if value.string_value is not None))
    if len(wanted) != len(texts):
        raise place.rejected("only texts can be compared", "match")
    tls = translate_socket(place.at("transport_socket"), each.transport_socket, http)
    match = TlsMatch(each.name, shared(wanted), tls)
    return shared(match) if tls is None else match


def client_tls(place: Place, context: UpstreamTlsContext, http: Auto) -> ClientTls:
    """An UpstreamTlsContext."""
    common, here = context.common_tls_context or CommonTlsContext(), place.at("common_tls_context")
    least, most = versions(here, common)
    return ClientTls(
        sni=context.sni,
        certificate=certificate(here, common),
        roots=roots(common),
        subject_names=tuple(name for each in validations(common) for name in subject_names(here, each)),
        alpn=tuple(common.alpn_protocols),
        minimum=least,
        maximum=most,
        auto_sni=context.auto_host_sni or (http is not None and http.auto_sni),
        auto_san=context.auto_sni_san_validation or (http is not None and http.auto_san_validation),
    )


def versions(place: Place, common: CommonTlsContext) -> tuple[TlsVersion, TlsVersion]:
    """Least and greatest TLS version; "" leaves it to the TLS library."""
    if common.tls_params is None:
        return "", ""
    least = OLDEST.get(common.tls_params.tls_minimum_protocol_version)
    most = NEWEST.get(common.tls_params.tls_maximum_protocol_version)
    if least is None:
        raise place.rejected("is an unknown version", "tls_params.tls_minimum_protocol_version")
    if most is None:
        raise place.rejected("must be TLS 1.2 or newer", "tls_params.tls_maximum_protocol_version")
    return least, most


def certificate(place: Place, common: CommonTlsContext) -> str:
    """The name of our own certificate: an SDS secret, or `provider:NAME` of a bootstrap file."""
    secrets = common.tls_certificate_sds_secret_configs
    if len(secrets) > 1:
        raise place.rejected("only one certificate is supported", "tls_certificate_sds_secret_configs")
    if secrets:
        return secrets[0].name
    provider = common.tls_certificate_provider_instance or common.tls_certificate_certificate_provider_instance
    return provided(provider)


def provided(provider: Provider) -> str:
    return f"provider:{provider.instance_name}" if provider is not None else ""


def roots(common: CommonTlsContext) -> str:
    """The name of the trusted roots: an SDS secret, `provider:NAME`, `file-root:PATH`, or `file-root:system`."""
    combined = common.combined_validation_context
    secret = common.validation_context_sds_secret_config
    if secret is None and combined is not None:
        secret = combined.validation_context_sds_secret_config
    if secret is not None:
        return secret.name
    for context in validations(common):
        if name := named_roots(context):
            return name
    old = combined.validation_context_certificate_provider_instance if combined is not None else None
    return provided(common.validation_context_certificate_provider_instance or old)


def named_roots(context: CertificateValidationContext) -> str:
    """The roots of a validation context."""
    if context.trusted_ca is not None and context.trusted_ca.filename is not None:
        return f"file-root:{context.trusted_ca.filename}"
    if context.system_root_certs is not None:
        return "file-root:system"
    return provided(context.ca_certificate_provider_instance)


def validations(common: CommonTlsContext) -> Iterator[CertificateValidationContext]:
    """The validation context, wherever it is."""
    if common.validation_context is not None:
        yield common.validation_context
    combined = common.combined_validation_context
    if combined is not None and combined.default_validation_context is not None:
        yield combined.default_validation_context


def subject_names(place: Place, context: CertificateValidationContext) -> Iterator[str]:
    """The names of which the peer's certificate must have one; exact ones only."""
    if context.trusted_ca is not None and context.trusted_ca.filename is None:
        raise place.rejected("only a file can hold roots", "validation_context.trusted_ca")
    for matcher in context.match_subject_alt_names:
        yield exact(place.at("match_subject_alt_names"), matcher)
    for typed in context.match_typed_subject_alt_names:
        if typed.san_type not in NAME_TYPES or typed.matcher is None:
            raise place.rejected("only DNS and URI names can be compared", "match_typed_subject_alt_names")
        yield exact(place.at("match_typed_subject_alt_names"), typed.matcher)


def exact(place: Place, matcher: StringMatcher) -> str:
    """The text of an exact match. Anything wider is refused rather than taken for less."""
    if not matcher.exact or matcher.ignore_case:
        raise place.rejected("only exact names are supported")
    return matcher.exact
