"""What happens to each field of an upstream TLS context."""

from betterproto2 import Message

from meshio.xds.proto.envoy.extensions.transport_sockets.raw_buffer.v3 import RawBuffer
from meshio.xds.proto.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateProviderPluginInstance,
    CertificateValidationContext,
    CommonTlsContext,
    CommonTlsContextCertificateProviderInstance,
    CommonTlsContextCombinedCertificateValidationContext,
    SdsSecretConfig,
    SubjectAltNameMatcher,
    TlsParameters,
    UpstreamTlsContext,
)
from meshio.xds.rule import Rules, ignored, only, read, rejected

SECRETS = "certificates come by name, from SDS, or from the files that the name says"
CHECKS = "a certificate is checked against its roots and its names, and nothing else"

TLS_FIELDS: dict[type[Message], Rules] = {
    RawBuffer: {},
    UpstreamTlsContext: {
        **read("common_tls_context", "sni", "auto_host_sni", "auto_sni_san_validation"),
        **rejected("Python's TLS does not renegotiate", "allow_renegotiation"),
        **ignored("sessions are not resumed", "max_session_keys"),
        **ignored("the TLS library checks key usage itself", "enforce_rsa_key_usage"),
    },
    CommonTlsContext: {
        **read("tls_params", "tls_certificate_sds_secret_configs", "tls_certificate_provider_instance"),
        **read("tls_certificate_certificate_provider_instance", "validation_context", "alpn_protocols"),
        **read("validation_context_sds_secret_config", "combined_validation_context"),
        **read("validation_context_certificate_provider_instance"),
        **rejected(SECRETS, "tls_certificates", "tls_certificate_certificate_provider"),
        **rejected(SECRETS, "validation_context_certificate_provider"),
        **rejected("code of others' making", "custom_tls_certificate_selector", "custom_handshaker"),
        **ignored("for debugging", "key_log"),
    },
    CommonTlsContextCombinedCertificateValidationContext: {
        **read("default_validation_context", "validation_context_sds_secret_config"),
        **read("validation_context_certificate_provider_instance"),
        **rejected(SECRETS, "validation_context_certificate_provider"),
    },
    CommonTlsContextCertificateProviderInstance: {
        **read("instance_name"),
        **ignored("Istio's provider has one certificate and one set of roots", "certificate_name"),
    },
    CertificateProviderPluginInstance: {
        **read("instance_name"),
        **ignored("Istio's provider has one certificate and one set of roots", "certificate_name"),
    },
    SdsSecretConfig: {**read("name"), **ignored("where the name is looked up is ours to know", "sds_config")},
    TlsParameters: {
        **read("tls_minimum_protocol_version", "tls_maximum_protocol_version"),
        **ignored("the TLS library's own choice, which is at least as strict", "cipher_suites", "ecdh_curves"),
        **ignored("the TLS library's own choice, which is at least as strict", "signature_algorithms"),
        **rejected("the TLS library cannot be held to a policy", "compliance_policies"),
    },
    CertificateValidationContext: {
        **read("trusted_ca", "ca_certificate_provider_instance", "system_root_certs"),
        **read("match_subject_alt_names", "match_typed_subject_alt_names"),
        **rejected(CHECKS, "verify_certificate_spki", "verify_certificate_hash", "crl", "custom_validator_config"),
        **rejected(CHECKS, "allow_expired_certificate", "trust_chain_verification", "max_verify_depth"),
        **rejected(CHECKS, "only_verify_leaf_cert_crl"),
        **only((False,), CHECKS, "require_signed_certificate_timestamp"),
        **ignored("files are read when a connection is made", "watched_directory"),
    },
    SubjectAltNameMatcher: {**read("san_type", "matcher"), **rejected("only DNS and URI names can be compared", "oid")},
}
