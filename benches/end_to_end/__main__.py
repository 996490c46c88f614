"""Whole requests: meshio, the clients it serves, and the sidecars it replaces.

    python benches/end_to_end [--json FILE] [--svg FILE] [--compare FILE] [--rate N] [--envoy-threads N]

Each way is a client in a process of its own, on uvloop over loopback, keep-alive HTTP/1.1, plaintext:

    floor            a bare asyncio.Protocol that writes the bytes and waits for as many as the answer has
    meshio           the native client          } in a mesh of 301 services, Istio YAML: a weighted route, least
    meshio + httpx   httpx over MeshTransport   } request, Istio's own retry policy
    meshio + aiohttp aiohttp over MeshConnector }
    httpx, aiohttp   as they come
    ... + sidecars   the same through two Envoys that hold the same mesh, as istiod configures sidecars

The upstream is an asyncio server in one more process. The ways take turns in every round; a ratio compares two ways
within each round, and its median is held against what the project promises. QUICK=1 asks for less.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from end_to_end.run import main

if __name__ == "__main__":
    sys.exit(main())
