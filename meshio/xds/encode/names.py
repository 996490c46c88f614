"""Istio's name table: host names and the addresses they stand for."""

from collections.abc import Mapping

from meshio.mesh.snapshot import Name
from meshio.xds.proto.istio.networking.nds.v1 import NameTable, NameTableNameInfo


def encode_names(names: Mapping[str, Name]) -> NameTable:
    return NameTable(table={host: encode_name(name) for host, name in names.items()})


def encode_name(name: Name) -> NameTableNameInfo:
    return NameTableNameInfo(
        ips=list(name.addresses),
        registry="Kubernetes",
        shortname=name.short,
        namespace=name.namespace,
        alt_hosts=list(name.alternatives),
    )
