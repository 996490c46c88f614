"""The mesh that meshio is given: Istio YAML that says what the sidecars are told in Envoy's words."""

from end_to_end.cases import HOST, PORT

OTHERS = 300  # services that nobody asks here: their virtual hosts make the route table as large as in a real mesh
SPLIT = {"v1": 80, "v2": 20}  # versions of the service, and their weights

SERVICE = """
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {{name: {name}, namespace: default}}
spec:
  hosts: [{name}.default.svc.cluster.local]
  ports: [{{number: {number}, name: http, protocol: HTTP}}]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints: [{endpoints}]
---"""
ENDPOINT = "{{address: 127.0.0.1, ports: {{http: {port}}}, labels: {{version: {version}}}}}"
CANARY = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {{name: reviews, namespace: default}}
spec:
  host: {host}
  trafficPolicy: {{loadBalancer: {{simple: LEAST_REQUEST}}}}
  subsets:
  - {{name: v1, labels: {{version: v1}}}}
  - {{name: v2, labels: {{version: v2}}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: reviews, namespace: default}}
spec:
  hosts: [{host}]
  http:
  - route:
    - {{destination: {{host: {host}, subset: v1}}, weight: {v1}}}
    - {{destination: {{host: {host}, subset: v2}}, weight: {v2}}}
"""


def mesh_yaml(upstream: int) -> str:
    """The whole mesh; `upstream` is the port of the process that answers for all of it."""
    names = ["reviews", *(f"service-{number}" for number in range(OTHERS))]
    endpoints = ", ".join(ENDPOINT.format(port=upstream, version=version) for version in SPLIT)
    services = (SERVICE.format(name=name, number=PORT, endpoints=endpoints) for name in names)
    return "".join(services) + CANARY.format(host=HOST, **SPLIT)
