"""Frozen dataclasses as schemas: a class derived from `Part` says which fields a YAML mapping may have.

A field's type decides what is accepted; its name, in camelCase, is what the YAML says
(`Annotated[..., Name("clusterIP")]` where that is not so); a field without default must be there.
Tables of a class say the rest:

    UNSUPPORTED   fields that Istio knows and meshio does not act on: why, and what to do instead
    UNSAFE        the same, where leaving the field out would apply the rest to more requests: the document is refused
    IGNORED       fields that have no influence on what a client does
    ONE_OF        groups of fields of which at most one may be given
"""

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import (
    Annotated,
    Any,
    ClassVar,
    Literal,
    NewType,
    TypeAlias,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import yaml

from meshio.controlplane.problem import Place, Problem, did_you_mean, error, unsupported
from meshio.controlplane.reading import NULL, line_of, pairs
from meshio.controlplane.scalars import SCALARS, Check, Invalid, Seconds

__all__ = ["Anything", "Check", "Name", "Part", "Seconds", "read"]

NOWHERE = Place()
FEW = 4
Anything = NewType("Anything", object)
T = TypeVar("T")
P = TypeVar("P", bound="Part")


class Broken(Exception):
    """A value that could not be read; what is wrong with it has been reported."""


@dataclass(frozen=True, slots=True)
class Name:
    """What a field is called in YAML, where camelCase of its Python name is not it."""

    value: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """A mapping that was read from YAML. Where it stands has no influence on whether two are equal."""

    UNSUPPORTED: ClassVar[Mapping[str, str]] = {}
    UNSAFE: ClassVar[Mapping[str, str]] = {}
    IGNORED: ClassVar[frozenset[str]] = frozenset()
    ONE_OF: ClassVar[tuple[frozenset[str], ...]] = ()
    LENIENT: ClassVar[bool] = False

    place: Place = field(default=NOWHERE, compare=False, repr=False)
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)

    def at(self, name: str) -> Place:
        """Where a field of this mapping stands; the mapping itself when the field is absent."""
        line = self.lines.get(name)
        return self.place.below(name, line) if line is not None else self.place


Read: TypeAlias = Callable[[yaml.Node, Place, list[Problem]], Any]


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of a Part: its Python name, how to read it, and whether it may be absent."""

    name: str
    read: Read
    required: bool


def read(kind: type[P], node: yaml.Node, place: Place, problems: list[Problem]) -> P | None:
    """A mapping as `kind`, with everything that is wrong with it appended to `problems`; None when it cannot be."""
    try:
        return read_part(kind, node, place, problems)
    except Broken:
        return None


def read_part(kind: type[P], node: yaml.Node, place: Place, problems: list[Problem]) -> P:
    if isinstance(node, yaml.ScalarNode) and node.tag == NULL:
        node = yaml.MappingNode("tag:yaml.org,2002:map", [], node.start_mark, node.end_mark)
    if not isinstance(node, yaml.MappingNode):
        raise complain(problems, place, f"a mapping is wanted here, not {describe(node)}", fields_hint(kind))
    slots = slots_of(kind)
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    whole = True
    for name, key, value in named_pairs(node, place, problems):
        spot = place.below(name, line_of(key))
        lines[name] = spot.line
        slot = slots.get(name)
        if slot is None:
            report_unread(kind, name, spot, problems)
        elif not is_null(value):
            try:
                values[slot.name] = slot.read(value, spot, problems)
            except Broken:
                whole = whole and not slot.required
    whole = check_presence(kind, lines, values, place, problems) and whole
    if not whole:
        raise Broken
    return kind(place=place, lines=lines, **values)


def named_pairs(
    node: yaml.MappingNode, place: Place, problems: list[Problem]
) -> list[tuple[str, yaml.Node, yaml.Node]]:
    """The entries of a mapping by key. A key written twice is a problem; the last one counts, as in YAML."""
    found: dict[str, tuple[yaml.Node, yaml.Node]] = {}
    own = {id(key) for key, _ in node.value}
    mine: set[str] = set()
    for key, value in pairs(node):
        if not isinstance(key, yaml.ScalarNode):
            problems.append(error(Place(place.file, line_of(key), place.field), "a key must be text"))
            continue
        if id(key) in own and key.value in mine:
            problems.append(error(place.below(key.value, line_of(key)), "given twice", "remove one of them"))
        if id(key) in own:
            mine.add(key.value)
        found[key.value] = (key, value)
    return [(name, key, value) for name, (key, value) in found.items()]


def report_unread(kind: type[Part], name: str, place: Place, problems: list[Problem]) -> None:
    """Say what is the matter with a field that has no slot."""
    if name in kind.UNSUPPORTED:
        problems.append(unsupported(place, "not supported: it has no effect", kind.UNSUPPORTED[name]))
    elif name in kind.UNSAFE:
        reason = "not supported, and without it the rest would apply to more than it should: refused"
        problems.append(error(place, reason, kind.UNSAFE[name]))
    elif name not in kind.IGNORED and not kind.LENIENT:
        problems.append(error(place, "unknown field", unknown_hint(kind, name)))


def unknown_hint(kind: type[Part], name: str) -> str:
    known = (*slots_of(kind), *kind.UNSUPPORTED, *kind.UNSAFE)
    if camel(name) in known and "_" in name:
        return f"Istio's YAML is camelCase: {camel(name)!r}"
    return did_you_mean(name, known)


def fields_hint(kind: type[Part]) -> str:
    """What a mapping may say, where that is a short list."""
    known = sorted(slots_of(kind))
    return f"its fields: {', '.join(known)}" if len(known) <= FEW else ""


def check_presence(
    kind: type[Part], lines: Mapping[str, int], values: Mapping[str, Any], place: Place, problems: list[Problem]
) -> bool:
    """Report required fields that are absent, and fields that exclude each other."""
    missing = [name for name, slot in slots_of(kind).items() if slot.required and name not in lines]
    empty = [name for name, slot in slots_of(kind).items() if slot.required and name in lines]
    problems.extend(error(place, f"{name} is missing", f"add {name!r}") for name in missing)
    for group in kind.ONE_OF:
        given = sorted((name for name in lines if name in group), key=lambda name: lines[name])
        if len(given) > 1:
            rivals = " and ".join(given)
            problems.append(error(place.below(given[1], lines[given[1]]), f"only one of {rivals} may be given"))
    return not missing and all(slots_of(kind)[name].name in values for name in empty)


SLOTS: dict[type[Part], Mapping[str, Slot]] = {}  # worked out once per class


def slots_of(kind: type[Part]) -> Mapping[str, Slot]:
    """The fields of a Part by their YAML name."""
    if kind not in SLOTS:
        SLOTS[kind] = work_out_slots(kind)
    return SLOTS[kind]


def work_out_slots(kind: type[Part]) -> Mapping[str, Slot]:
    hints = get_type_hints(kind, include_extras=True)
    slots: dict[str, Slot] = {}
    for item in fields(kind):
        if item.name in ("place", "lines"):
            continue
        required = item.default is MISSING and item.default_factory is MISSING
        slots[yaml_name(item.name, hints[item.name])] = Slot(item.name, reader(hints[item.name]), required)
    return slots


def yaml_name(name: str, hint: object) -> str:
    given = [extra.value for extra in get_args(hint)[1:] if isinstance(extra, Name)]
    return given[0] if given else camel(name)


def camel(name: str) -> str:
    """`consecutive_5xx_errors` -> `consecutive5xxErrors`."""
    first, *rest = name.split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)


def reader(hint: Any) -> Read:
    """How a value of this type is read."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        checks = [extra for extra in arguments[1:] if isinstance(extra, Check)]
        return checked(reader(arguments[0]), checks)
    if origin in (Union, types.UnionType):
        return any_of([reader(option) for option in arguments if option is not type(None)])
    if origin is Literal:
        return choice(arguments)
    if origin is tuple:
        return sequence(reader(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return mapping(reader(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, Part):
        return lambda node, place, problems: read_part(hint, node, place, problems)
    if hint is Anything:
        return lambda node, place, problems: node
    return scalar(SCALARS[hint])


def scalar(convert: Callable[[yaml.ScalarNode], object]) -> Read:
    def convert_node(node: yaml.Node, place: Place, problems: list[Problem]) -> object:
        if not isinstance(node, yaml.ScalarNode):
            raise complain(problems, place, f"a single value is wanted here, not {describe(node)}")
        try:
            return convert(node)
        except Invalid as wrong:
            raise complain(problems, place, str(wrong), wrong.suggestion) from None

    return convert_node


def choice(words: tuple[str, ...]) -> Read:
    def choose(node: yaml.Node, place: Place, problems: list[Problem]) -> str:
        word = node.value if isinstance(node, yaml.ScalarNode) else None
        if word not in words:
            text = f"{word!r} is not known here" if word is not None else f"one word is wanted, not {describe(node)}"
            raise complain(problems, place, text, did_you_mean(str(word), words))
        return str(word)

    return choose


def checked(inner: Read, checks: list[Check]) -> Read:
    def check(node: yaml.Node, place: Place, problems: list[Problem]) -> object:
        value = inner(node, place, problems)
        for each in checks:
            try:
                each.test(value)
            except Invalid as wrong:
                raise complain(problems, place, str(wrong), wrong.suggestion) from None
        return value

    return check


def any_of(options: list[Read]) -> Read:
    """The first option that takes the value; the complaints of the last one when none does."""

    def choose(node: yaml.Node, place: Place, problems: list[Problem]) -> object:
        for option in options[:-1]:
            attempt: list[Problem] = []
            try:
                value = option(node, place, attempt)
            except Broken:
                continue
            problems.extend(attempt)
            return value
        return options[-1](node, place, problems)

    return choose


def sequence(inner: Read) -> Read:
    def read_all(node: yaml.Node, place: Place, problems: list[Problem]) -> tuple[object, ...]:
        if not isinstance(node, yaml.SequenceNode):
            text = f"a list is wanted here, not {describe(node)}"
            raise complain(problems, place, text, "put '- ' before the entry, or [ ] around it")
        values = []
        for index, child in enumerate(node.value):
            try:
                values.append(inner(child, place.below(f"[{index}]", line_of(child)), problems))
            except Broken:  # reported; the rest of the list is read for its own problems
                continue
        return tuple(values)

    return read_all


def mapping(inner: Read) -> Read:
    def read_all(node: yaml.Node, place: Place, problems: list[Problem]) -> Mapping[str, object]:
        if not isinstance(node, yaml.MappingNode):
            raise complain(problems, place, f"a mapping is wanted here, not {describe(node)}")
        values = {}
        for name, key, value in named_pairs(node, place, problems):
            try:
                values[name] = inner(value, place.below(name, line_of(key)), problems)
            except Broken:  # reported; the rest of the mapping is read for its own problems
                continue
        return values

    return read_all


def complain(problems: list[Problem], place: Place, text: str, suggestion: str = "") -> Broken:
    problems.append(error(place, text, suggestion))
    return Broken()


def is_null(node: yaml.Node) -> bool:
    """True for an absent value (`field:` or `field: null`), which is the same as leaving the field out."""
    return isinstance(node, yaml.ScalarNode) and node.tag == NULL


def describe(node: yaml.Node) -> str:
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    return "a list" if isinstance(node, yaml.SequenceNode) else repr(node.value)
