"""YAML text as a tree of nodes that remember their line.

PyYAML's C parser composes the nodes; they are never turned into plain objects, so that every value of
every document can say where it stands.
"""

from collections.abc import Iterator

import yaml

from meshio.controlplane.problem import Place, Problem, error

MERGE = "tag:yaml.org,2002:merge"
NULL = "tag:yaml.org,2002:null"

# Aliases can make a short file stand for an endless or enormous tree.
LARGEST = 2_000_000

DEEPEST = 500

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def compose(text: str, file: str) -> tuple[list[yaml.Node], list[Problem]]:
    """The documents of a file up to the first syntax error, and that error."""
    nodes: list[yaml.Node] = []
    try:
        if is_bottomless(text):
            return [], [error(Place(file), f"nested more than {DEEPEST} deep")]
        loader = _Loader(text)
        try:
            while loader.check_node():
                node = loader.get_node()
                if node is not None and node.tag != NULL:
                    nodes.append(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as problem:
        return nodes, [syntax_error(problem, file)]
    for node in nodes:
        if not affordable(node):
            return [], [error(Place(file, line_of(node)), "an alias refers to itself or multiplies without bound")]
    return nodes, []


def is_bottomless(text: str) -> bool:
    """Whether a text is nested more than `DEEPEST` deep.

    PyYAML's C composer calls itself for each level, and the process dies where the stack ends; its parser does not,
    but takes time that grows with the square of the depth, so it is stopped as soon as the answer is known.
    Brackets and the length of lines bound the depth, so that ordinary files are not parsed twice.
    """
    bound = text.count("[") + text.count("{") + max(map(len, text.splitlines()), default=0)
    if bound <= DEEPEST:
        return False
    depth = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST:
                return True
    except yaml.YAMLError as problem:  # newer libyaml counts, too; whatever else is wrong, composing tells
        return "nesting depth" in str(problem)
    return False


def syntax_error(problem: yaml.YAMLError, file: str) -> Problem:
    mark = getattr(problem, "problem_mark", None) or getattr(problem, "context_mark", None)
    reason = getattr(problem, "problem", None) or getattr(problem, "reason", None) or str(problem)
    hint = "YAML is indented with spaces" if "\\t" in str(reason) or "tab" in str(reason) else ""
    return error(Place(file, mark.line + 1 if mark is not None else 1), f"not YAML: {reason}", hint)


def affordable(root: yaml.Node) -> bool:
    """False for a tree that contains itself, or is larger than anyone writes once its aliases are followed.

    Iterative, as the tree may be deep. `sizes` holds finished nodes; a node met again before it is
    finished contains itself.
    """
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()
    stack = [(root, False)]
    while stack:
        node, finished = stack.pop()
        if finished:
            open_nodes.discard(id(node))
            sizes[id(node)] = 1 + sum(sizes.get(id(child), 0) for child in children(node))
            if sizes[id(node)] > LARGEST:
                return False
        elif id(node) in open_nodes:
            return False
        elif id(node) not in sizes:
            open_nodes.add(id(node))
            stack.append((node, True))
            stack.extend((child, False) for child in children(node) if id(child) not in sizes)
    return True


def children(node: yaml.Node) -> list[yaml.Node]:
    """Nodes directly below, keys included."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def line_of(node: yaml.Node) -> int:
    """The node's first line, counted from 1."""
    return int(node.start_mark.line) + 1


def pairs(node: yaml.MappingNode) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    """Key and value nodes of a mapping, merge keys (`<<`) followed; a mapping's own keys come last."""
    for key, value in node.value:
        if key.tag == MERGE:
            sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
            for source in reversed(sources):
                if isinstance(source, yaml.MappingNode):
                    yield from pairs(source)
    yield from ((key, value) for key, value in node.value if key.tag != MERGE)


def entry(node: yaml.Node, *path: str) -> yaml.Node | None:
    """The node at a path of keys, or None."""
    found: yaml.Node | None = node
    for name in path:
        if not isinstance(found, yaml.MappingNode):
            return None
        found = next((value for key, value in pairs(found) if key.value == name), None)
    return found


def text_at(node: yaml.Node, *path: str) -> str:
    """The scalar at a path of keys, or ""."""
    found = entry(node, *path)
    return str(found.value) if isinstance(found, yaml.ScalarNode) and found.tag != NULL else ""
