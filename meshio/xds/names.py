"""Istio's name table (NDS) -> names and addresses."""

from collections.abc import Mapping

from meshio.mesh.names import is_address
from meshio.mesh.snapshot import Name
from meshio.xds.extension import open_message
from meshio.xds.place import Place
from meshio.xds.proto.istio.networking.nds.v1 import NameTable, NameTableNameInfo

NAMELESS = "name table"
"""What the one resource without a name is called in errors."""


def translate_names(name: str, raw: bytes) -> Mapping[str, Name]:
    """The whole table, by host name. Raises Rejected."""
    table = open_message(Place(name or NAMELESS), NameTable, raw)
    return {host: translate_name(info) for host, info in table.table.items()}


def translate_name(info: NameTableNameInfo) -> Name:
    """One host name. What is no address is passed over, as by Istio's DNS proxy (pkg/dns/client, separateIPtypes)."""
    return Name(tuple(filter(is_address, info.ips)), info.namespace, info.shortname, tuple(info.alt_hosts))
