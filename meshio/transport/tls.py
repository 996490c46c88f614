"""TLS towards an upstream: what the cluster asks for, or what an https URL asks for.

Identities that come over SDS (mutual TLS inside of the mesh) are refused with a text that says what to do;
nothing falls back to plaintext.
"""

import ssl
from dataclasses import dataclass

from meshio.errors import ConnectFailed
from meshio.upstream.cluster import ClientTls

SYSTEM_ROOTS = "file-root:system"  # istiod's SDS name for the operating system's trust store
FILE_ROOTS = "file-root:"  # ... and for a file with PEM certificates
OLDEST = {"": ssl.TLSVersion.TLSv1_2, "TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}
NEWEST = OLDEST | {"": ssl.TLSVersion.MAXIMUM_SUPPORTED}
APPLICATION = ClientTls(roots=SYSTEM_ROOTS, auto_sni=True, auto_san=True)


@dataclass(frozen=True, slots=True)
class Security:
    """TLS of one pool. The certificate has to carry one of `subject_names`; () asks for none."""

    context: ssl.SSLContext
    server_name: str
    subject_names: tuple[str, ...] = ()


def new_context(tls: ClientTls) -> ssl.SSLContext:
    """What the standard library needs to know. Raises ConnectFailed for what cannot be done."""
    if tls.certificate:
        raise ConnectFailed(
            f"the mesh wants mutual TLS with the identity {tls.certificate!r}, which this version does not support "
            "yet: make PeerAuthentication PERMISSIVE and the DestinationRule's tls mode DISABLE or SIMPLE",
            "mutual TLS identities are not supported",
        )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = tls.auto_san
    trust(context, tls.roots)
    context.minimum_version = OLDEST[tls.minimum]
    context.maximum_version = NEWEST[tls.maximum]
    context.set_alpn_protocols(["http/1.1"])  # whatever is configured: it is all that we speak
    return context


def trust(context: ssl.SSLContext, roots: str) -> None:
    """Without roots every certificate is taken, as Envoy does. Raises ConnectFailed."""
    if roots == SYSTEM_ROOTS:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    elif roots.startswith(FILE_ROOTS):
        load_file(context, roots.removeprefix(FILE_ROOTS))
    elif roots:
        raise ConnectFailed(
            f"the roots {roots!r} come over SDS, which this version does not support yet: "
            "name a CA file (caCertificates) or use the system's trust store",
            "mutual TLS identities are not supported",
        )
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE


def load_file(context: ssl.SSLContext, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise ConnectFailed(f"cannot load CA certificates from {path}: {error}", "no usable CA file") from error


def carries(names: tuple[str, ...], certificate: dict[str, tuple[tuple[str, str], ...]] | None) -> bool:
    """Whether one of the certificate's SANs is asked for. A wildcard covers one label, as in Envoy."""
    carried = [value for _, value in (certificate or {}).get("subjectAltName", ())]
    return any(name == san or covers(san, name) for name in names for san in carried)


def covers(wildcard: str, name: str) -> bool:
    return wildcard.startswith("*.") and name.partition(".")[2] == wildcard[2:]
