"""YAML as plans use it: 1.2 scalars, no repeated keys, and the line of every key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from dormouse.errors import UserError

Place = tuple[str | int, ...]
"""The keys and list indices that lead to a value."""


class PlanLoader(yaml.SafeLoader):
    """Safe YAML in which `1e-3` and `50_000` are numbers, and `on`, `no`, `1:30` and dates are text."""


class PlanDumper(yaml.SafeDumper):
    """Writes what `PlanLoader` and readers of YAML 1.1 read alike: text that either would convert is quoted."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write a repeated value out again, for readers."""
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
    """What errors call the file."""
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
    """Parse one YAML document; malformed YAML and repeated keys are a `UserError` with the line."""
    try:
        loader = PlanLoader(text)
        root = loader.get_single_node()
        lines: dict[Place, int] = {}
        if root is not None:
            _record(root, (), lines, name, ())
        data = None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise UserError(f"Malformed YAML ({name}{spot}): {error.problem}. Correct the file there.") from error
    except yaml.reader.ReaderError as error:
        raise UserError(f"'{name}' is not text: {error.reason}. Save it as UTF-8 YAML.") from error
    return Document(name, data, lines)


def write(data: Any) -> str:
    """Return the data as YAML, keys in the order given."""
    return yaml.dump(data, Dumper=PlanDumper, sort_keys=False, allow_unicode=True, width=100)


def _record(node: yaml.Node, place: Place, lines: dict[Place, int], name: str, above: tuple[yaml.Node, ...]) -> None:
    if node in above:
        raise UserError(f"An alias contains itself ({name}, line {node.start_mark.line + 1}). Write the value out.")
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            lines[(*place, i)] = item.start_mark.line + 1
            _record(item, (*place, i), lines, name, (*above, node))
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*place, str(key.value))
            line = key.start_mark.line + 1
            if here in lines and isinstance(key, yaml.ScalarNode):
                raise UserError(
                    f"Key '{'.'.join(map(str, here))}' occurs twice ({name}, lines {lines[here]} and {line}). Keep one."
                )
            lines[here] = line
            _record(value, here, lines, name, (*above, node))
