"""The development control plane as a whole: a folder of YAML in, ADS out."""

import logging
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from meshio.controlplane.compile import compile_snapshot
from meshio.controlplane.offer import NOTHING, Offer, offer_of
from meshio.controlplane.server import ControlPlane
from meshio.controlplane.watch import INTERVAL, Folder
from meshio.errors import ConfigError, Rejected
from meshio.mesh.snapshot import Identity
from meshio.upstream.endpoint import Locality
from meshio.xds.bootstrap import Node, identity_of

log = logging.getLogger("meshio.controlplane")

KINDS_OF_CLIENTS = 256  # how many different ones (place, labels) have their offers remembered
Labels = tuple[tuple[str, str], ...]


class Offers:
    """What each client may have, compiled when the first client of its kind asks."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._compiled = lru_cache(KINDS_OF_CLIENTS)(self._compile)

    def offer_for(self, node: Node) -> Offer:
        return self._compiled(who(node), labels_of(node), node.locality)

    def forget(self) -> None:
        """The documents have changed."""
        self._compiled.cache_clear()

    def _compile(self, identity: Identity, labels: Labels, locality: Locality) -> Offer:
        """Nothing at all is better than a part, which clients would take for the whole."""
        try:
            snapshot, problems = compile_snapshot(self._folder.documents, identity, dict(labels), locality)
            for problem in problems:
                log.warning("%s", problem)
            return offer_of(snapshot)
        except Rejected as error:
            log.error("%s cannot be served: %s", self._folder.directory, error)
            return NOTHING


def who(node: Node) -> Identity:
    """Clients whose id is not Istio's (`sidecar~ip~pod.namespace~domain`) are pods of namespace `default`."""
    return identity_of(node) if node.id.count("~") == 3 else Identity(pod=node.id)


def labels_of(node: Node) -> Labels:
    labels = node.metadata.get("LABELS")
    return tuple(sorted((str(key), str(value)) for key, value in labels.items())) if isinstance(labels, dict) else ()


def open_folder(directory: Path | str, interval: float) -> Folder:
    """Read it for the first time. Raises ConfigError where there is none."""
    if not Path(directory).is_dir():
        raise ConfigError(f"{directory}: not a folder")
    folder = Folder(directory, interval)
    folder.read()
    return folder


async def serve_directory(
    directory: Path | str,
    host: str = "127.0.0.1",
    port: int = 15010,
    *,
    listening: Callable[[int], None] = lambda port: None,
    interval: float = INTERVAL,
) -> None:
    """Serve until cancelled. `listening` is called with the port once clients may come.

    Raises ConfigError when there is no such folder or the address is taken.
    """
    folder = open_folder(directory, interval)
    offers = Offers(folder)
    plane = ControlPlane(offers.offer_for)
    async with plane.serve(host, port) as bound:
        log.info("serving %s on %s:%d", directory, host, bound)
        listening(bound)
        async for _ in folder.changes():
            offers.forget()
            plane.publish()
