"""Headers by which Envoys of one mesh talk to each other. An application's own are not taken at their word.

Envoy: conn_manager_utility.cc, `cleanInternalHeaders` for a request that is not internal, which none is under
istiod's settings (no remote address, no internal addresses), and `mutateXfccRequestHeader` for one that came in
plaintext. Checked on Envoy 1.40, which lets all other x-envoy headers pass. `hop.py` takes them off before routes
look at the request.
"""

INTERNAL = frozenset(
    (
        b"x-envoy-expected-rq-timeout-ms",
        b"x-envoy-force-trace",
        b"x-envoy-hedge-on-per-try-timeout",
        b"x-envoy-internal",
        b"x-envoy-ip-tags",
        b"x-envoy-max-retries",
        b"x-envoy-original-url",
        b"x-envoy-retriable-header-names",
        b"x-envoy-retriable-status-codes",
        b"x-envoy-retry-grpc-on",
        b"x-envoy-retry-on",
        b"x-envoy-upstream-alt-stat-name",
        b"x-envoy-upstream-rq-per-try-timeout-ms",
        b"x-envoy-upstream-rq-timeout-alt-response",
        b"x-envoy-upstream-rq-timeout-ms",
        b"x-envoy-upstream-stream-duration-ms",
        b"x-forwarded-client-cert",
    )
)
