"""A real istiod on one machine, without a cluster.

istiod is an ordinary Go program: against a stand-in for the Kubernetes API it reads Istio's YAML from a folder, and
everything it then sends is Istio's own.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from meshio.upstream.endpoint import Locality
from meshio.xds.bootstrap import Node
from programs import kubernetes
from programs.process import answers, free_port, running, until

LAB = Path(__file__).parents[2] / "lab"

NODE = Node(
    "sidecar~127.0.0.1~productpage-v1-0.default~default.svc.cluster.local",
    "productpage.default",
    {
        "NAMESPACE": "default",
        "CLUSTER_ID": "Kubernetes",
        "INSTANCE_IPS": "127.0.0.1",
        "INTERCEPTION_MODE": "REDIRECT",
        "ISTIO_VERSION": "1.29.0",
        "LABELS": {"app": "productpage", "version": "v1", "security.istio.io/tlsMode": "istio"},
        "SERVICE_ACCOUNT": "productpage",
        "MESH_ID": "cluster.local",
        "NODE_NAME": "node1",
        "WORKLOAD_NAME": "productpage",
        "NAME": "productpage-v1-0",
        "DNS_CAPTURE": "true",
    },
    Locality("r1", "z1"),
)


@dataclass(frozen=True)
class Istiod:
    """A running one: the port of its plaintext ADS, and its copy of the lab, which may be edited."""

    port: int
    lab: Path


@contextmanager
def istiod(program: Path, folder: Path) -> Iterator[Istiod]:
    """Run in a folder, over a copy of the lab in there."""
    lab = folder / "lab"
    shutil.copytree(LAB, lab)
    kube, grpc, secure, http, monitoring = (free_port() for _ in range(5))
    (folder / "kubeconfig").write_text(json.dumps(kubeconfig(kube)))
    (folder / "mesh.yaml").write_text(json.dumps(mesh_config(grpc)))
    stand_in = [sys.executable, kubernetes.__file__, str(kube), *sorted((lab / "kube").glob("*.yaml"))]
    command = [
        *(program, "discovery", "--registries=Kubernetes", "--kubeconfig", "kubeconfig", "--configDir", lab / "istio"),
        *("--meshConfig", "mesh.yaml", "--grpcAddr", f"127.0.0.1:{grpc}", "--secureGRPCAddr", f"127.0.0.1:{secure}"),
        *("--httpAddr", f"127.0.0.1:{http}", "--httpsAddr", "", "--monitoringAddr", f"127.0.0.1:{monitoring}"),
        *("--ctrlz_port", "0"),
    ]
    who = {"POD_NAME": "istiod", "POD_NAMESPACE": "istio-system", "CLUSTER_ID": "Kubernetes"}
    with running(stand_in, folder, "kubernetes.log") as kube_output:
        until(answers(f"http://127.0.0.1:{kube}/version"), "the Kubernetes stand-in", kube_output)
        with running(command, folder, "istiod.log", who) as output:
            until(answers(f"http://127.0.0.1:{http}/ready"), "istiod", output)
            yield Istiod(grpc, lab)


def kubeconfig(port: int) -> dict[str, object]:
    """As JSON, which is YAML too."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "u", "user": {"token": "abc"}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }


def mesh_config(grpc: int) -> dict[str, object]:
    return {"defaultConfig": {"discoveryAddress": f"127.0.0.1:{grpc}"}, "trustDomain": "cluster.local"}
