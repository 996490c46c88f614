"""What endpoints are labelled with (metadata `envoy.lb`), and what routes ask for (`metadata_match`).

Names come sorted. A text is itself; any other JSON value is a pair of its kind and its content, because 1, 1.0 and
true are equal in Python and not in JSON: `("number", 1.0)`, `("bool", True)`, `("null", None)`, `("list", (...))`,
`("struct", Labels)`.
"""

from typing import TypeAlias

Label: TypeAlias = str | tuple[str, object]
Labels: TypeAlias = tuple[tuple[str, Label], ...]


def alternatives(label: Label) -> tuple[Label, ...]:
    """The items of a list; of anything else, itself."""
    if isinstance(label, tuple) and label[0] == "list" and isinstance(label[1], tuple):
        return label[1]
    return (label,)
