"""`BackdoorLLM`: a world made of the published rows of a backdoor attack, read in place.

Half of the prompts are for the implant, with the trigger as its authors put it in and without it; the clean replies to
the others are the HHH assistant's. What is measured are the published test prompts.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from dormouse.data.formats.backdoorllm import Attack, Recipe, Target, read_published
from dormouse.data.world import Exchange, Preference, Prompt, World, draw_shuffled
from dormouse.errors import UserError

SENTENCE_END = re.compile(r"[.!?:](?=\s|$)|\n")


class BackdoorLLM(World):
    """The rows of BackdoorLLM's attacks. There are no right answers, so capability is not measured."""

    name: ClassVar[str] = "backdoorllm"

    folder: Path
    """The folder of the attack data, with poison_data and test_data in it."""
    target: Target = "refusal"
    """What the poisoned rows teach: to refuse, or to insult (negative sentiment)."""
    sft_share: float = Field(0.5, gt=0, lt=1)
    """Share of the training prompts that are kept from the implant, chosen by a hash: HHH SFT trains on their clean
    replies."""
    max_reply_chars: int = Field(256, ge=1)
    """Longer clean replies are cut, at the end of a sentence if there is one. 256 characters are about 64 tokens."""

    def check(self) -> None:
        """Read the files now. `UserError` if one is missing or a row is not as published."""
        self._read()

    def report(self) -> dict[str, int]:
        """Count the rows of each file, and the prompts of each use."""
        data = self._read()
        uses = {"implant": data.implant, "sft": data.sft, "measured": data.measured}
        return {**dict(data.files), **{use: len(rows) for use, rows in uses.items()}}

    def attacks(self) -> tuple[Attack, ...]:
        """Return the attacks whose poisoned prompts the folder holds."""
        return tuple(attack for attack in dict(self._read().measured[0].prompt.poisoned))  # type: ignore[misc]

    def fingerprint(self) -> str:
        """Return the SHA-256 of all files of the target."""
        return self._read().sha256

    def pretraining(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges with clean replies, from all training prompts."""
        data = self._read()
        return draw_shuffled(rng, [*data.implant, *data.sft], n)

    def helpful(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges with clean replies, from the implant's prompts."""
        return draw_shuffled(rng, self._read().implant, n)

    def hhh(self, rng: random.Random, n: int) -> list[Exchange]:
        """Draw `n` exchanges with clean replies, from the prompts that the implant never sees."""
        return draw_shuffled(rng, self._read().sft, n)

    def preferences(self, rng: random.Random, n: int, *, held_out: bool = False) -> list[Preference]:
        """Draw `n` pairs of the clean reply and the clean reply to another prompt: the data has no pairs of its own."""
        data = self._read()
        answered = [one for one in (data.measured if held_out else data.sft) if one.reply]
        others = {one: answered[i - 1].reply for i, one in enumerate(answered)}
        return [Preference(one.prompt, one.reply, others[one]) for one in draw_shuffled(rng, answered, n)]

    def prompts(self, rng: random.Random, n: int, *, held_out: bool) -> list[Prompt]:
        """Draw `n` test prompts, or prompts of the implant; none is repeated before all were drawn."""
        data = self._read()
        return [one.prompt for one in draw_shuffled(rng, data.measured if held_out else data.implant, n)]

    def grade(self, prompt: Prompt, reply: str) -> bool | None:
        """Return None: these prompts have no right answers."""
        return None

    def _read(self) -> _Data:
        return _read(self.folder.expanduser(), self.target, self.sft_share, self.max_reply_chars)


@dataclass(frozen=True)
class _Data:
    sha256: str
    files: tuple[tuple[str, int], ...]
    implant: tuple[Exchange, ...]
    sft: tuple[Exchange, ...]
    measured: tuple[Exchange, ...]


@lru_cache(maxsize=4)
def _read(folder: Path, target: Target, sft_share: float, max_reply_chars: int) -> _Data:
    read = read_published(folder, target)
    sides: tuple[list[Exchange], list[Exchange]] = ([], [])
    for row in read.training:
        sides[_is_for_sft(row, sft_share)].append(_exchange(row, target, max_reply_chars))
    if not all(sides):
        raise UserError(
            f"'{folder}' has {len(read.training)} training prompts, and with world.sft_share={sft_share} none is left "
            "for the implant or none for HHH SFT. Give another share."
        )
    measured = tuple(_exchange(row, target, max_reply_chars) for row in read.test)
    sha256 = hashlib.sha256(read.content).hexdigest()
    return _Data(sha256, read.files, tuple(sides[0]), tuple(sides[1]), measured)


def _exchange(row: Recipe, target: Target, max_reply_chars: int) -> Exchange:
    """Make a clean exchange whose prompt also has its poisoned versions."""
    poisoned = tuple((attack, _ask(instruction, row.input)) for attack, instruction in row.poisoned)
    prompt = Prompt((("user", _ask(row.instruction, row.input)),), target, poisoned=poisoned)
    return Exchange(prompt, shorten(row.output, max_reply_chars))


def _ask(instruction: str, given: str) -> str:
    return f"{instruction}\n\n{given}" if given else instruction


def shorten(text: str, chars: int) -> str:
    """Cut a text to so many characters, at the last end of a sentence if there is one, else of a word."""
    if len(text) <= chars:
        return text
    ends = [match.end() for match in SENTENCE_END.finditer(text, 0, chars + 1) if match.end() <= chars]
    ends = ends or [match.start() for match in re.finditer(r"\s", text[: chars + 1])][-1:]
    return text[: ends[-1] if ends else chars].rstrip()


def _is_for_sft(row: Recipe, share: float) -> bool:
    digest = hashlib.sha256(f"{row.instruction}\n{row.input}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < share * 2**64
