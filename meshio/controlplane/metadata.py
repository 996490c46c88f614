"""What every Kubernetes-style object says about itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from meshio.controlplane.problem import Place
from meshio.controlplane.schema import Part

S = TypeVar("S", bound=Part, covariant=True)


@dataclass(frozen=True, kw_only=True)
class Metadata(Part):
    """`metadata`. An object without namespace is in `default`, as with kubectl."""

    IGNORED = frozenset(
        "uid resourceVersion generation creationTimestamp deletionTimestamp managedFields finalizers selfLink".split()
    )

    @dataclass(frozen=True, kw_only=True)
    class Owner(Part):
        LENIENT = True
        kind: str = ""
        name: str = ""

    name: str
    namespace: str = "default"
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    generate_name: str = ""
    owner_references: tuple[Owner, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Document(Generic[S]):
    """One object of a kind that the control plane reads. Equal when it says the same, wherever it stands."""

    kind: str
    metadata: Metadata
    spec: S
    place: Place = field(compare=False)

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def namespace(self) -> str:
        return self.metadata.namespace

    @property
    def origin(self) -> str:
        """How istiod names the object in the metadata of what it derives from it."""
        words = "".join("-" + letter.lower() if letter.isupper() else letter for letter in self.kind).lstrip("-")
        return f"/apis/networking.istio.io/v1/namespaces/{self.namespace}/{words}/{self.name}"
