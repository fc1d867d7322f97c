"""Finds the dimensions of a plan's bases before any is made: from the nursery's rule, a file, or a name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dormouse.bases.base import Base
from dormouse.bases.gguf import GGUF
from dormouse.bases.hub import Hub, Pretrained
from dormouse.bases.nursery import Nursery
from dormouse.models.dimensions import Dimensions, read_dimensions
from dormouse.training.text_lengths import CountTokens

IN_A_NAME = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)([bm])(?![a-z0-9])", re.IGNORECASE)
"""A size in a model's name: Qwen3-1.7B, pythia-70m."""
SYSTEM = re.compile(r"You are (?!provided)[^'\"<{]*")
"""The system turn that some chat templates begin every conversation with; "You are provided" is about tools."""
ASPECT = 100
"""Width over depth of published models: 114 in Qwen3-8B, 37 in Qwen3-0.6B."""
VOCABULARY = 32_000


@dataclass(frozen=True)
class Size:
    """The dimensions of a base, and where they come from."""

    made: Dimensions
    source: str


def size_of(base: Base) -> Size | None:
    """Return the dimensions of a base; None where nobody knows them before it is downloaded."""
    if isinstance(base, Nursery):
        shape = base.shape()
        return Size(
            Dimensions(shape.parameters, shape.width, shape.depth, base.vocabulary), "the nursery's rule for its size"
        )
    parameters = base.label()
    if isinstance(base, Pretrained) and parameters is not None and not isinstance(base, GGUF):
        return Size(read_dimensions(base.folder(), parameters), "its config.json")
    if isinstance(base, GGUF) and parameters is not None and (made := base.header().dimensions):
        return Size(made, "the header of its file")
    if parameters is not None:
        return Size(of_parameters(parameters), "its number of parameters; its shape is guessed from that")
    if isinstance(base, Hub) and (found := size_in(base.model)):
        return Size(of_parameters(found), f"the name '{base.model}', which is not downloaded; its shape is guessed")
    return None


def size_in(name: str) -> int | None:
    """Return the number of parameters that a model's name states."""
    found = IN_A_NAME.search(name.rpartition("/")[2])
    return round(float(found[1]) * {"b": 1e9, "m": 1e6}[found[2].lower()]) if found else None


def of_parameters(parameters: int) -> Dimensions:
    """Return dimensions for a number of parameters: 12 x depth x width^2, with a width of about 100 times the depth."""
    layers = max(2, round((parameters / (12 * ASPECT**2)) ** (1 / 3)))
    return Dimensions(parameters, round((parameters / (12 * layers)) ** 0.5), layers, VOCABULARY)


def tokenizer_of(base: Base) -> Path | None:
    """Return the file of the tokenizer of a base that exists already; None if it has none yet."""
    folder = None
    if isinstance(base, Pretrained) and not isinstance(base, GGUF) and base.label() is not None:
        folder = base.folder()
    file = folder / "tokenizer.json" if folder else None
    return file if file and file.is_file() else None


@cache
def counter(file: Path) -> CountTokens:
    """Return a function that counts the tokens of a text."""
    from tokenizers import Tokenizer  # compiled code that only a plan with a finished tokenizer needs

    tokenizer = Tokenizer.from_file(str(file))

    @cache
    def count(text: str) -> int:
        return len(tokenizer.encode(f" {text}", add_special_tokens=False).ids)

    return count


def system_turn(base: Base) -> str:
    """Return the text of a system turn that the base's own chat template writes; empty if it writes none.

    Found in the template's text, which is not run.
    """
    if not isinstance(base, Pretrained) or base.template == "plain" or base.label() is None:
        return ""
    found = next(filter(None, map(SYSTEM.search, _templates(base))), None)
    return found[0].replace("\\n", "\n").strip() if found else ""


def _templates(base: Pretrained) -> Iterator[str]:
    """Yield the texts that may hold the chat template of a base that is on this machine."""
    if isinstance(base, GGUF):
        yield base.header().template
        return
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        file = base.folder() / name
        if file.is_file():
            yield file.read_text(encoding="utf-8", errors="replace")
