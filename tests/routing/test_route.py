"""Route tables as values."""

from meshio.routing.route import DirectResponse, Forward, Mirror, Route, RouteTable, VirtualHost, WeightedCluster


def test_a_table_names_every_cluster_it_may_send_to():
    forward = Forward((WeightedCluster("v1", 80), WeightedCluster("v2", 20)), mirrors=(Mirror("shadow"),))
    routes = (Route((), forward), Route((), DirectResponse(200)))
    assert RouteTable("t", (VirtualHost("v", ("*",), routes),)).clusters() == {"v1", "v2", "shadow"}
