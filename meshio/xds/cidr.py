"""Blocks of addresses -> CIDR notation."""

from ipaddress import ip_network

from meshio.xds.place import Place
from meshio.xds.proto.envoy.config.core.v3 import CidrRange


def cidr(place: Place, block: CidrRange) -> str:
    """`10.0.0.0/8`. Raises Rejected unless it is a network; host bits are cut off, as in Envoy."""
    text = f"{block.address_prefix}/{block.prefix_len or 0}"
    try:
        return str(ip_network(text, strict=False))
    except ValueError as error:
        raise place.rejected(str(error)) from None
