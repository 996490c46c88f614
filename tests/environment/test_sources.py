"""Where the configuration comes from."""

from pathlib import Path

import pytest

from meshio.environment.sources import sources_from
from meshio.errors import ConfigError
from meshio.xds.bootstrap import locality_of

EVERYTHING = {
    "MESHIO_DISCOVERY_ADDRESS": "127.0.0.1:15010",
    "GRPC_XDS_BOOTSTRAP_CONFIG": '{"xds_servers": [{"server_uri": "127.0.0.2:15010", "channel_creds": [{"type": '
    '"insecure"}]}], "node": {"id": "sidecar~127.0.0.1~a.default~default.svc.cluster.local"}}',
    "PROXY_CONFIG": '{"discoveryAddress": "127.0.0.3:15010"}',
}


def test_a_folder_comes_first(tmp_path: Path) -> None:
    (source,) = sources_from({"MESHIO_CONFIG": str(tmp_path), **EVERYTHING})
    assert str(tmp_path) in str(source)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_first_that_is_set_wins(number: int) -> None:
    (source,) = sources_from(dict(list(EVERYTHING.items())[number - 1 :]))
    assert f"127.0.0.{number}:15010" in str(source)


def test_an_empty_environment_lists_everything_that_was_looked_for() -> None:
    with pytest.raises(ConfigError) as caught:
        sources_from({"MESHIO_CONFIG": "", "POD_NAME": "a"})
    for name in ("MESHIO_CONFIG", *EVERYTHING, "GRPC_XDS_BOOTSTRAP "):
        assert name in str(caught.value)


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="MESHIO_CONFIG=/nowhere: not a folder"):
        sources_from({"MESHIO_CONFIG": "/nowhere"})


def test_the_embedded_source_is_who_the_pod_is(tmp_path: Path) -> None:
    environ = {"MESHIO_CONFIG": str(tmp_path), "POD_NAMESPACE": "shop", "INSTANCE_IP": "10.1.2.3"}
    (source,) = sources_from(environ)
    assert (source.identity.namespace, source.identity.address) == ("shop", "10.1.2.3")


def test_a_laptop_is_a_pod_in_the_default_namespace(tmp_path: Path) -> None:
    (source,) = sources_from({"MESHIO_CONFIG": str(tmp_path)})
    assert (source.identity.namespace, source.identity.address) == ("default", "127.0.0.1")


@pytest.mark.parametrize("label", ["r1.z1.s1", "r1/z1/s1"])
def test_the_locality_is_a_label_of_the_pod(label: str) -> None:
    assert str(locality_of(label)) == "r1/z1/s1"
    assert str(locality_of("")) == ""
