"""Ways that lead nowhere: each request that goes there fails for the same reason."""

from meshio.errors import NoCluster, NoRoute, RequestError
from meshio.message import Request, Response, Send


def raising(error: RequestError) -> Send:
    async def fail(request: Request) -> Response:
        raise error

    return fail


failing = raising(NoRoute("no route"))


def unserved(cluster: str, status: int) -> Send:
    async def refuse(request: Request) -> Response:
        request.record.cluster = cluster
        error = NoCluster(f"the control plane knows no cluster {cluster!r}")
        error.status = status
        raise error

    return refuse
