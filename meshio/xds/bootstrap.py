"""Environment and files -> who we are and which control plane to ask. Pure functions over a mapping and a reader.

In this order: `MESHIO_DISCOVERY_ADDRESS`, the file Istio's agent writes for gRPC clients (`GRPC_XDS_BOOTSTRAP`, or its
text in `GRPC_XDS_BOOTSTRAP_CONFIG`), and the environment of an injected pod (`PROXY_CONFIG`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from meshio.errors import ConfigError
from meshio.mesh.snapshot import Identity
from meshio.upstream.endpoint import NOWHERE, Locality
from meshio.xds.pod import DOMAIN, Files, Metadata, json_object, node_id, ours, pod_cluster, pod_metadata, pod_name

ADDRESS = "MESHIO_DISCOVERY_ADDRESS"
FILE = "GRPC_XDS_BOOTSTRAP"
INLINE = "GRPC_XDS_BOOTSTRAP_CONFIG"
PROXY_CONFIG = "PROXY_CONFIG"
LOCAL_CLUSTER = "MESHIO_LOCAL_CLUSTER"  # the cluster that this process belongs to, for zone-aware clusters
LOCALITY = "istio-locality"  # the pod label
LOOKED_FOR = (
    f"{ADDRESS} (host:port of a control plane)",
    f"{FILE} (the file Istio's agent writes) or {INLINE} (its text)",
    f"{PROXY_CONFIG} with a discoveryAddress (Istio's pod environment)",
)
TLS_PORT = 15012  # istiod's; 15010 is plaintext


@dataclass(frozen=True, slots=True)
class Node:
    """Who we are to the control plane: the `Node` of the first request of each stream.

    `local_cluster` is not told to it: it names the cluster we belong to (Envoy: `cluster_manager.local_cluster_name`).
    """

    id: str
    cluster: str = ""
    metadata: Metadata = field(default_factory=dict)
    locality: Locality = NOWHERE
    local_cluster: str = ""


@dataclass(frozen=True, slots=True)
class Tls:
    """How to trust the control plane and be trusted: paths of root certificates and of a bearer token.

    `server_name` is the name its certificate has to bear, when it is not the host of the address.
    """

    roots: str
    token: str
    server_name: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """Where the control plane listens: host and port, or `path` of a unix socket. `tls` None is plaintext."""

    host: str = ""
    port: int = 0
    path: str = ""
    tls: Tls | None = None

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """What was found, and under which name (`origin`)."""

    server: Server
    node: Node
    origin: str


def bootstrap(environ: Mapping[str, str], files: Files | None = None) -> Bootstrap:
    """The control plane that the environment names. Raises ConfigError that lists what was looked for."""
    files = files or Files()
    if address := environ.get(ADDRESS):
        return Bootstrap(server_at(address, environ, files, ADDRESS), pod_node(environ, files), ADDRESS)
    if path := environ.get(FILE):
        return from_grpc(read(path, files, FILE), f"{FILE}={path}")
    if text := environ.get(INLINE):
        return from_grpc(text, INLINE)
    if text := environ.get(PROXY_CONFIG):
        return from_proxy_config(text, environ, files)
    raise ConfigError("no control plane is configured; looked for: " + "; ".join(LOOKED_FOR))


def from_grpc(text: str, origin: str) -> Bootstrap:
    """The gRPC bootstrap of Istio's agent. Our own node is sent: without GENERATOR, which would halve what we get."""
    document = json_object(origin, text)
    node = document.get("node")
    if not isinstance(node, dict) or not isinstance(node.get("id"), str):
        raise ConfigError(f"{origin}: node.id is missing")
    metadata = node.get("metadata") or {}
    place = node.get("locality") or {}
    if not isinstance(metadata, dict) or not isinstance(place, dict):
        raise ConfigError(f"{origin}: node.metadata and node.locality must be objects")
    locality = Locality(*(str(place.get(key) or "") for key in ("region", "zone", "sub_zone")))
    local = local_cluster_in(document, origin)
    theirs = Node(sidecar(node["id"], origin), str(node.get("cluster") or ""), ours(metadata), locality, local)
    return Bootstrap(grpc_server(document.get("xds_servers"), origin), theirs, origin)


def local_cluster_in(document: Mapping[str, object], origin: str) -> str:
    """Where Envoy's own bootstrap has it."""
    told = document.get("cluster_manager") or {}
    name = told.get("local_cluster_name") or "" if isinstance(told, dict) else None
    if not isinstance(name, str):
        raise ConfigError(f"{origin}: cluster_manager.local_cluster_name must be a text")
    return name


def sidecar(text: str, origin: str) -> str:
    """A node id that istiod understands, as a sidecar's."""
    parts = text.split("~")
    if len(parts) != 4:
        raise ConfigError(f"{origin}: node.id {text!r} is not Istio's: expected sidecar~ip~pod.namespace~domain")
    return "~".join(["sidecar", *parts[1:]])


def grpc_server(servers: object, origin: str) -> Server:
    """The first server; `insecure` is the only kind of channel credentials that the agent writes."""
    first = servers[0] if isinstance(servers, list) and servers else None
    if not isinstance(first, dict) or not isinstance(first.get("server_uri"), str):
        raise ConfigError(f"{origin}: xds_servers[0].server_uri is missing")
    kinds = [each.get("type") for each in first.get("channel_creds") or () if isinstance(each, dict)]
    if "insecure" not in kinds:
        raise ConfigError(f"{origin}: channel_creds {kinds} are not supported: only 'insecure' is")
    uri = first["server_uri"]
    if uri.startswith("unix:"):
        return Server(path="/" + uri.removeprefix("unix:").lstrip("/") if "//" in uri else uri.removeprefix("unix:"))
    return Server(*host_and_port(uri.removeprefix("dns:///"), origin))


def from_proxy_config(text: str, environ: Mapping[str, str], files: Files) -> Bootstrap:
    """Istio's pod environment."""
    document = json_object(PROXY_CONFIG, text)
    address = document.get("discoveryAddress") or "istiod.istio-system.svc:15012"  # Istio's default
    if not isinstance(address, str):
        raise ConfigError(f"{PROXY_CONFIG}: discoveryAddress must be a text")
    return Bootstrap(server_at(address, environ, files, PROXY_CONFIG), pod_node(environ, files), PROXY_CONFIG)


def server_at(address: str, environ: Mapping[str, str], files: Files, origin: str) -> Server:
    host, port = host_and_port(address, origin)
    if port != TLS_PORT:
        return Server(host, port)
    for path, what in ((files.roots, "the root certificate"), (files.token, "the token")):
        read(path, files, f"{origin}={address} needs TLS and {what}; plaintext is port 15010")
    return Server(host, port, tls=Tls(files.roots, files.token, environ.get("ISTIOD_SAN", "")))


def host_and_port(address: str, origin: str) -> tuple[str, int]:
    """ "host:port" or "[v6]:port"."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or "/" in host or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ConfigError(f"{origin}: {address!r} is not host:port, as in istiod.istio-system.svc:15010")
    return host, int(port)


def pod_node(environ: Mapping[str, str], files: Files) -> Node:
    """Who we are by the pod's environment; on a laptop, a pod of that host's name in `default`."""
    metadata = pod_metadata(environ, files)
    labels = metadata.get("LABELS")
    where = locality_of(str(labels.get(LOCALITY, ""))) if isinstance(labels, dict) else NOWHERE
    local = environ.get(LOCAL_CLUSTER, "")
    return Node(node_id(environ, files), pod_cluster(metadata, pod_name(environ)), metadata, where, local)


def locality_of(label: str) -> Locality:
    """`region/zone/subzone`, or with dots where it has no slash (Istio: pkg/model, `GetLocalityLabel`)."""
    parts = label.split("/" if "/" in label else ".")
    return Locality(*parts[:3])


def identity_of(node: Node) -> Identity:
    """The same in the mesh's words."""
    _, address, name, domain = node.id.split("~")
    pod, _, namespace = name.rpartition(".")
    addresses = node.metadata.get("INSTANCE_IPS")
    first = addresses.split(",")[0] if isinstance(addresses, str) and addresses else address
    domain = domain or f"default.svc.{DOMAIN}"
    return Identity(first, pod, namespace or "default", domain, node.locality, node.local_cluster)


def read(path: str, files: Files, why: str) -> str:
    try:
        return files.read(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{why}: cannot read {path}: {error}") from error
