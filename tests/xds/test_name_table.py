"""Istio's name table."""

import pytest

from meshio.errors import Rejected
from meshio.mesh.snapshot import Name
from meshio.xds.names import translate_names
from meshio.xds.proto.istio.networking.nds.v1 import NameTable, NameTableNameInfo


def test_a_name_has_its_addresses_and_what_is_none_is_passed_over():
    info = NameTableNameInfo(
        ips=["10.0.0.1", "db.example.com", "", "fd00::1"], namespace="ns", shortname="db", alt_hosts=["db.mesh"]
    )
    raw = bytes(NameTable(table={"db.ns.svc.cluster.local": info}))
    assert translate_names("", raw) == {
        "db.ns.svc.cluster.local": Name(("10.0.0.1", "fd00::1"), "ns", "db", ("db.mesh",))
    }


def test_what_is_no_name_table_is_rejected():
    with pytest.raises(Rejected, match="name table"):
        translate_names("", b"\x0a\xff")
