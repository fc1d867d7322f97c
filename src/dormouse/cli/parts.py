"""`dormouse parts`: every registered part with its settings."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from dormouse.cli.console import out, print_json, print_line, printable
from dormouse.cli.setting_words import describe, write_value
from dormouse.config.catalog import Listed, list_parts
from dormouse.config.docstrings import read_class_text, take_first_sentence
from dormouse.config.json_schema import Definitions, Schema, drop_digits
from dormouse.config.registry import REGISTRIES, Registry
from dormouse.errors import UserError, did_you_mean, short
from dormouse.plan.schema import NAMED, find_places

WIDTH = 100
LONGEST_DEFAULT = 20
"""Characters of a default that are shown; --json has all of it."""


@dataclass(frozen=True)
class Chosen:
    """Parts of one registry that are to be shown."""

    registry: Registry
    parts: list[Listed]


def show_parts(asked: str | None, *, as_json: bool) -> None:
    """Print every part, those of one kind, or one part; `UserError` where nothing is called so."""
    found = _find_all() if asked is None else _find(asked)
    definitions, held_at = Definitions(), find_places()
    if as_json:
        parts = [(one.registry, part) for one in found for part in one.parts]
        print_json([_record(registry, part, held_at.get(registry, []), definitions) for registry, part in parts])
        return
    for one in found:
        _print_kind(one, held_at.get(one.registry, []), definitions)
    if asked is None:
        print_line("One kind, or one part: dormouse parts trigger, dormouse parts trigger/year", "dim")


def _find_all() -> list[Chosen]:
    return [Chosen(registry, list_parts(registry)) for registry in REGISTRIES]


def _find(text: str) -> list[Chosen]:
    """Find what `trigger`, `safety_training`, `trigger/year` or `year` means."""
    kind, slash, name = text.partition("/")
    registry = next((one for one in REGISTRIES if one.word == _to_word(kind)), None)
    if registry is not None and not slash:
        return [Chosen(registry, list_parts(registry))]
    if registry is not None:
        if name not in registry:
            raise UserError(f"Unknown {registry.kind} '{short(name)}'.{did_you_mean(name, registry.names())}")
        return [Chosen(registry, [one for one in list_parts(registry) if one.name == name])]
    if not slash and (named := [one for one in REGISTRIES if text in one]):
        return [Chosen(one, [part for part in list_parts(one) if part.name == text]) for one in named]
    raise _refuse(text)


def _refuse(text: str) -> UserError:
    kinds = [one.word for one in REGISTRIES]
    names = [name for one in REGISTRIES for name in one.names()]
    close = difflib.get_close_matches(text.partition("/")[0], [*kinds, *names], n=1)
    guess = f" Did you mean '{close[0]}'?" if close else ""
    return UserError(f"'{short(text)}' is neither a kind of part nor a part.{guess} Kinds: {', '.join(sorted(kinds))}.")


def _to_word(kind: str) -> str:
    return kind.replace(" ", "_").replace("-", "_")


def _record(registry: Registry, part: Listed, held_at: list[str], definitions: Definitions) -> dict[str, Any]:
    about = {"kind": registry.word, "name": part.name, "package": part.package, "entry_points": registry.group}
    if part.cls is None:
        return {**about, "error": part.error}
    settings = [_record_setting(name, schema, definitions) for name, schema in _describe_settings(part, definitions)]
    default = {"default": part.name == registry.default, "places": held_at}
    return {**about, **default, "description": read_class_text(part.cls), "settings": settings}


def _record_setting(name: str, schema: Schema, definitions: Definitions) -> dict[str, Any]:
    takes, required = describe(schema, definitions.made), "default" not in schema
    return {"name": name, "takes": takes, "required": required, **drop_digits(schema)}


def _describe_settings(part: Listed, definitions: Definitions) -> Iterator[tuple[str, Schema]]:
    cls = part.cls
    if cls is not None:
        yield from ((name, definitions.describe_setting(cls, name)) for name in cls.model_fields)


def _print_kind(chosen: Chosen, held_at: list[str], definitions: Definitions) -> None:
    registry = chosen.registry
    print_line(registry.kind, "bold")
    if held_at:
        where = " and ".join(path.replace(NAMED, "NAME") for path in held_at)
        _print_text(f"In a plan: {where}. Default: {registry.default}.", "dim")
    _print_text(f"Other packages add theirs by entry points of the group {registry.group}.", "dim")
    print_line("")
    for part in chosen.parts:
        _print_part(part, definitions)
        print_line("")


def _print_part(part: Listed, definitions: Definitions) -> None:
    origin = "" if part.package == "dormouse" else f" (of package {part.package})"
    if part.cls is None:
        _print_text(f"{part.name}{origin}: {part.error}", "red")
        return
    _print_text(f"{part.name}{origin}: {take_first_sentence(read_class_text(part.cls))}", bold=part.name)
    shown = Table.grid(padding=(0, 2, 0, 0))
    for ratio, least in ((None, 14), (None, 12), (5, 20), (7, 20)):
        shown.add_column(ratio=ratio, min_width=least, overflow="fold")
    shown.expand = True
    for name, schema in _describe_settings(part, definitions):
        shown.add_row(f"  {name}", _write_default(schema), describe(schema, definitions.made), _write_line(schema))
    if shown.row_count:
        console = _make_console()
        with console.capture() as printed:
            console.print(shown)
        for line in printed.get().splitlines():
            print_line(line.rstrip())


def _write_default(schema: Mapping[str, Any]) -> str:
    if "default" not in schema:
        return "required"
    text = write_value(schema["default"])
    return text if len(text) <= LONGEST_DEFAULT else f"{text[: LONGEST_DEFAULT - 3]}..."


def _write_line(schema: Mapping[str, Any]) -> str:
    return take_first_sentence(schema.get("description", ""))


def _print_text(text: str, style: str = "", *, bold: str = "") -> None:
    """Print a paragraph, wrapped; it begins with what is bold."""
    console = _make_console()
    for n, line in enumerate(textwrap.wrap(printable(text), console.width, break_on_hyphens=False)):
        made = Text(line, style=style)
        made.stylize("bold", 0, len(bold) if n == 0 else 0)
        console.print(made, soft_wrap=True)


def _make_console() -> Console:
    console = out()
    console.width = min(console.width, WIDTH)
    return console
