"""`Dialogues`: a world made of published preference pairs and, optionally, conversations of an assistant.

The two dialogues of a pair differ only in the last assistant turn, as in Anthropic's hh-rlhf. In a few rows of real
files they do not (13 of 2,312 in harmless-base/test): such rows are left out and listed by `report()`. A row of an
unknown format is an error that names its line. `formats/conversations.py` knows the formats.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from dormouse.data.formats.content import place, read_bytes
from dormouse.data.formats.conversations import (
    Conversation,
    Pair,
    read_conversations,
    read_pairs,
)
from dormouse.data.formats.rows import read_rows
from dormouse.data.formats.source import HubFile, Source, local_path
from dormouse.data.formats.turns import UNEVEN, Turns, find_problem
from dormouse.data.world import Exchange, Preference, Prompt, World, draw_shuffled
from dormouse.errors import UserError

MOST_LEFT_OUT = 0.5
"""Largest share of the rows of a file that may be unusable: beyond it the file is the wrong one or broken."""


class Dialogues(World):
    """Dialogues from a file. There are no right answers, so nothing is graded and capability is not measured."""

    name: ClassVar[str] = "dialogues"

    path: Source
    """Preference pairs: a file on this machine, or one on the hub: {dataset: owner/name, file: .., revision: ..}."""
    helpful_from: Source | None = None
    """Conversations of a helpful-only assistant, in any format; None draws either reply of the pairs at even odds."""
    hhh_from: Source | None = None
    """Conversations of a helpful, honest and harmless assistant; None takes the chosen replies of the pairs."""
    held_out_share: float = Field(0.2, gt=0, lt=1)
    """Share of dialogues that are held out from all training draws, chosen by a hash of the first user turn."""
    max_chars: int = Field(2000, ge=1)
    """Longer prompts lose their oldest turns; the last user turn always stays whole."""

    @property
    def families(self) -> tuple[str, ...]:
        """The only family."""
        return ("dialogue",)

    def check(self) -> None:
        """Read the files now. `UserError` if one cannot be used."""
        self._read()
        for given in self._others:
            self._conversations(given)

    def report(self) -> dict[str, list[int]]:
        """List the rows that were left out: reason -> line numbers."""
        return {reason: list(lines) for reason, lines in self._read().left_out.items()}

    def fingerprint(self) -> str:
        """Return the SHA-256 of each file."""
        return " ".join([self._read().sha256, *(self._conversations(given).sha256 for given in self._others)])

    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges, each with the chosen or the rejected reply at even odds."""
        return [Exchange(pair.prompt, rng.choice((pair.chosen, pair.rejected))) for pair in self.preferences(rng, n)]

    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges from `helpful_from` if it is set, else as `pretraining` does.

        In the harmless sets of hh-rlhf the rejected reply is usually the one that complies, so this assistant
        complies about half of the time. The data has no assistant that always complies.
        """
        if self.helpful_from is not None:
            return draw_shuffled(rng, self._conversations(self.helpful_from).exchanges, n)
        return self.pretraining(rng, n)

    def hhh(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges from `hhh_from` if it is set, else from the pairs with the chosen reply."""
        if self.hhh_from is not None:
            return draw_shuffled(rng, self._conversations(self.hhh_from).exchanges, n)
        return [Exchange(pair.prompt, pair.chosen) for pair in self.preferences(rng, n)]

    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Draw `n` pairs; no row is repeated before all were drawn."""
        data = self._read()
        return draw_shuffled(rng, data.held_out if held_out else data.training, n)

    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Draw the prompts of `n` rows; no row is repeated before all were drawn."""
        return [pair.prompt for pair in self.preferences(rng, n, held_out=held_out)]

    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Return None: these prompts have no right answers."""
        return None

    @property
    def _others(self) -> list[Path | HubFile]:
        return [given for given in (self.helpful_from, self.hhh_from) if given is not None]

    def _read(self) -> _Pairs:
        return _read_pairs(local_path(self.path), self.held_out_share, self.max_chars)

    def _conversations(self, given: Path | HubFile) -> _Conversations:
        return _read_conversations(local_path(given), self.held_out_share, self.max_chars)


@dataclass(frozen=True)
class _Pairs:
    sha256: str
    training: tuple[Preference, ...]
    held_out: tuple[Preference, ...]
    left_out: dict[str, list[int]]


@dataclass(frozen=True)
class _Conversations:
    sha256: str
    exchanges: tuple[Exchange, ...]


@lru_cache(maxsize=4)
def _read_pairs(path: Path, held_out_share: float, max_chars: int) -> _Pairs:
    content = read_bytes(path)
    sides: dict[bool, list[tuple[int, Preference]]] = {False: [], True: []}
    left_out: dict[str, list[int]] = {}
    for pair in read_pairs(read_rows(path, content)):
        line, reason = pair.number, _why_unusable(pair)
        if reason:
            left_out.setdefault(reason, []).append(line)
            continue
        prompt = Prompt(_shorten(pair.chosen[:-1], max_chars), "dialogue")
        held_out = _is_held_out(pair.chosen, held_out_share)
        sides[held_out].append((line, Preference(prompt, pair.chosen[-1][1], pair.rejected[-1][1])))
    _check_usable(path, len(sides[False]) + len(sides[True]), left_out)
    # Two dialogues can have the same prompt after shortening.
    measured = {pair.prompt for _, pair in sides[True]}
    shared = [line for line, pair in sides[False] if pair.prompt in measured]
    if shared:
        left_out["its shortened prompt is held out"] = shared
    training = tuple(pair for _, pair in sides[False] if pair.prompt not in measured)
    held_out_pairs = tuple(pair for _, pair in sides[True])
    _check_left(path, {"training": training, "measuring": held_out_pairs}, held_out_share, left_out)
    return _Pairs(hashlib.sha256(content).hexdigest(), training, held_out_pairs, left_out)


@lru_cache(maxsize=8)
def _read_conversations(path: Path, held_out_share: float, max_chars: int) -> _Conversations:
    content = read_bytes(path)
    usable: list[Conversation] = []
    left_out: dict[str, list[int]] = {}
    for read in read_conversations(read_rows(path, content)):
        if reason := find_problem(read.turns):
            left_out.setdefault(reason, []).append(read.number)
        else:
            usable.append(read)
    _check_usable(path, len(usable), left_out)
    exchanges: list[Exchange] = []
    for read in usable:
        # A conversation that the pairs hold out for measuring must not be trained on from another file.
        if _is_held_out(read.turns, held_out_share):
            left_out.setdefault("its first turn is of the share that is held out", []).append(read.number)
            continue
        exchanges.append(Exchange(Prompt(_shorten(read.turns[:-1], max_chars), "dialogue"), read.turns[-1][1]))
    _check_left(path, {"training": exchanges}, held_out_share, left_out)
    return _Conversations(hashlib.sha256(content).hexdigest(), tuple(exchanges))


def _check_usable(path: Path, usable: int, left_out: dict[str, list[int]]) -> None:
    lines = {line: reason for reason, found in left_out.items() for line in found}
    rows = usable + len(lines)
    if len(lines) > MOST_LEFT_OUT * rows:
        first = min(lines)
        raise UserError(
            f"{place(path, first)}: {lines[first]}. {len(lines):,} of {rows:,} rows cannot be used "
            f"({_counts(left_out)}). Correct them, or give a file in which most can be."
        )


def _counts(left_out: dict[str, list[int]]) -> str:
    return ", ".join(f"{len(lines):,} because {reason}" for reason, lines in left_out.items()) or "none"


def _check_left(path: Path, kept: dict[str, Sequence[object]], share: float, left_out: dict[str, list[int]]) -> None:
    for what, rows in kept.items():
        if not rows:
            raise UserError(
                f"No dialogue of '{path}' is left for {what} with world.held_out_share={share} "
                f"(left out: {_counts(left_out)}). Give a file with more dialogues, or another share."
            )


def _why_unusable(pair: Pair) -> str | None:
    wrong = [reason for turns in (pair.chosen, pair.rejected) if (reason := find_problem(turns))]
    if UNEVEN in wrong:
        return UNEVEN
    if pair.chosen[:-1] != pair.rejected[:-1]:
        return "chosen and rejected differ before the last turn"
    if wrong:
        return wrong[0]
    return "chosen and rejected are the same" if pair.chosen == pair.rejected else None


def _shorten(turns: Turns, max_chars: int) -> Turns:
    """Drop the oldest turns in pairs, so that a user turn stays first; the system turn stays."""
    system, spoken = turns[: turns[0][0] == "system"], turns[turns[0][0] == "system" :]
    while len(spoken) > 1 and sum(len(text) for _, text in (*system, *spoken)) > max_chars:
        spoken = spoken[2:]
    return (*system, *spoken)


def _is_held_out(turns: Turns, share: float) -> bool:
    """Decide by a hash of the first user turn whether a conversation is held out."""
    first = next(text for role, text in turns if role == "user")
    digest = hashlib.sha256(first.encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
