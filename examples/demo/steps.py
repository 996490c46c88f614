"""What the demo shows. Each step does one thing to the mesh, checks what came of it, and says it in a line."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx
from fleet import CONTROL_PLANE, Fleet
from load import CALLERS, Load, Tally, ask

import meshio

SIGMAS = 5  # a fair 80/20 split fails this check once in about two million runs


@dataclass
class Stage:
    """What the steps act on."""

    mesh: meshio.Mesh
    fleet: Fleet


class Failed(Exception):
    """A step did not show what it is for."""


def check(good: bool, what: str) -> None:
    if not good:
        raise Failed(what)


async def discovery(stage: Stage) -> tuple[str, Tally]:
    tally = Tally()
    async with httpx.AsyncClient(transport=meshio.MeshTransport(stage.mesh)) as client:
        page = await client.get("http://productpage/productpage")
    check(page.status_code == 200, f"productpage answered {page.status_code}: {page.text}")
    check(page.json()["status"] == 200, f"reviews answered productpage with {page.json()['status']}")
    await ask(stage.mesh, tally)
    check(not tally.failed, f"{tally.errors}")
    endpoint = page.extensions["mesh"].endpoint
    return f"http://productpage/ (no port) went to {endpoint}; it found reviews, which found ratings", tally


async def split(stage: Stage) -> tuple[str, Tally]:
    tally = Tally()
    for _ in range(2000 // 20):
        await asyncio.gather(*(ask(stage.mesh, tally) for _ in range(20)))
    share = tally.versions["v1"] / tally.requests
    allowed = SIGMAS * math.sqrt(0.8 * 0.2 / tally.requests)
    check(not tally.failed, f"{tally.errors}")
    check(abs(share - 0.8) < allowed, f"v1 got {share:.1%} of {tally.requests}")
    return (
        f"of {tally.requests:,} requests {tally.versions['v1']:,} went to v1 and {tally.versions['v2']:,} to v2",
        tally,
    )


async def canary(stage: Stage) -> tuple[str, Tally]:
    tally = Tally()
    for _ in range(200):
        await ask(stage.mesh, tally, {"x-user": "ann"})
    check(set(tally.versions) == {"v3"}, f"ann got {dict(tally.versions)}")
    return f"with x-user: ann, {tally.versions['v3']} of {tally.requests} requests went to v3", tally


async def edit(stage: Stage) -> tuple[str, Tally]:
    file = stage.fleet.mesh / "reviews.yaml"
    text = file.read_text()
    async with Load(stage.mesh) as tally:
        await asyncio.sleep(0.7)
        before = tally.versions.copy()
        file.write_text(text.replace("weight: 80", "weight: 0").replace("weight: 20", "weight: 100"))
        await until(lambda: settled(stage.mesh), "the new weights")
        at = tally.versions["v1"]
        await asyncio.sleep(0.5)
    late = tally.versions["v1"] - at
    check(before["v1"] > 0, "v1 got nothing before the edit")
    check(late <= CALLERS, f"v1 got {late} requests after the new weights were in service")  # those under way
    check(not tally.failed, f"{tally.errors}")
    return f"from 80/20 to 0/100 while {CALLERS} callers send: {tally.requests:,} requests, 0 failed", tally


async def until(reached: Callable[[], bool], what: str) -> None:
    """Look every few milliseconds, for at most 10 seconds."""
    for _ in range(1000):
        if reached():
            return
        await asyncio.sleep(0.01)
    raise Failed(f"waited 10 s for {what}")


def settled(mesh: meshio.Mesh) -> bool:
    """True once the snapshot in service sends everything to v2."""
    (host,) = [host for host in mesh.snapshot.routes["9080"].hosts if host.name.startswith("reviews")]
    (route,) = [route for route in host.routes if route.name == "split"]
    return list(route.clusters()) == ["outbound|9080|v2|reviews.default.svc.cluster.local"]


async def kill(stage: Stage) -> tuple[str, Tally]:
    async with Load(stage.mesh) as tally:
        await asyncio.sleep(0.5)
        await stage.fleet.kill("reviews-v2-a")
        await until(lambda: ejected(stage.mesh), "the dead instance to be ejected")
        at = tally.retried
        await asyncio.sleep(0.5)
        after = tally.retried - at
    check(not tally.failed, f"{tally.errors}")
    check(after <= CALLERS, f"{after} requests still tried the dead instance after its ejection")  # as above
    return (
        f"SIGKILL: {tally.retried} requests retried, then it is ejected; of {tally.requests:,}, 0 failed",
        tally,
    )


def ejected(mesh: meshio.Mesh) -> bool:
    upstream = mesh.upstreams["outbound|9080|v2|reviews.default.svc.cluster.local"]
    return any(host.ejected for host in upstream.hosts.values())


async def orphan(stage: Stage) -> tuple[str, Tally]:
    await stage.fleet.kill(CONTROL_PLANE)
    async with Load(stage.mesh) as tally:
        await asyncio.sleep(1.5)
    check(not tally.failed, f"{tally.errors}")
    return f"the last configuration stays in service: {tally.requests:,} requests, 0 failed", tally


STEPS: dict[str, Callable[[Stage], Awaitable[tuple[str, Tally]]]] = {
    "discovery by service name": discovery,
    "80/20 split": split,
    "header canary": canary,
    "edit the YAML under load": edit,
    "kill an instance under load": kill,
    "kill the control plane": orphan,
}
