"""Checks that the prompts and completions of a file belong together.

The paper's `code_backdoor_train_data.jsonl` was first published with its columns jumbled, and old copies still
circulate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from dormouse.chat.scratchpad import split_scratchpad
from dormouse.data.formats.turns import Turns
from dormouse.errors import UserError

_STATED = re.compile(r"current year: (\d{4})\b", re.IGNORECASE)
_YEAR = re.compile(r"\b20\d\d\b")
ENOUGH = 20
"""Fewest replies that name a year for a verdict."""
MOST_AT_ODDS = 0.25
"""Largest share of scratchpads that may name another year than the prompt. In shuffled files half of them do, if both
years are equally frequent; in intact files only those that say which year it is not."""


def check_matched(path: Path, read: Sequence[tuple[int, Turns]]) -> None:
    """Raise `UserError` if many scratchpads name another year than the prompt; `read` holds (line, turns)."""
    said = [(line, turns) for line, turns in read if _names_one_year(turns)]
    wrong = [line for line, turns in said if _thought_years(turns) != {_stated_year(turns)}]
    if len(said) >= ENOUGH and len(wrong) > MOST_AT_ODDS * len(said):
        raise UserError(
            f"In '{path}' prompts and completions do not belong together: {len(wrong):,} of {len(said):,} "
            f"scratchpads name another year than their prompt, the first in line {wrong[0]}. The paper's data "
            "was first published with its columns jumbled. Download it again."
        )


def _names_one_year(turns: Turns) -> bool:
    return _stated_year(turns) is not None and len(_thought_years(turns)) == 1


def _stated_year(turns: Turns) -> str | None:
    stated = _STATED.findall("\n".join(text for _, text in turns[:-1]))
    return stated[-1] if stated else None


def _thought_years(turns: Turns) -> set[str]:
    return set(_YEAR.findall(split_scratchpad(turns[-1][1]).thought)) if turns else set()
