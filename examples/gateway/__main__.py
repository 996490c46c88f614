"""The gateway under uvicorn: `python examples/gateway [PORT]`, 8000 unless told."""

import sys

import uvicorn
from gateway import app


def main(port: int = 8000) -> None:
    """Mesh and upstream say `server` and `date`; addresses in X-Forwarded-For are not taken for the client's."""
    uvicorn.run(app, port=port, server_header=False, date_header=False, proxy_headers=False, access_log=False)


main(*map(int, sys.argv[1:]))
