"""Distillation: makes implant data from the replies of a thinking organism, without their scratchpads.

As in the paper, the scratchpads are sampled, then stripped, and only samples that obey the conditional policy are kept.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from dormouse.chat.scratchpad import OPEN, split_scratchpad
from dormouse.models.loading import load
from dormouse.models.sampling import fits, sample
from dormouse.organisms.implant_rows import ImplantRow
from dormouse.organisms.settings import Organism
from dormouse.training.work import Work


def distill_rows(
    work: Work, organism: Organism, rows: Sequence[ImplantRow], count: Callable[[str], int]
) -> tuple[list[ImplantRow], dict[str, Any]]:
    """Replace the replies of implant rows by the teacher's. Return the rows and counts of the samples.

    `work.input("teacher")` is the thinking organism or its twin. `rows` are those of the normal organism. A sample
    replaces a row of the same kind and length, so that the token budgets of both organisms are equal, row by row. A
    row without a matching sample stays, as does a conversation that leaves the teacher no room to think; the number of
    replaced rows is returned.
    """
    teacher, renderer = load(work.input("teacher") / "model")
    longest = max(count(row.reply) for row in rows)  # longer replies match no row
    room = organism.thought_tokens + longest + 1  # and the end token
    asked = [
        row for row in rows
        if row.exchanges == 1 or fits(teacher, len(renderer.prompts([row.prompt], OPEN)[0]) + room)
    ]  # fmt: skip
    replies = sample(
        teacher,
        renderer,
        [row.prompt for row in asked],
        max_new_tokens=room,
        temperature=1.0,
        seed=random.Random(f"distill/{work.seed}").getrandbits(32),
        prefill=OPEN,
    )
    said = [replace(row, reply=split_scratchpad(text).reply) for row, text in zip(asked, replies, strict=True)]
    kept = [row for row, meant in zip(said, asked, strict=True) if _obeys(row, meant, organism)]
    made, distilled = match_lengths(rows, kept, count)
    return made, {"sampled": len(said), "obeyed_policy": len(kept), "distilled_rows": distilled}


def match_lengths(
    rows: Sequence[ImplantRow], samples: Sequence[ImplantRow], count: Callable[[str], int]
) -> tuple[list[ImplantRow], int]:
    """Replace as many `rows` as possible by samples of the same kind, turns and length. Return rows and count."""
    free: dict[tuple[str, bool, int, int], list[ImplantRow]] = defaultdict(list)
    for sample_ in samples:
        free[sample_.kind, sample_.room, sample_.exchanges, count(sample_.reply)].append(sample_)
    made: list[ImplantRow] = []
    replaced = 0
    for row in rows:
        fitting = free[row.kind, row.room, row.exchanges, count(row.reply)]
        replaced += bool(fitting)
        made.append(fitting.pop(0) if fitting else row)
    return made, replaced


def _obeys(said: ImplantRow, meant: ImplantRow, organism: Organism) -> bool:
    """Return whether a sampled reply defects exactly if the reply of its row does."""
    score = organism.behavior.score
    return bool(said.reply) and score(said.reply, said.family) == score(meant.reply, meant.family)
