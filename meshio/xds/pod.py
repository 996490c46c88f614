"""What an injected pod knows about itself: environment variables and the downward API's files.

Istio: pkg/bootstrap/config.go (metadata), pkg/model/proxy.go (its keys), pilot/pkg/model/context.go (node id).
"""

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from meshio.errors import ConfigError

Metadata: TypeAlias = Mapping[str, object]

DOMAIN = "cluster.local"
ISTIO_VERSION = "1.29.0"  # the version whose configuration the golden recordings hold; istiod gates features by it
META, META_JSON = "ISTIO_META_", "ISTIO_METAJSON_"
REFUSED = {"GENERATOR", "ENABLE_HBONE"}  # the gRPC subset, and tunnels that are not spoken here


def read_text(path: str) -> str:
    return Path(path).read_text("utf-8")


@dataclass(frozen=True, slots=True)
class Files:
    """Where Istio's injection puts things in a pod, and how they are read (OSError where there is none)."""

    labels: str = "/etc/istio/pod/labels"
    annotations: str = "/etc/istio/pod/annotations"
    roots: str = "/var/run/secrets/istio/root-cert.pem"
    token: str = "/var/run/secrets/tokens/istio-token"
    resolver: str = "/etc/resolv.conf"
    read: Callable[[str], str] = read_text


def pod_name(environ: Mapping[str, str]) -> str:
    return environ.get("POD_NAME") or environ.get("HOSTNAME") or "localhost"


def pod_namespace(environ: Mapping[str, str]) -> str:
    return environ.get("POD_NAMESPACE") or "default"


def node_id(environ: Mapping[str, str], files: Files) -> str:
    """`sidecar~ip~pod.namespace~namespace.svc.domain`"""
    namespace = pod_namespace(environ)
    address = environ.get("INSTANCE_IP") or environ.get("POD_IP") or "127.0.0.1"
    domain = search_domain(namespace, files) or f"{namespace}.svc.{DOMAIN}"
    return f"sidecar~{address}~{pod_name(environ)}.{namespace}~{domain}"


def search_domain(namespace: str, files: Files) -> str:
    """The pod's domain as kubelet wrote it into the resolver's search list; "" outside of a cluster."""
    for line in optional(files.resolver, files).splitlines():
        keyword, *domains = line.split() or [""]
        if keyword == "search":
            return next((domain for domain in domains if domain.startswith(f"{namespace}.svc.")), "")
    return ""


def pod_metadata(environ: Mapping[str, str], files: Files) -> Metadata:
    """Istio's node metadata. Raises ConfigError for labels, annotations or JSON that do not parse."""
    metadata: dict[str, object] = {
        "NAME": pod_name(environ),
        "NAMESPACE": pod_namespace(environ),
        "INSTANCE_IPS": environ.get("INSTANCE_IP") or environ.get("POD_IP") or "127.0.0.1",
        "CLUSTER_ID": "Kubernetes",
        "MESH_ID": environ.get("TRUST_DOMAIN") or DOMAIN,
    }
    if account := environ.get("SERVICE_ACCOUNT"):
        metadata["SERVICE_ACCOUNT"] = account
    for name, value in sorted(environ.items()):
        if name.startswith(META):
            metadata[name.removeprefix(META)] = value
        elif name.startswith(META_JSON):
            metadata.update(json_object(name, value))
    for key, path in (("LABELS", files.labels), ("ANNOTATIONS", files.annotations)):
        if found := downward(optional(path, files), path):
            metadata[key] = found
    return ours(metadata)


def ours(metadata: Metadata) -> Metadata:
    """Nothing is intercepted, but istiod tells all listeners and clusters only to those who say so."""
    kept = {key: value for key, value in metadata.items() if key not in REFUSED}
    return {**kept, "INTERCEPTION_MODE": "REDIRECT", "DNS_CAPTURE": "true", "ISTIO_VERSION": ISTIO_VERSION}


def pod_cluster(metadata: Metadata, pod: str) -> str:
    """Envoy's service cluster: `app.namespace`, as Istio's injection names it."""
    labels = metadata.get("LABELS")
    app = labels.get("app") if isinstance(labels, dict) else None
    return f"{app or metadata.get('WORKLOAD_NAME') or pod}.{metadata['NAMESPACE']}"


def json_object(name: str, text: str) -> dict[str, object]:
    """An object in JSON, found under `name`. Raises ConfigError for anything else."""
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{name}: not JSON: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{name}: expected a JSON object")
    return found


def downward(text: str, path: str) -> dict[str, str]:
    """The downward API's format: one `key="value"` a line, quoted as Go does (which Python reads)."""
    found = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            key, _, quoted = line.partition("=")
            found[key] = unquoted(quoted, f"{path}, line {number}")
    return found


def unquoted(quoted: str, where: str) -> str:
    try:
        value = ast.literal_eval(quoted)
    except (ValueError, SyntaxError) as error:
        raise ConfigError(f'{where}: expected key="value"') from error
    if not isinstance(value, str):
        raise ConfigError(f'{where}: expected key="value"')
    return value


def optional(path: str, files: Files) -> str:
    """The text of a file that need not be there."""
    try:
        return files.read(path)
    except OSError:
        return ""
