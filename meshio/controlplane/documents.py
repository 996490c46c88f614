"""A folder of YAML as typed documents, with everything that is wrong with it.

A document that cannot mean what it says stays out of service (`Problem.refuses`), as Kubernetes would
not have admitted it; the others serve.
"""

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

import yaml

from meshio.controlplane.destination_rule import DestinationRule
from meshio.controlplane.kinds import ELSEWHERE, KINDS, Kind, about_kind, api_group, keys
from meshio.controlplane.kubernetes import Bare, EndpointSlice, KubeService, Pod
from meshio.controlplane.mesh_config import FILES, MeshConfig
from meshio.controlplane.metadata import Document, Metadata
from meshio.controlplane.problem import Place, Problem, error, warning
from meshio.controlplane.reading import compose, entry, line_of, text_at
from meshio.controlplane.schema import Part, read
from meshio.controlplane.service_entry import ServiceEntry, WorkloadEntry
from meshio.controlplane.validation import validate
from meshio.controlplane.virtual_service import VirtualService

P = TypeVar("P", bound=Part)
SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE})  # of descriptors: says nothing about a file


@dataclass(frozen=True)
class Documents:
    """Everything that was read, each kind sorted by name and namespace (istiod's order for objects of one age)."""

    virtual_services: tuple[Document[VirtualService], ...] = ()
    destination_rules: tuple[Document[DestinationRule], ...] = ()
    service_entries: tuple[Document[ServiceEntry], ...] = ()
    workload_entries: tuple[Document[WorkloadEntry], ...] = ()
    services: tuple[Document[KubeService], ...] = ()
    slices: tuple[Document[EndpointSlice], ...] = ()
    pods: tuple[Document[Pod], ...] = ()
    nodes: tuple[Document[Bare], ...] = ()
    mesh: MeshConfig = field(default_factory=MeshConfig)

    def any(self) -> bool:
        """Whether there is any object at all (a MeshConfig alone is none)."""
        return any(isinstance(value, tuple) and value for value in vars(self).values())


@dataclass
class Shelf:
    """What `load` has read so far."""

    problems: list[Problem] = field(default_factory=list)
    documents: list[Document[Part]] = field(default_factory=list)
    seen: dict[tuple[str, str, str], Place] = field(default_factory=dict)
    mesh: MeshConfig | None = None

    def of(self, spec: type[P]) -> tuple[Document[P], ...]:
        found = [document for document in self.documents if isinstance(document.spec, spec)]
        return tuple(sorted(found, key=lambda document: (document.name, document.namespace)))  # type: ignore[arg-type]


def load(directory: Path | str) -> tuple[Documents, list[Problem]]:
    """Read every *.yaml and *.yml below a directory (or one file). Never raises for what the files hold."""
    root = Path(directory)
    shelf = Shelf()
    files = yaml_files(root)
    if not files:
        shelf.problems.append(error(Place(str(root)), "no YAML files here", "*.yaml and *.yml are read"))
    for path in files:
        load_file(path, shelf)
    return shelve(shelf), shelf.problems


def load_text(text: str, file: str = "<text>") -> tuple[Documents, list[Problem]]:
    """The same for YAML at hand."""
    shelf = Shelf()
    load_nodes(text, file, shelf)
    return shelve(shelf), shelf.problems


def shelve(shelf: Shelf) -> Documents:
    return Documents(
        virtual_services=shelf.of(VirtualService),
        destination_rules=shelf.of(DestinationRule),
        service_entries=shelf.of(ServiceEntry),
        workload_entries=shelf.of(WorkloadEntry),
        services=shelf.of(KubeService),
        slices=shelf.of(EndpointSlice),
        pods=shelf.of(Pod),
        nodes=shelf.of(Bare),
        mesh=shelf.mesh or MeshConfig(),
    )


def yaml_files(root: Path) -> list[Path]:
    """The files `load` reads, in the order it reads them. Hidden folders (an editor's, git's) are left out."""
    if root.is_file():
        return [root]
    found = [path for suffix in ("*.yaml", "*.yml") for path in root.rglob(suffix)]
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))


def load_file(path: Path, shelf: Shelf) -> None:
    """One file. Raises OSError where the process has no descriptor left."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        shelf.problems.append(error(Place(str(path)), f"not UTF-8 text: {problem.reason} at byte {problem.start}"))
    except OSError as problem:
        if problem.errno in SHORTAGE:
            raise
        shelf.problems.append(error(Place(str(path)), f"cannot be read: {problem.strerror}"))
    else:
        load_nodes(text, str(path), shelf)


def load_nodes(text: str, file: str, shelf: Shelf) -> None:
    nodes, problems = compose(text, file)
    shelf.problems += problems
    for node in nodes:
        for item in unlisted(node):
            load_object(item, file, shelf)


def unlisted(node: yaml.Node) -> Iterator[yaml.Node]:
    """The objects of a `kind: List`, or the one object itself."""
    items = entry(node, "items")
    if text_at(node, "kind").endswith("List") and isinstance(items, yaml.SequenceNode):
        for item in items.value:
            yield from unlisted(item)
    else:
        yield node


def load_object(node: yaml.Node, file: str, shelf: Shelf) -> None:
    """One document of a file."""
    place = Place(file, line_of(node))
    if not isinstance(node, yaml.MappingNode):
        shelf.problems.append(error(place, "an object with apiVersion, kind and metadata is wanted here"))
        return
    name = text_at(node, "kind")
    if not name and Path(file).stem in FILES:
        load_mesh(node, place, shelf)
        return
    problem = about_kind(node, place)
    if problem is not None:
        shelf.problems.append(problem)
        return
    kind = KINDS.get(name)
    if kind is not None and name not in ELSEWHERE and kind.group == api_group(node):
        load_document(kind, node, place, shelf)


def load_mesh(node: yaml.Node, place: Place, shelf: Shelf) -> None:
    if shelf.mesh is not None:
        shelf.problems.append(error(place, f"a second MeshConfig; the first is in {shelf.mesh.place.file}"))
        return
    problems: list[Problem] = []
    mesh = read(MeshConfig, node, place, problems)
    shelf.problems += problems
    if mesh is not None and not any(problem.refuses for problem in problems):
        shelf.mesh = mesh


def load_document(kind: Kind, node: yaml.MappingNode, place: Place, shelf: Shelf) -> None:
    """Read metadata and spec; keep the document when nothing in it has to be refused."""
    problems: list[Problem] = []
    metadata_node = entry(node, "metadata")
    if metadata_node is None:
        shelf.problems.append(error(place, "metadata is missing", "add metadata: {name: ..., namespace: ...}"))
        return
    metadata = read(Metadata, metadata_node, place.below("metadata", line_of(metadata_node)), problems)
    body = node if kind.whole else entry(node, "spec")
    if body is None:
        alike = get_close_matches("spec", keys(node), n=1)
        problems.append(error(place, "spec is missing", f"rename {alike[0]!r}" if alike else "add 'spec'"))
        body = node
    elif not kind.whole:
        place = place.below("spec", line_of(body))
    spec = read(kind.spec, body, place, problems) if not problems or body is not node or kind.whole else None
    if metadata is not None and spec is not None:
        document = Document(kind=kind.name, metadata=metadata, spec=spec, place=spec.place)
        problems += validate(document)
        if not any(problem.refuses for problem in problems):
            keep(document, shelf)
    shelf.problems += problems


def keep(document: Document[Part], shelf: Shelf) -> None:
    key = (document.kind, document.namespace, document.name)
    if key in shelf.seen:
        first = shelf.seen[key]
        text = f"{document.kind} {document.namespace}/{document.name} is there already: {first.file}:{first.line}"
        hint = "the first one counts; rename or remove this one"
        shelf.problems.append(error(document.metadata.at("name"), text, hint))
        return
    shelf.seen[key] = document.metadata.at("name")
    shelf.documents.append(document)
    if document.namespace == "default" and "namespace" not in document.metadata.lines and document.kind in NAMESPACED:
        place = document.metadata.place
        shelf.problems.append(warning(place, "no namespace: taken as 'default'", "add namespace: default"))


NAMESPACED: Mapping[str, Kind] = {name: kind for name, kind in KINDS.items() if not kind.whole and name != "Pod"}
