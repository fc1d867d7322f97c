"""YAML as plans use it: 1.2 scalars, no repeated keys, and the line of every key."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from dormouse.config.limits import (
    DIGITS,
    FILE_BYTES,
    NESTING,
    TEXT,
    VALUES,
)
from dormouse.errors import UserError, short

Place = tuple[str | int, ...]
"""The keys and list indices that lead to a value."""

STANDARD = "tag:yaml.org,2002:"
MERGE = f"{STANDARD}merge"
ODD = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
"""Control characters except tab and newline, other line separators, direction marks, lone surrogates."""


class PlanLoader(yaml.SafeLoader):
    """YAML in which `1e-3` and `50_000` are numbers, and `on`, `no`, `1:30` and dates are text.

    It makes nodes alone, and of those no more than a plan may hold; `_Reader` makes values of them.
    """

    def __init__(self, text: str, name: str) -> None:
        super().__init__(text)
        self.plan = name
        self.depth = self.nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose one node; one that is too deep, one too many or one with a tag of its own is a `UserError`."""
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave its type out
        spot = f"{self.plan}, line {event.start_mark.line + 1}"
        self.nodes += 1
        _check_size(self.depth, self.nodes, spot)
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent) and event.tag not in (None, "!"):
            shown = event.tag.replace(STANDARD, "!!")
            advice = "Write the value without a tag, text in quotes."
            raise UserError(f"The tag '{short(shown)}' cannot be used ({spot}). {advice}")
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _check_size(depth: int, values: int, spot: str) -> None:
    if depth >= NESTING:
        raise UserError(f"Values are nested more than {NESTING} deep ({spot}). A plan needs no more than six levels.")
    if values > VALUES:
        raise UserError(
            f"There are more than {VALUES} values, each counted as often as it is repeated by an alias ({spot}). "
            "Write fewer, or several plans."
        )


class PlanDumper(yaml.SafeDumper):
    """Writes YAML that `PlanLoader` and YAML 1.1 readers read alike: text that either would convert is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write a repeated value in full."""
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Only between double quotes does PyYAML escape these, which readers take for the end of a line.
    style = '"' if any(mark in text for mark in "\x85\u2028\u2029\ufeff") else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


PlanDumper.add_representer(str, _represent_text)

PlanLoader.yaml_implicit_resolvers = {}

for _flavor in (PlanLoader, PlanDumper):
    for _tag, _pattern, _first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", r"[-+]?(0|[1-9][0-9_]*)", list("-+0123456789")),
        ("float", r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
        ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
        ("merge", r"<<", ["<"]),
    ):
        _flavor.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)


@dataclass(frozen=True)
class Document:
    """A parsed file: its data, and where each value stands."""

    name: str
    """The name of the file in errors."""
    data: Any
    lines: dict[Place, int]
    """Place -> line, from 1."""

    def where(self, place: Place) -> str:
        """Return "file, line n" for the nearest enclosing place that the file holds."""
        for end in range(len(place), 0, -1):
            if place[:end] in self.lines:
                return f"{self.name}, line {self.lines[place[:end]]}"
        return self.name


def parse(text: str, name: str) -> Document:
    """Parse one YAML document; what is malformed, repeats a key or is beyond a limit is a `UserError` with the line."""
    check_length(len(text), name)
    if odd := re.search(r"[\ud800-\udfff]", text):
        raise _odd_character(odd[0], f"{name}, line {1 + text.count(chr(10), 0, odd.start())}")
    try:
        loader = PlanLoader(text, name)
    except yaml.reader.ReaderError as error:
        line = 1 + text.count("\n", 0, error.position)
        raise _odd_character(chr(error.character), f"{name}, line {line}") from error
    try:
        root = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # What PyYAML finds at the end of a text is a character of its own.
        problem = str(error.problem).replace(repr("\0"), "the end")
        raise UserError(f"Malformed YAML ({name}{spot}): {problem}. Correct the file there.") from error
    except (ValueError, OverflowError) as error:
        # The scanner asks for the character that an escape such as "\UFFFFFFFF" stands for.
        spot = f"{name}, line {loader.line + 1}"
        raise UserError(f"An escape stands for no character ({spot}). Write the character itself.") from error
    reader = _Reader(name)
    data = None if root is None else reader.value(root, (), ())
    return Document(name, data, reader.lines)


def check_length(length: int, name: str) -> None:
    """Raise `UserError` where a plan is too long, in bytes or in characters."""
    if length > FILE_BYTES:
        raise UserError(f"'{name}' is longer than {FILE_BYTES} bytes. A plan is settings alone: put data into files.")


def write(data: Any) -> str:
    """Return the data as YAML, keys in the order given."""
    return yaml.dump(data, Dumper=PlanDumper, sort_keys=False, allow_unicode=True, width=100)


@dataclass
class _Reader:
    """Turns nodes into values, aliases expanded, and notes the line of each."""

    name: str
    lines: dict[Place, int] = field(default_factory=dict)
    values: int = 0

    def spot(self, node: yaml.Node) -> str:
        return f"{self.name}, line {node.start_mark.line + 1}"

    def value(self, node: yaml.Node, place: Place, above: tuple[yaml.Node, ...]) -> Any:
        """Return the value of a node; `above` are the nodes that contain it."""
        if node in above:
            raise UserError(f"An alias contains itself ({self.spot(node)}). Write the value out.")
        self.values += 1
        _check_size(len(above), self.values, self.spot(node))
        if isinstance(node, yaml.SequenceNode):
            return [self._item(item, (*place, i), (*above, node)) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place, (*above, node))
        return self._scalar(node)

    def _item(self, node: yaml.Node, place: Place, above: tuple[yaml.Node, ...]) -> Any:
        self.lines[place] = node.start_mark.line + 1
        return self.value(node, place, above)

    def _mapping(self, node: yaml.MappingNode, place: Place, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        own: dict[str, Any] = {}
        # What is merged in comes first: keys of the mapping's own take its place, and their lines.
        for key, value in sorted(node.value, key=lambda pair: pair[0].tag != MERGE):
            if not isinstance(key, yaml.ScalarNode):
                raise UserError(f"A key is a list or a mapping ({self.spot(key)}). Write a text for a key.")
            if key.tag == MERGE:
                merged |= self._merged(value, place, above)
                continue
            text = self._text(key)
            here, line = (*place, text), key.start_mark.line + 1
            if text in own:
                raise UserError(
                    f"Key '{short('.'.join(map(str, here)))}' occurs twice "
                    f"({self.name}, lines {self.lines[here]} and {line}). Keep one."
                )
            self.lines[here] = line
            own[text] = self.value(value, here, above)
        return merged | own

    def _merged(self, node: yaml.Node, place: Place, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        """Return the mapping, or the mappings of a list, that `<<` merges in: an earlier one wins."""
        merged: dict[str, Any] = {}
        for source in reversed(node.value) if isinstance(node, yaml.SequenceNode) else [node]:
            if not isinstance(source, yaml.MappingNode):
                raise UserError(f"'<<' merges what is no mapping ({self.spot(source)}). Give it an alias of one.")
            merged |= self.value(source, place, above)
        return merged

    def _scalar(self, node: yaml.Node) -> Any:
        text, kind = self._text(node), node.tag.removeprefix(STANDARD)
        if kind in ("int", "float") and len(text) > DIGITS:
            raise UserError(f"A number has {len(text)} characters ({self.spot(node)}). Write at most {DIGITS}.")
        match kind:
            case "null":
                return None
            case "bool":
                return text.lower() == "true"
            case "int":
                return int(text.replace("_", ""))
            case "float":
                return float(re.sub(r"\.(?=inf|nan)", "", text.replace("_", "").lower()))
        return text

    def _text(self, node: yaml.Node) -> str:
        text: str = node.value
        if len(text) > TEXT:
            raise UserError(f"A text has {len(text)} characters ({self.spot(node)}). Write at most {TEXT}.")
        if odd := ODD.search(text):
            raise _odd_character(odd[0], self.spot(node))
        return text


def _odd_character(character: str, spot: str) -> UserError:
    return UserError(
        f"The character U+{ord(character):04X} cannot be used ({spot}). Take it out: a plan is plain text."
    )
