"""YAML with mistakes in it, and what has to be said about each."""

REVIEWS = """\
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}], selector: {app: reviews}}
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-1, namespace: default, labels: {app: reviews, version: v1}}
status: {podIP: 10.1.0.1}
---
"""
OFFSET = REVIEWS.count("\n")


def virtual_service(body: str) -> str:
    head = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: reviews, namespace: default}\n"
    return head + "spec:\n  hosts: [reviews]\n  http:\n" + body


def route(body: str) -> str:
    """A route with a destination, and `body` from line 8 on."""
    return virtual_service("  - route: [{destination: {host: reviews}}]\n" + body)


def destination_rule(body: str) -> str:
    head = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: reviews, namespace: default}\n"
    return head + "spec:\n  host: reviews\n" + body


def service_entry(body: str) -> str:
    head = "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: x, namespace: default}\n"
    return head + "spec:\n" + body


# text of a document, then line, field, part of the text, part of the suggestion
MISTAKES = {
    "misspelt field": (
        route("    timeuot: 1s\n"),
        (8, "spec.http[0].timeuot", "unknown field", "did you mean 'timeout'?"),
    ),
    "snake case": (
        route("    direct_response: {status: 200}\n"),
        (8, "spec.http[0].direct_response", "unknown field", "camelCase: 'directResponse'"),
    ),
    "misspelt kind": (
        "apiVersion: networking.istio.io/v1\nkind: VirtualServise\nmetadata: {name: x}\n",
        (2, "kind", "unknown kind 'VirtualServise'", "did you mean 'VirtualService'?"),
    ),
    "no kind": ("metadata: {name: x}\n", (1, "", "kind is missing", "add 'kind'")),
    "wrong version": (
        "apiVersion: networking.istio.io/v2\nkind: VirtualService\nmetadata: {name: x}\nspec: {}\n",
        (1, "apiVersion", "not of apiVersion", "networking.istio.io/v1"),
    ),
    "no metadata": ("apiVersion: v1\nkind: Service\nspec: {}\n", (1, "", "metadata is missing", "add metadata")),
    "no name": (
        "apiVersion: v1\nkind: Service\nmetadata: {namespace: default}\nspec: {}\n",
        (3, "metadata", "name is missing", "add 'name'"),
    ),
    "no spec": ("apiVersion: v1\nkind: Service\nmetadata: {name: x}\n", (1, "", "spec is missing", "add 'spec'")),
    "misspelt spec": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: x}\nsepc: {}\n",
        (1, "", "spec is missing", "rename 'sepc'"),
    ),
    "mutual TLS forbidden": (
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n"
        "metadata: {name: x}\nspec: {mtls: {mode: DISABLE}}\n",
        (2, "kind", "mode DISABLE is not supported", "remove that label"),
    ),
    "no hosts": (
        virtual_service("  - route: [{destination: {host: reviews}}]\n").replace("[reviews]", "[]"),
        (5, "spec.hosts", "hosts is empty", "name the services"),
    ),
    "no routes": (
        virtual_service("").replace("  http:\n", ""),
        (5, "spec", "there are no routes", "add 'http'"),
    ),
    "host name that is none": (
        virtual_service("  - route: [{destination: {host: 'a|b'}}]\n"),
        (7, "spec.http[0].route[0].destination.host", "'a|b' is not a host name", "letters"),
    ),
    "header that is none": (
        route("    headers: {request: {set: {'x y': '1'}}}\n"),
        (8, "spec.http[0].headers.request.set", "'x y' is not the name of a header", ""),
    ),
    "header value with a line break": (
        route('    headers: {request: {set: {x: "1\\r\\ny: 2"}}}\n'),
        (8, "spec.http[0].headers.request.set", "holds a line break", ""),
    ),
    "try longer than the route": (
        route("    timeout: 1s\n    retries: {attempts: 1, perTryTimeout: 2s}\n"),
        (9, "spec.http[0].retries.perTryTimeout", "not shorter than the route's timeout", ""),
    ),
    "method in lower case": (
        route("    match: [{method: {exact: get}}]\n"),
        (8, "spec.http[0].match[0].method.exact", "methods are upper case", "write GET"),
    ),
    "not base64": (
        virtual_service("  - directResponse: {status: 200, body: {bytes: '?'}}\n"),
        (7, "spec.http[0].directResponse.body.bytes", "not base64", "string"),
    ),
    "truth that is none": (
        route("    match: [{ignoreUriCase: maybe}]\n"),
        (8, "spec.http[0].match[0].ignoreUriCase", "true or false", ""),
    ),
    "number that is none": (
        route("    mirrorPercentage: {value: half}\n"),
        (8, "spec.http[0].mirrorPercentage.value", "a number is wanted", ""),
    ),
    "hash of nothing": (
        destination_rule("  trafficPolicy: {loadBalancer: {consistentHash: {ringHash: {}}}}\n"),
        (6, "spec.trafficPolicy.loadBalancer.consistentHash", "nothing to hash", "httpHeaderName"),
    ),
    "entry without ports": (service_entry("  hosts: [a.com]\n"), (5, "spec", "there are no ports", "add ports")),
    "entry without endpoints": (
        service_entry("  hosts: [a.com]\n  resolution: STATIC\n  ports: [{number: 80, name: http}]\n"),
        (5, "spec", "resolution STATIC without endpoints", "add 'endpoints'"),
    ),
    "port twice": (
        service_entry("  hosts: [a.com]\n  ports:\n  - {number: 80, name: a}\n  - {number: 80, name: b}\n"),
        (8, "spec.ports[1].number", "port 80 is there twice", ""),
    ),
    "address that is none": (
        service_entry("  hosts: [a.com]\n  addresses: [10.0.0]\n  ports: [{number: 80, name: a}]\n"),
        (6, "spec.addresses[0]", "'10.0.0' is not an IP address", ""),
    ),
    "ports without names": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: default}\n"
        "spec: {ports: [{port: 1}, {port: 2}]}\n",
        (4, "spec.ports", "several ports need names", "add 'name'"),
    ),
    "bad duration": (
        route("    timeout: 5 sec\n"),
        (8, "spec.http[0].timeout", "'5 sec' is not a duration", '"500ms"'),
    ),
    "duration without unit": (
        route("    timeout: 5\n"),
        (8, "spec.http[0].timeout", "'5' is not a duration", 'write "5s"'),
    ),
    "no time at all": (
        route("    timeout: 0s\n"),
        (8, "spec.http[0].timeout", "at least 1ms", "leave it out"),
    ),
    "bad enum": (
        destination_rule("  trafficPolicy: {loadBalancer: {simple: ROUNDROBIN}}\n"),
        (6, "spec.trafficPolicy.loadBalancer.simple", "'ROUNDROBIN' is not known", "did you mean 'ROUND_ROBIN'?"),
    ),
    "number as text": (
        destination_rule("  trafficPolicy:\n    connectionPool: {tcp: {maxConnections: '10'}}\n"),
        (7, "spec.trafficPolicy.connectionPool.tcp.maxConnections", "a whole number", "without quotes"),
    ),
    "text as number": (
        route("    match: [{headers: {x: {exact: 1}}}]\n"),
        (8, "spec.http[0].match[0].headers.x.exact", "text is wanted", 'write "1"'),
    ),
    "out of range": (
        route("    mirrorPercentage: {value: 101}\n"),
        (8, "spec.http[0].mirrorPercentage.value", "101.0 is not between 0 and 100", ""),
    ),
    "list instead of mapping": (
        route("    retries: [{attempts: 1}]\n"),
        (8, "spec.http[0].retries", "a mapping is wanted here, not a list", ""),
    ),
    "mapping instead of list": (
        route("    match: {uri: {exact: /}}\n"),
        (8, "spec.http[0].match", "a list is wanted here, not a mapping", "put '- '"),
    ),
    "key given twice": (
        route("    timeout: 1s\n    timeout: 2s\n"),
        (9, "spec.http[0].timeout", "given twice", "remove one"),
    ),
    "two ways at once": (
        route("    redirect: {uri: /x}\n"),
        (8, "spec.http[0].redirect", "only one of route and redirect", ""),
    ),
    "not RE2": (
        route("    match: [{uri: {regex: '(?=a)'}}]\n"),
        (8, "spec.http[0].match[0].uri.regex", "not an RE2 expression: invalid perl operator", "no look-around"),
    ),
    "group that is not there": (
        route("    rewrite: {uriRegexRewrite: {match: '^/(a)', rewrite: '/\\2'}}\n"),
        (8, "spec.http[0].rewrite.uriRegexRewrite.rewrite", "\\2: the pattern has only 1 groups", ""),
    ),
    "unknown retry condition": (
        route("    retries: {attempts: 1, retryOn: '5xx,connect-failed'}\n"),
        (8, "spec.http[0].retries.retryOn", "'connect-failed' is no condition", "did you mean 'connect-failure'?"),
    ),
    "redirect with a status that is none": (
        virtual_service("  - redirect: {uri: /x, redirectCode: 200}\n"),
        (7, "spec.http[0].redirect.redirectCode", "200 is not a redirect", "301"),
    ),
    "nothing to do": (
        virtual_service("  - match: [{uri: {exact: /a}}]\n"),
        (7, "spec.http[0]", "does nothing", "add 'route'"),
    ),
    "no weights": (
        virtual_service("  - route: [{destination: {host: reviews}}, {destination: {host: reviews}}]\n"),
        (7, "spec.http[0].route", "no destination has a weight", "weight"),
    ),
    "missing required field": (
        virtual_service("  - route:\n    - weight: 10\n"),
        (8, "spec.http[0].route[0]", "destination is missing", "add 'destination'"),
    ),
    "condition that is not supported": (
        route("    match: [{headers: {'@request.auth.claims[sub]': {exact: ann}}}]\n"),
        (8, "spec.http[0].match[0].headers", "claims of a JWT are not supported", ""),
    ),
    "delegation": (
        virtual_service("  - delegate: {name: other}\n"),
        (7, "spec.http[0].delegate", "not supported, and without it", "put the routes"),
    ),
    "unsupported field": (
        route("    retries: {attempts: 1, retryRemoteLocalities: true}\n"),
        (8, "spec.http[0].retries.retryRemoteLocalities", "not supported: it has no effect", "leave it out"),
    ),
    "interval of a retry budget": (
        destination_rule("  trafficPolicy: {retryBudget: {budgetInterval: 10s}}\n"),
        (6, "spec.trafficPolicy.retryBudget.budgetInterval", "not supported: it has no effect", "leave it out"),
    ),
    "counter that Istio ignores": (
        destination_rule("  trafficPolicy: {outlierDetection: {consecutiveErrors: 3}}\n"),
        (6, "spec.trafficPolicy.outlierDetection.consecutiveErrors", "no effect", "use consecutive5xxErrors"),
    ),
    "pings": (
        destination_rule("  trafficPolicy: {connectionPool: {http: {http2KeepAlive: {interval: 1s}}}}\n"),
        (6, "spec.trafficPolicy.connectionPool.http.http2KeepAlive", "no effect", "use tcp.tcpKeepalive"),
    ),
    "tunnel": (
        destination_rule("  trafficPolicy: {tunnel: {targetHost: a.com, targetPort: 443}}\n"),
        (6, "spec.trafficPolicy.tunnel", "not supported: it has no effect", "egress gateway"),
    ),
    "upgrade to what is not spoken": (
        destination_rule("  trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}\n"),
        (6, "spec.trafficPolicy.connectionPool.http.h2UpgradePolicy", "end as 503", "DO_NOT_UPGRADE"),
    ),
    "unsupported kind": (
        "apiVersion: networking.istio.io/v1\nkind: Sidecar\nmetadata: {name: x}\n",
        (2, "kind", "Sidecar is not supported", "visible"),
    ),
    "kind for servers": (
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: x}\n",
        (2, "kind", "AuthorizationPolicy has no effect on clients", "enforced by the server"),
    ),
    "host that is no service": (
        virtual_service("  - route: [{destination: {host: review}}]\n"),
        (7, "spec.http[0].route[0].destination.host", "there is no service review.default", "did you mean 'reviews"),
    ),
    "subset nobody defines": (
        virtual_service("  - route: [{destination: {host: reviews, subset: v1}}]\n"),
        (7, "spec.http[0].route[0].destination.subset", "defines subset 'v1'", "add it to a DestinationRule"),
    ),
    "misspelt subset": (
        destination_rule("  subsets: [{name: stable, labels: {version: v1}}]\n---\n")
        + virtual_service("  - route: [{destination: {host: reviews, subset: stabel}}]\n"),
        (14, "spec.http[0].route[0].destination.subset", "defines subset 'stabel'", "did you mean 'stable'?"),
    ),
    "port that is not there": (
        virtual_service("  - route: [{destination: {host: reviews, port: {number: 81}}}]\n"),
        (7, "spec.http[0].route[0].destination.port.number", "has no port 81", "one of: 80"),
    ),
    "labels nobody has": (
        destination_rule("  subsets: [{name: v2, labels: {version: v2}}]\n"),
        (6, "spec.subsets[0].labels", "no endpoint of reviews.default.svc.cluster.local", "one of: v1"),
    ),
    "policy for a port that is not there": (
        destination_rule("  trafficPolicy: {portLevelSettings: [{port: {number: 8080}}]}\n"),
        (6, "spec.trafficPolicy.portLevelSettings[0].port.number", "has no port 8080", "one of: 80"),
    ),
    "subset twice": (
        destination_rule("  subsets:\n  - {name: v1}\n  - {name: v1}\n"),
        (8, "spec.subsets[1].name", "subset 'v1' is there twice", ""),
    ),
    "shares that do not add up": (
        destination_rule(
            "  trafficPolicy: {loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {b: 50}}]}}}\n"
        ),
        (6, "spec.trafficPolicy.loadBalancer.localityLbSetting.distribute[0].to", "add up to 50", ""),
    ),
    "table size that is no prime": (
        destination_rule("  trafficPolicy: {loadBalancer: {consistentHash: {maglev: {tableSize: 1000}}}}\n"),
        (6, "spec.trafficPolicy.loadBalancer.consistentHash.maglev.tableSize", "1000 is not a prime", "65537"),
    ),
    "mutual TLS without certificate": (
        destination_rule("  trafficPolicy: {tls: {mode: MUTUAL}}\n"),
        (6, "spec.trafficPolicy.tls.mode", "needs clientCertificate and privateKey", "ISTIO_MUTUAL"),
    ),
    "rule for no service": (
        destination_rule("").replace("host: reviews", "host: ratings"),
        (5, "spec.host", "there is no service ratings.default", "ServiceEntry"),
    ),
    "wildcard that cannot be resolved": (
        service_entry("  hosts: ['*.a.com']\n  resolution: DNS\n  ports: [{number: 80, name: http}]\n"),
        (5, "spec.hosts", "*.a.com cannot be resolved", "NONE"),
    ),
    "name where an address belongs": (
        service_entry(
            "  hosts: [a.com]\n  resolution: STATIC\n  ports: [{number: 80, name: http}]\n"
            "  endpoints:\n  - address: b.com\n"
        ),
        (9, "spec.endpoints[0].address", "'b.com' is not an IP address", "DNS"),
    ),
    "endpoint with a port of another name": (
        service_entry(
            "  hosts: [a.com]\n  resolution: STATIC\n  ports: [{number: 80, name: http}]\n"
            "  endpoints: [{address: 10.0.0.1, ports: {htpp: 1}}]\n"
        ),
        (8, "spec.endpoints[0].ports", "no port named 'htpp'", "did you mean 'http'?"),
    ),
    "dynamic DNS": (
        service_entry("  hosts: [a.com]\n  resolution: DYNAMIC_DNS\n  ports: [{number: 80, name: http}]\n"),
        (6, "spec.resolution", "DYNAMIC_DNS is not supported", "resolution DNS"),
    ),
    "external name": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: x, namespace: default}\nspec:\n  type: ExternalName\n",
        (5, "spec.type", "ExternalName is not supported", "ServiceEntry"),
    ),
    "the same object twice": (
        route("") + "---\n" + route(""),
        (11, "metadata.name", "VirtualService default/reviews is there already: mesh/a.yaml", "rename"),
    ),
    "two owners of one host": (
        route("") + "---\n" + route("").replace("name: reviews", "name: zweite"),
        (13, "spec.hosts", "has a VirtualService already, default/reviews", "into one"),
    ),
    "route behind one that takes everything": (
        virtual_service(
            "  - route: [{destination: {host: reviews}}]\n  - name: late\n    route: [{destination: {host: reviews}}]\n"
        ),
        (8, "spec.http[1]", "never reached", "line"),
    ),
    "path that cannot match": (
        route("    match: [{uri: {prefix: api}}]\n"),
        (8, "spec.http[0].match[0].uri.prefix", "does not begin with '/'", "write '/api'"),
    ),
    "fault that never happens": (
        route("    fault: {abort: {httpStatus: 500}}\n"),
        (8, "spec.http[0].fault.abort", "it never happens", "percentage"),
    ),
    "weights that are not percentages": (
        virtual_service(
            "  - route: [{destination: {host: reviews}, weight: 1}, {destination: {host: reviews}, weight: 2}]\n"
        ),
        (7, "spec.http[0].route", "add up to 3, not to 100", ""),
    ),
    "endpoints of nobody": (
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: x\n  namespace: default\n"
        "  labels: {kubernetes.io/service-name: review}\n",
        (6, "metadata.labels", "there is no Service default/review", "did you mean 'reviews'?"),
    ),
}
WARNINGS = {
    "kind for servers",
    "labels nobody has",
    "route behind one that takes everything",
    "path that cannot match",
    "fault that never happens",
    "weights that are not percentages",
    "endpoints of nobody",
    "try longer than the route",
    "method in lower case",
    "hash of nothing",
    "upgrade to what is not spoken",
    "entry without endpoints",
}
UNSUPPORTED = {
    "interval of a retry budget",
    "counter that Istio ignores",
    "pings",
    "tunnel",
    "unsupported field",
    "unsupported kind",
    "mutual TLS forbidden",
    "external name",
}
