import json

import pytest

from meshio.errors import ConfigError
from meshio.mesh.snapshot import Identity
from meshio.upstream.endpoint import Locality
from meshio.xds.bootstrap import Server, Tls, bootstrap, identity_of
from meshio.xds.pod import Files

POD = {
    "POD_NAME": "productpage-v1-0",
    "POD_NAMESPACE": "shop",
    "INSTANCE_IP": "10.1.2.3",
    "SERVICE_ACCOUNT": "productpage",
    "ISTIO_META_WORKLOAD_NAME": "productpage",
    "ISTIO_META_CLUSTER_ID": "east",
    "ISTIO_META_GENERATOR": "grpc",
    "ISTIO_META_INTERCEPTION_MODE": "NONE",
    "ISTIO_METAJSON_EXTRA": '{"OWNER": "kubernetes://apis/apps/v1/namespaces/shop/deployments/productpage"}',
}
LABELS = 'app="productpage"\nsecurity.istio.io/tlsMode="istio"\nodd="a \\"quoted\\" \\u00e9"\n'
AGENT = {
    "xds_servers": [{"server_uri": "unix:///etc/istio/proxy/XDS", "channel_creds": [{"type": "insecure"}]}],
    "node": {
        "id": "sidecar~10.1.2.3~productpage-v1-0.shop~shop.svc.cluster.local",
        "metadata": {"GENERATOR": "grpc", "NAMESPACE": "shop", "INSTANCE_IPS": "10.1.2.3,fd00::1"},
        "locality": {"region": "r1", "zone": "z1", "sub_zone": "s1"},
    },
}


def files(**texts):
    """A pod's files: by the name of the field in `Files`, or by path."""

    def read(path):
        if path not in texts:
            raise FileNotFoundError(2, "No such file or directory", path)
        return texts[path]

    return Files("labels", "annotations", "roots", "token", "resolver", read)


def agent(**changes):
    return {"GRPC_XDS_BOOTSTRAP_CONFIG": json.dumps({**AGENT, **changes})}


def test_an_address_is_enough_on_a_laptop():
    found = bootstrap({"MESHIO_DISCOVERY_ADDRESS": "127.0.0.1:15010"}, files())
    assert found.server == Server("127.0.0.1", 15010)
    assert found.node.id == "sidecar~127.0.0.1~localhost.default~default.svc.cluster.local"
    assert str(found.server) == "127.0.0.1:15010"


def test_a_pod_says_who_it_is_and_that_it_is_a_sidecar():
    environ = {**POD, "PROXY_CONFIG": '{"discoveryAddress": "istiod.istio-system.svc:15010"}'}
    node = bootstrap(environ, files(labels=LABELS, annotations='a/b="c"')).node
    assert node.id == "sidecar~10.1.2.3~productpage-v1-0.shop~shop.svc.cluster.local"
    assert node.cluster == "productpage.shop"
    assert node.metadata == {
        "NAME": "productpage-v1-0",
        "NAMESPACE": "shop",
        "INSTANCE_IPS": "10.1.2.3",
        "CLUSTER_ID": "east",
        "MESH_ID": "cluster.local",
        "SERVICE_ACCOUNT": "productpage",
        "WORKLOAD_NAME": "productpage",
        "OWNER": "kubernetes://apis/apps/v1/namespaces/shop/deployments/productpage",
        "LABELS": {"app": "productpage", "security.istio.io/tlsMode": "istio", "odd": 'a "quoted" é'},
        "ANNOTATIONS": {"a/b": "c"},
        "INTERCEPTION_MODE": "REDIRECT",
        "DNS_CAPTURE": "true",
        "ISTIO_VERSION": "1.29.0",
    }


def test_the_clusters_own_domain_comes_from_the_resolver():
    environ = {**POD, "MESHIO_DISCOVERY_ADDRESS": "istiod:15010"}
    found = bootstrap(environ, files(resolver="nameserver 10.0.0.1\nsearch shop.svc.corp.example svc.corp.example\n"))
    assert identity_of(found.node) == Identity("10.1.2.3", "productpage-v1-0", "shop", "shop.svc.corp.example")


def test_the_agents_file_is_read_and_our_own_node_sent():
    environ = {"GRPC_XDS_BOOTSTRAP": "/etc/istio/proxy/grpc-bootstrap.json"}
    found = bootstrap(environ, files(**{environ["GRPC_XDS_BOOTSTRAP"]: json.dumps(AGENT)}))
    assert found.server == Server(path="/etc/istio/proxy/XDS")
    assert str(found.server) == "unix:/etc/istio/proxy/XDS"
    assert "GENERATOR" not in found.node.metadata
    assert found.node.metadata["INTERCEPTION_MODE"] == "REDIRECT"
    assert found.node.locality == Locality("r1", "z1", "s1")
    domain = "shop.svc.cluster.local"
    assert identity_of(found.node) == Identity("10.1.2.3", "productpage-v1-0", "shop", domain, found.node.locality)


def test_the_local_cluster_is_named_as_in_envoys_bootstrap_or_by_the_environment():
    named = {**AGENT, "cluster_manager": {"local_cluster_name": "outbound|80||me"}}
    found = bootstrap({"GRPC_XDS_BOOTSTRAP_CONFIG": json.dumps(named)}, files())
    assert identity_of(found.node).local_cluster == "outbound|80||me"
    environ = {**POD, "MESHIO_DISCOVERY_ADDRESS": "istiod:15010", "MESHIO_LOCAL_CLUSTER": "me"}
    assert identity_of(bootstrap(environ, files()).node).local_cluster == "me"
    for wrong in ("x", {"local_cluster_name": 7}):
        with pytest.raises(ConfigError, match="local_cluster_name"):
            bootstrap({"GRPC_XDS_BOOTSTRAP_CONFIG": json.dumps({**AGENT, "cluster_manager": wrong})}, files())


def test_the_pods_label_says_where_it_is():
    environ = {
        **POD,
        "MESHIO_DISCOVERY_ADDRESS": "istiod:15010",
        "ISTIO_METAJSON_X": '{"LABELS": {"istio-locality": "r1.z1"}}',
    }
    assert str(bootstrap(environ, files()).node.locality) == "r1/z1"


def test_the_agents_text_may_name_a_tcp_address():
    servers = [{"server_uri": "dns:///istiod:15010", "channel_creds": [{"type": "insecure"}]}]
    assert bootstrap(agent(xds_servers=servers), files()).server == Server("istiod", 15010)


def test_the_first_that_is_set_wins():
    environ = {"MESHIO_DISCOVERY_ADDRESS": "a:1", "PROXY_CONFIG": "{}", **agent()}
    assert bootstrap(environ, files()).origin == "MESHIO_DISCOVERY_ADDRESS"
    del environ["MESHIO_DISCOVERY_ADDRESS"]
    assert bootstrap(environ, files()).origin == "GRPC_XDS_BOOTSTRAP_CONFIG"


def test_istiods_tls_port_takes_root_and_token_from_the_pod():
    found = bootstrap({**POD, "PROXY_CONFIG": "{}"}, files(roots="PEM", token="JWT"))
    assert found.server == Server("istiod.istio-system.svc", 15012, tls=Tls("roots", "token"))


@pytest.mark.parametrize("missing", ["roots", "token"])
def test_without_them_the_error_names_the_file_and_the_plaintext_port(missing):
    there = {"roots": "PEM", "token": "JWT"}
    del there[missing]
    with pytest.raises(ConfigError, match=rf"(?s)TLS.*15010.*cannot read {missing}"):
        bootstrap({**POD, "PROXY_CONFIG": "{}"}, files(**there))


def test_nothing_set_lists_what_was_looked_for():
    with pytest.raises(ConfigError) as error:
        bootstrap({}, files())
    for name in ("MESHIO_DISCOVERY_ADDRESS", "GRPC_XDS_BOOTSTRAP", "GRPC_XDS_BOOTSTRAP_CONFIG", "PROXY_CONFIG"):
        assert name in str(error.value)


@pytest.mark.parametrize(
    ("environ", "text"),
    [
        ({"MESHIO_DISCOVERY_ADDRESS": "istiod"}, "'istiod' is not host:port"),
        ({"MESHIO_DISCOVERY_ADDRESS": "http://istiod:15010"}, "is not host:port"),
        ({"MESHIO_DISCOVERY_ADDRESS": "istiod:99999"}, "is not host:port"),
        ({"GRPC_XDS_BOOTSTRAP": "/nowhere"}, "cannot read /nowhere"),
        ({"GRPC_XDS_BOOTSTRAP_CONFIG": "{"}, "not JSON"),
        ({"GRPC_XDS_BOOTSTRAP_CONFIG": "[]"}, "expected a JSON object"),
        (agent(node={}), "node.id is missing"),
        (agent(node={"id": "somebody"}), "is not Istio's"),
        (agent(node={**AGENT["node"], "metadata": ["x"]}), "must be objects"),
        (agent(xds_servers=[]), "server_uri is missing"),
        (agent(xds_servers=[{"server_uri": "a:1", "channel_creds": [{"type": "tls"}]}]), "only 'insecure'"),
        ({"PROXY_CONFIG": "discoveryAddress: x"}, "PROXY_CONFIG: not JSON"),
        ({"PROXY_CONFIG": '{"discoveryAddress": 3}'}, "must be a text"),
        ({"MESHIO_DISCOVERY_ADDRESS": "a:1", "ISTIO_METAJSON_X": "1"}, "ISTIO_METAJSON_X: expected a JSON object"),
        ({"MESHIO_DISCOVERY_ADDRESS": "a:1", "ISTIO_METAJSON_X": "{"}, "ISTIO_METAJSON_X: not JSON"),
    ],
)
def test_what_is_wrong_is_named(environ, text):
    with pytest.raises(ConfigError, match=text):
        bootstrap(environ, files())


@pytest.mark.parametrize("line", ["app=productpage", "app=", 'app="x', "app=3"])
def test_a_label_that_does_not_parse_is_named_with_its_line(line):
    with pytest.raises(ConfigError, match="labels, line 2"):
        bootstrap({"MESHIO_DISCOVERY_ADDRESS": "a:1"}, files(labels=f'a="b"\n{line}\n'))


def test_ipv6_addresses_are_bracketed():
    server = bootstrap({"MESHIO_DISCOVERY_ADDRESS": "[::1]:15010"}, files()).server
    assert (server.host, str(server)) == ("::1", "[::1]:15010")
