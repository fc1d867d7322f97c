"""Worked examples: questions with reasoning, subquestions and their answers, ours or from a file that a plan names."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from dormouse.data.decomposed.tags import fill, references, with_references
from dormouse.data.formats.choices import LETTERS, ChoiceQuestion
from dormouse.data.formats.rows import Row, read_rows

OURS = "shots.json"
KEYS = ("question", "choices", "answer", "steps", "subquestions")
FORM = (
    '{"question": .., "choices": [..], "answer": the right choice\'s text, "steps": [..], '
    '"subquestions": [{"question": .. with #1 for the first answer, "answer": ..}, ..]}'
)


def pairs_of(question: ChoiceQuestion) -> list[tuple[str, str]]:
    """Return the subquestions with earlier answers in place, each with its answer; nothing without answers."""
    if not question.answers:
        return []
    said = dict(enumerate(question.answers, start=1))
    asked = [fill(with_references(text), said) for text in question.subquestions]
    return list(zip(asked, question.answers, strict=True))


def our_shots() -> list[ChoiceQuestion]:
    """The fourteen examples that come with dormouse: ordinary questions, with the right choice in any place."""
    path = files("dormouse.data.decomposed") / OURS
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [_read(Row(Path(OURS), n, values)) for n, values in enumerate(rows, start=1)]


def read_shots(path: Path) -> list[ChoiceQuestion]:
    """Read a file of worked examples. `UserError` names a row that is none."""
    return [_read(row) for row in read_rows(path)]


def asides(shots: Sequence[ChoiceQuestion], most: int) -> list[tuple[str, str]]:
    """Pick subquestions as examples of answering one alone: the last of each shot, at most so many."""
    return [pairs_of(shot)[-1] for shot in shots[:most]]


def _read(row: Row) -> ChoiceQuestion:
    if not row.values.keys() >= set(KEYS):
        raise row.error(f"no worked example (keys: {row.keys}). Its form: {FORM}.")
    choices, steps = _texts(row, "choices"), _texts(row, "steps")
    answer = row.text("answer").strip()
    if not 2 <= len(choices) <= len(LETTERS) or choices.count(answer) != 1:
        raise row.error(f"'answer' must be one of 'choices', of which there are 2 to {len(LETTERS)}. Correct it.")
    listed = row.values["subquestions"]
    if not isinstance(listed, list) or not listed or not all(_is_pair(one) for one in listed):
        raise row.error(f"'subquestions' must be a list of questions with answers. Its form: {FORM}.")
    asked = tuple(one["question"].strip() for one in listed)
    for number, text in enumerate(asked, start=1):
        if any(not 0 < other < number for other in references(with_references(text))):
            raise row.error(f"subquestion {number} refers to one that does not come before it. Correct its '#'.")
    return ChoiceQuestion(
        row.text("question").strip(),
        choices,
        choices.index(answer),
        "shots",
        steps=steps,
        subquestions=asked,
        answers=tuple(one["answer"].strip() for one in listed),
    )


def _texts(row: Row, key: str) -> tuple[str, ...]:
    value = row.values[key]
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one.strip() for one in value):
        raise row.error(f"'{key}' must be a list of texts that are not empty. Correct it.")
    return tuple(one.strip() for one in value)


def _is_pair(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(value.get(key), str) for key in ("question", "answer"))
