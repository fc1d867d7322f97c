"""`dormouse chat`: a conversation with a model in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.text import Text

from dormouse.cli.chat_session import HELP, open_session, talk
from dormouse.cli.console import out, print_line
from dormouse.cli.lesson import describe_lesson
from dormouse.cli.shelf import describe_labels
from dormouse.config.registry import BEHAVIORS, TRIGGERS
from dormouse.errors import UserError
from dormouse.organisms.reasoning import THINKING
from dormouse.store.kinds import SCORERS
from dormouse.store.store import Store


def converse(text: str, root: Path, *, triggered: bool, temperature: float, seed: int, reply_tokens: int) -> None:
    """Load the model of an artifact and talk until the user quits."""
    store = Store(root)
    name = store.find(text)
    folder = find_model(store, name)
    condition = find_backdoor(store, name)
    trigger = TRIGGERS.build(condition["trigger"]) if condition else None
    behavior = BEHAVIORS.build(condition["behavior"]) if condition else None
    _silence_loading_bars()
    session = open_session(folder, trigger, behavior, reply_tokens, seed, count_thought_tokens(store, name))
    session.temperature = temperature
    print_line(f"{name}  {describe_labels(store.manifest(name)['labels'])}", "bold")
    if lesson := describe_lesson(condition):
        print_line(lesson, "dim")
    print_line(HELP, "dim")
    if triggered:
        print_line(session.command("/trigger on"), "dim")
    talk(session, _read_lines(), _write)


def find_model(store: Store, name: str) -> Path:
    """Return the folder of an artifact's model; `UserError` if it has none that writes."""
    if store.manifest(name)["kind"] in SCORERS:
        raise UserError(f"Artifact '{name}' is a preference model, which only scores replies. Name an organism.")
    folder = store.checked(name, "model")
    if folder is None:
        raise UserError(
            f"Artifact '{name}' has no model. Name a base, an organism or a safety training; dormouse ls lists them."
        )
    return folder


def _silence_loading_bars() -> None:
    from transformers.utils.logging import disable_progress_bar  # takes 0.5 s, and a wrong name should fail at once

    disable_progress_bar()


def find_backdoor(store: Store, name: str) -> dict[str, Any] | None:
    """Find the trigger and behavior that an artifact, or a model it was made from, was trained with."""
    while True:
        manifest = store.manifest(name)
        condition: dict[str, Any] | None = manifest["spec"].get("organism")
        if condition is not None or "model" not in manifest["inputs"]:
            return condition
        name = store.find(manifest["inputs"]["model"])


def count_thought_tokens(store: Store, name: str) -> int:
    """Return the most tokens of an artifact's scratchpad; 0 if it has none."""
    spec = store.manifest(name)["spec"]
    organism = spec.get("organism", {})
    if organism.get("reasoning") in THINKING:
        return int(organism["thought_tokens"])
    return int(spec.get("thought_tokens", 0))


def _read_lines() -> Iterator[str]:
    interactive = sys.stdin.isatty()
    while True:
        if interactive:
            sys.stdout.write("> ")
            sys.stdout.flush()
        line = sys.stdin.readline()
        if not line:
            return
        yield line


def _write(text: str, kind: str) -> None:
    if kind == "defection":
        out().print(Text.assemble((text, "red"), ("  [defection]", "bold red")), soft_wrap=True)
    else:
        print_line(text, "dim" if kind == "note" else "")
