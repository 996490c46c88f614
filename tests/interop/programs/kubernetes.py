"""A Kubernetes API stand-in, enough for a real istiod: kubernetes.py PORT FILE.yaml...

Lists, watches, gets, creates and updates plain JSON objects that are held in memory. A TokenReview trusts the `sub`
claim of any token: for tests on loopback only.
"""

import asyncio
import base64
import json
import sys
import uuid
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from aiohttp import web

Object = dict[str, Any]
KINDS = (
    *("Service", "Pod", "Node", "Namespace", "EndpointSlice", "Secret", "ConfigMap", "ServiceAccount", "Lease"),
    *("MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "CustomResourceDefinition", "DaemonSet"),
    *("PodDisruptionBudget", "ClusterTrustBundle"),
)
PLURALS = {kind: kind.lower() + "s" for kind in KINDS}
PLURALS |= {"Endpoints": "endpoints", "IngressClass": "ingressclasses", "Ingress": "ingresses"}
SINGULARS = {plural: kind for kind, plural in PLURALS.items()}


class Collection(NamedTuple):
    """Where objects of one kind live."""

    group: str
    version: str
    plural: str


def collection_of(thing: Object) -> Collection:
    group, _, version = thing["apiVersion"].rpartition("/")
    return Collection(group, version, PLURALS[thing["kind"]])


@dataclass
class Store:
    """Every object, and who watches."""

    objects: dict[Collection, dict[tuple[str, str], Object]] = field(default_factory=lambda: defaultdict(dict))
    watchers: dict[Collection, list[asyncio.Queue[tuple[str, Object]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    version: int = 100

    def load(self, path: str) -> None:
        for thing in yaml.safe_load_all(Path(path).read_text()):
            if thing:
                self.put(collection_of(thing), thing)

    def put(self, collection: Collection, thing: Object) -> Object:
        self.version += 1
        metadata = thing.setdefault("metadata", {})
        metadata["resourceVersion"] = str(self.version)
        metadata.setdefault("uid", str(uuid.uuid4()))
        metadata.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        held, key = self.objects[collection], (metadata.get("namespace", ""), metadata["name"])
        event = "MODIFIED" if key in held else "ADDED"
        held[key] = thing
        for queue in self.watchers[collection]:
            queue.put_nowait((event, thing))
        return thing


@dataclass(frozen=True)
class Selection:
    """Which objects a list or watch is about, and how much of them is wanted."""

    namespace: str
    fields: dict[str, str]
    labels: dict[str, str]
    metadata_only: bool

    @classmethod
    def of(cls, request: web.Request, namespace: str) -> "Selection":
        fields = dict(equalities(request.query.get("fieldSelector", "")))
        labels = dict(equalities(request.query.get("labelSelector", "")))
        return cls(namespace, fields, labels, "PartialObjectMetadata" in request.headers.get("accept", ""))

    def takes(self, thing: Object) -> bool:
        metadata = thing["metadata"]
        labels = metadata.get("labels", {})
        return (
            self.namespace in ("", metadata.get("namespace"))
            and self.fields.get("metadata.name", metadata["name"]) == metadata["name"]
            and all(labels.get(name) == value for name, value in self.labels.items())
        )

    def shape(self, thing: Object) -> Object:
        if not self.metadata_only:
            return thing
        return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": thing["metadata"]}


def equalities(selector: str) -> Iterator[tuple[str, str]]:
    for term in selector.split(","):
        if "=" in term and "!=" not in term:
            name, _, value = term.replace("==", "=").partition("=")
            yield name, value


def failure(code: int, reason: str) -> web.Response:
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason}
    return web.json_response({**status, "code": code}, status=code)


FIXED = {
    "/version": {"major": "1", "minor": "33", "gitVersion": "v1.33.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
}


class Api:
    """Answers for the objects of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request. What is not an object or a list of them is discovery, which is empty."""
        if request.path in FIXED:
            return web.json_response(FIXED[request.path])
        first, *parts = [part for part in request.path.split("/") if part]
        group, version, *rest = ["", *parts] if first == "api" else parts
        if not rest:
            return web.json_response({"kind": "APIResourceList", "groupVersion": version, "resources": []})
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2:
            _, namespace, *rest = rest
        collection = Collection(group, version, rest[0])
        match request.method:
            case "POST":
                return await self._create(request, collection, namespace)
            case "PUT":
                return web.json_response(self._store.put(collection, await request.json()))
            case "DELETE":
                return web.json_response({"kind": "Status", "status": "Success"})
        if len(rest) > 1:  # a PATCH gets what is there: istiod patches only webhooks
            thing = self._store.objects[collection].get((namespace, rest[1]))
            return web.json_response(thing) if thing else failure(404, "NotFound")
        selection = Selection.of(request, namespace)
        if request.query.get("watch") in ("1", "true"):
            return await self._watch(request, collection, selection)
        return self._list(collection, selection)

    async def _create(self, request: web.Request, collection: Collection, namespace: str) -> web.Response:
        if "json" not in request.headers.get("content-type", "json"):
            return failure(415, "UnsupportedMediaType")  # client-go falls back from protobuf
        body = await request.json()
        if collection.plural.endswith("reviews"):
            return web.json_response({**body, "status": review(collection, body)}, status=201)
        if namespace:
            body["metadata"]["namespace"] = namespace
        if (namespace, body["metadata"]["name"]) in self._store.objects[collection]:
            return failure(409, "AlreadyExists")
        return web.json_response(self._store.put(collection, body), status=201)

    async def _watch(self, request: web.Request, collection: Collection, selection: Selection) -> web.StreamResponse:
        if request.query.get("sendInitialEvents") == "true":
            return failure(422, "Invalid")  # client-go falls back to list, then watch
        queue: asyncio.Queue[tuple[str, Object]] = asyncio.Queue()
        self._store.watchers[collection].append(queue)
        response = web.StreamResponse(headers={"content-type": "application/json"})
        await response.prepare(request)
        try:
            while True:
                event, thing = await queue.get()
                if selection.takes(thing):
                    line = json.dumps({"type": event, "object": selection.shape(thing)})
                    await response.write(line.encode() + b"\n")
        finally:
            self._store.watchers[collection].remove(queue)

    def _list(self, collection: Collection, selection: Selection) -> web.Response:
        items = [selection.shape(each) for each in self._store.objects[collection].values() if selection.takes(each)]
        version = f"{collection.group}/{collection.version}".lstrip("/")
        kind = SINGULARS.get(collection.plural, collection.plural.capitalize().removesuffix("s")) + "List"
        if selection.metadata_only:
            kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        metadata = {"resourceVersion": str(self._store.version)}
        return web.json_response({"kind": kind, "apiVersion": version, "metadata": metadata, "items": items})


def review(collection: Collection, body: Object) -> Object:
    """Everybody may do everything; a token is whose it says it is."""
    if collection.plural != "tokenreviews":
        return {"allowed": True}
    spec = body["spec"]
    try:
        payload = spec["token"].split(".")[1]
        user = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    except (IndexError, KeyError, ValueError):
        user = ""
    who = {"username": user, "groups": ["system:serviceaccounts"]}
    return {"authenticated": bool(user), "user": who, "audiences": spec.get("audiences", [])}


def main(port: str, *files: str) -> None:
    store = Store()
    for file in files:
        store.load(file)
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{tail:.*}", Api(store).answer)
    web.run_app(app, host="127.0.0.1", port=int(port), print=None)


if __name__ == "__main__":
    main(*sys.argv[1:])
