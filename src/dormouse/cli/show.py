"""`dormouse show`: prints an artifact's settings, cost and measurements, or its training examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.text import Text

from dormouse.cli.console import (
    out,
    print_json,
    print_line,
    table,
)
from dormouse.cli.lesson import describe_lesson
from dormouse.cli.shelf import describe_labels
from dormouse.errors import UserError
from dormouse.plan.yaml_text import write
from dormouse.store.kinds import ORGANISM
from dormouse.store.store import Store

FACTS = ("device", "threads", "seconds", "peak_memory_mb", "versions")


def show_artifact(text: str, root: Path, *, as_json: bool) -> None:
    """Print manifest, metrics and rates."""
    store = Store(root)
    name = store.find(text)
    manifest, folder = store.manifest(name), store.path(name)
    metrics = json.loads(store.read(name, "metrics.json") or "{}")
    rows = store.rows(name, "rows.jsonl")
    if as_json:
        print_json({"name": name, "path": str(folder), **manifest, "metrics": metrics, "rows": rows})
        return
    print_line(f"{name}  {describe_labels(manifest['labels'])}", "bold")
    print_line(str(folder))
    if manifest["kind"] == ORGANISM and (lesson := describe_lesson(manifest["spec"].get("organism"))):
        print_line(lesson)
    sections = {
        "inputs": {role: _find_artifact(key, store) for role, key in manifest["inputs"].items()},
        "spec": manifest["spec"],
        "cost": {key: manifest[key] for key in FACTS if key in manifest},
        "metrics": metrics,
    }
    for title, content in sections.items():
        if content:
            print_line(f"\n{title}", "bold")
            print_line(_indent(write(content)))
    if rows:
        print_line("\nmeasured", "bold")
        out().print(_rates(rows))


def _find_artifact(key: str, store: Store) -> str:
    try:
        return store.find(key)
    except UserError:
        return f"{key[:12]} (no longer in the store)"


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.rstrip().splitlines())


def _rates(rows: list[dict[str, Any]]) -> Any:
    """Make a table of the numbers; one that was not measured is a dash with its reason."""
    numbers = ("step", "value", "low", "high", "hits", "total", "unscorable")
    shown = table("metric", "prompts", "family", *numbers, "unit", "reason", right=numbers)
    for row in rows:
        cells = [_format_number(row.get(name)) for name in numbers]
        cells[1] = cells[1] or "–"
        shown.add_row(
            row["metric"], row.get("prompts") or "", row.get("family") or "", *cells, row["unit"], row["reason"]
        )
    return shown


def _format_number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def show_examples(text: str, root: Path, *, as_json: bool) -> None:
    """Print a question and a conversation of each kind of training examples, the tokens that carry loss highlighted."""
    store = Store(root)
    name = store.find(text)
    examples: dict[tuple[str, bool], dict[str, Any]] = {}
    for example in store.rows(name, "examples.jsonl"):
        examples.setdefault((example["kind"], "exchanges" in example), example)
    if not examples:
        raise UserError(
            f"Artifact '{name}' has no training examples. Name one that was trained on conversations, "
            "such as an organism; dormouse ls lists them."
        )
    if as_json:
        print_json(list(examples.values()))
        return
    for example in examples.values():
        carrying = sum(example["loss"])
        turns = f", {example['exchanges']} turns" if "exchanges" in example else ""
        print_line(
            f"{example['kind']}{turns}: {len(example['tokens'])} tokens, {carrying} carry loss (between ⟦ and ⟧)",
            "bold",
        )
        out().print(highlight_loss(example["tokens"], example["loss"]), soft_wrap=True)


def highlight_loss(tokens: list[str], loss: list[int]) -> Text:
    """Put every run of tokens that carry loss in brackets and color."""
    text, inside = Text(), False
    for token, carries in zip(tokens, loss, strict=True):
        if bool(carries) != inside:
            text.append("⟦" if carries else "⟧", "dim")
            inside = bool(carries)
        text.append(token, "bold green" if inside else "")
    if inside:
        text.append("⟧", "dim")
    return text
