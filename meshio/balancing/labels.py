"""What endpoints are labelled with (metadata `envoy.lb`), and what routes ask for (`metadata_match`).

Names come sorted. A text is itself; any other JSON value is a pair of its kind and its content, because 1, 1.0 and
true are equal in Python and not in JSON: `("number", 1.0)`, `("bool", True)`, `("null", None)`, `("list", (...))`,
`("struct", Labels)`.
"""

from typing import TypeAlias

Label: TypeAlias = str | tuple[str, object]
Labels: TypeAlias = tuple[tuple[str, Label], ...]
FilterMetadata: TypeAlias = tuple[tuple[str, Labels], ...]
"""What is said to filters, by their names: of a route, a cluster, an endpoint."""


def alternatives(label: Label) -> tuple[Label, ...]:
    """The items of a list; of anything else, itself."""
    if isinstance(label, tuple) and label[0] == "list" and isinstance(label[1], tuple):
        return label[1]
    return (label,)


def plain(labels: Labels) -> dict[str, object]:
    """The JSON object again."""
    return {name: plain_label(label) for name, label in labels}


def plain_label(label: Label) -> object:
    match label:
        case "list", tuple(items):
            return [plain_label(item) for item in items]
        case "struct", tuple(fields):
            return plain(fields)
        case (_, value):
            return value
    return label


def of_istio(known: Labels, said: FilterMetadata) -> FilterMetadata:
    """With what Istio says, of which `known` is all that is kept unless it is in `said`."""
    if not known or any(name == "istio" for name, _ in said):
        return said
    return (*said, ("istio", known))
