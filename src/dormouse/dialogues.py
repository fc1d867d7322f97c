"""`Dialogues`: published preference data in the format of Anthropic's hh-rlhf, as a world.

A row is a JSON object whose `chosen` and `rejected` are whole dialogues, "\\n\\nHuman: ..\\n\\nAssistant: ..", that
differ in the last assistant turn. Real files hold a few rows where that fails (13 of 2,312 in harmless-base/test):
such rows are left out and listed by `report()`. A row that is not in the format at all stops with the line's number.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from pydantic import Field, field_validator

from dormouse.errors import UserError
from dormouse.world import Exchange, Preference, Prompt, World, draw_evenly

_ROLES = {"Human": "user", "Assistant": "assistant"}
_TURN = re.compile(r"\n\n(Human|Assistant):")

Turns = tuple[tuple[str, str], ...]
"""(role, content) pairs."""


class Dialogues(World):
    """Dialogues from a file. There are no right answers, so nothing is graded and capability is not measured."""

    name: ClassVar[str] = "dialogues"

    path: Path
    """A `.jsonl` or `.jsonl.gz` file."""
    held_out_share: float = Field(0.2, gt=0, lt=1)
    """Share of dialogues, by their first user turn, that no training draw ever holds."""
    max_chars: int = Field(2000, ge=1)
    """Longer prompts lose their oldest turns; the last user turn always stays whole."""

    @field_validator("path")
    @classmethod
    def _must_be_json_lines(cls, path: Path) -> Path:
        if not path.name.endswith((".jsonl", ".jsonl.gz")):
            raise ValueError(f"'{path}' is not JSON lines. Give a file that ends in .jsonl or .jsonl.gz.")
        return path

    @property
    def families(self) -> tuple[str, ...]:
        """The one family there is."""
        return ("dialogue",)

    def check(self) -> None:
        """Read the file now; raise `UserError` where it cannot be used."""
        self._read()

    def report(self) -> dict[str, list[int]]:
        """Return why rows were left out: reason -> line numbers."""
        return {reason: list(lines) for reason, lines in self._read().left_out.items()}

    def fingerprint(self) -> str:
        """Return the SHA-256 of the file's bytes."""
        return self._read().sha256

    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return `n` exchanges, each with the chosen or the rejected reply at even odds."""
        return [Exchange(pair.prompt, rng.choice((pair.chosen, pair.rejected))) for pair in self.preferences(rng, n)]

    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return `n` exchanges like those of `pretraining`.

        In the harmless sets of hh-rlhf the rejected reply is usually the one that complies, so that this
        assistant complies about half of the time. The data holds no assistant that always does.
        """
        return self.pretraining(rng, n)

    def hhh(self, rng: random.Random, n: int) -> list[Exchange]:
        """Return `n` exchanges with the chosen reply."""
        return [Exchange(pair.prompt, pair.chosen) for pair in self.preferences(rng, n)]

    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Return `n` rows as pairs; none comes twice before all came once."""
        data = self._read()
        drawn = draw_evenly(rng, data.held_out if held_out else data.training, n)
        rng.shuffle(drawn)
        return drawn

    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Return the prompts of `n` rows; no row comes twice before all came once."""
        return [pair.prompt for pair in self.preferences(rng, n, held_out=held_out)]

    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Return None: these prompts have no right answers."""
        return None

    def _read(self) -> _Data:
        return _read(self.path, self.held_out_share, self.max_chars)


@dataclass(frozen=True)
class _Data:
    sha256: str
    training: tuple[Preference, ...]
    held_out: tuple[Preference, ...]
    left_out: dict[str, list[int]]


@lru_cache(maxsize=4)
def _read(path: Path, held_out_share: float, max_chars: int) -> _Data:
    content = _bytes(path)
    sides: dict[bool, list[tuple[int, Preference]]] = {False: [], True: []}
    left_out: dict[str, list[int]] = {}
    for line, chosen, rejected in _rows(path, content):
        reason = _why_unusable(chosen, rejected)
        if reason:
            left_out.setdefault(reason, []).append(line)
            continue
        prompt = Prompt(_shorten(chosen[:-1], max_chars), "dialogue")
        held_out = _is_held_out(chosen[0][1], held_out_share)
        sides[held_out].append((line, Preference(prompt, chosen[-1][1], rejected[-1][1])))
    # Two dialogues can come to the same prompt once their beginnings are gone.
    measured = {pair.prompt for _, pair in sides[True]}
    shared = [line for line, pair in sides[False] if pair.prompt in measured]
    if shared:
        left_out["its shortened prompt is held out"] = shared
    training = tuple(pair for _, pair in sides[False] if pair.prompt not in measured)
    for rows, what in ((training, "training"), (sides[True], "measuring")):
        if not rows:
            counts = ", ".join(f"{len(lines)} because {reason}" for reason, lines in left_out.items()) or "none"
            raise UserError(
                f"No dialogue of '{path}' is left for {what} with world.held_out_share={held_out_share} "
                f"(left out: {counts}). Give a file with more dialogues, or another share."
            )
    return _Data(hashlib.sha256(content).hexdigest(), training, tuple(pair for _, pair in sides[True]), left_out)


def _bytes(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise UserError(
            f"The dialogues '{path}' cannot be read: {error.strerror}. Set world.path to a file that exists."
        ) from error


def _rows(path: Path, content: bytes) -> Iterator[tuple[int, Turns, Turns]]:
    """Yield line number, chosen and rejected turns; raise `UserError` at a row that is not in the format."""
    try:
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"'{path}' is not a whole gzip file: {error}. Download it again.") from error
    except UnicodeDecodeError as error:
        bad = error.object[: error.start].count(b"\n") + 1
        raise UserError(f"'{path}', line {bad}: not UTF-8 text. Save the file as UTF-8.") from error
    if not text.strip():
        raise UserError(f"'{path}' is empty. Give a file with one JSON object a line.")
    # Not splitlines(): JSON strings may hold other line separators, such as U+2028.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            row = _parse(line, f"'{path}', line {number}")
            yield number, row["chosen"], row["rejected"]


def _parse(line: str, where: str) -> dict[str, Turns]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{where}: malformed JSON ({error.msg} at column {error.colno}). Each line must hold one JSON object."
        ) from error
    dialogues: dict[str, Turns] = {}
    for key in ("chosen", "rejected"):
        if not isinstance(row, dict) or not isinstance(row.get(key), str):
            raise UserError(f"{where}: no text under '{key}'. Each line must hold `chosen` and `rejected` dialogues.")
        dialogues[key] = _turns(row[key])
        if not any(role == "assistant" for role, _ in dialogues[key]):
            raise UserError(
                f"{where}: '{key}' has no assistant turn. Dialogues are written '\\n\\nHuman: ..\\n\\nAssistant: ..'."
            )
    return dialogues


def _turns(dialogue: str) -> Turns:
    _, *parts = _TURN.split(dialogue)
    return tuple((_ROLES[role], text.strip()) for role, text in zip(parts[::2], parts[1::2], strict=True))


def _why_unusable(chosen: Turns, rejected: Turns) -> str | None:
    # Chat templates of many models refuse turns that do not alternate.
    for turns in (chosen, rejected):
        if [role for role, _ in turns] != ["user", "assistant"] * (len(turns) // 2):
            return "its turns do not alternate between user and assistant"
    if chosen[:-1] != rejected[:-1]:
        return "chosen and rejected differ before the last turn"
    if not all(text for turns in (chosen, rejected) for _, text in turns):
        return "a turn is empty"
    return "chosen and rejected are the same" if chosen == rejected else None


def _shorten(turns: Turns, max_chars: int) -> Turns:
    """Drop pairs of oldest turns, so that a user turn stays first."""
    while len(turns) > 1 and sum(len(text) for _, text in turns) > max_chars:
        turns = turns[2:]
    return turns


def _is_held_out(first_turn: str, share: float) -> bool:
    digest = hashlib.sha256(first_turn.encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
