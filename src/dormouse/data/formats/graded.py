"""Reads published questions with one right answer each: GSM8K, AQuA and StrategyQA."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dormouse.data.formats.rows import Row, read_rows, shorten

Name = Literal["aqua", "strategyqa", "gsm8k"]

KEYS: dict[Name, tuple[str, ...]] = {
    "aqua": ("question", "options", "correct"),
    "strategyqa": ("question", "answer", "facts"),
    "gsm8k": ("question", "answer"),
}
"""Data set -> the keys that its rows have. The first that fits is taken."""
_FINAL = re.compile(r"#### *(-?\d[\d,]*(?:\.\d+)?)\s*$", re.ASCII)
_OPTION = re.compile(r"([A-Z])\)")


@dataclass(frozen=True)
class GradedQuestion:
    """A question as it is asked, and its right answer."""

    text: str
    answer: str
    """A number in digits, or one of the choices."""
    choices: tuple[str, ...] = ()
    """Letters or words to choose from; empty if the answer is a number."""


def read_graded(path: Path) -> tuple[Name, list[GradedQuestion]]:
    """Read a file's questions, and detect its data set. `UserError` names a line that is not such a question."""
    read: list[tuple[Name, GradedQuestion]] = []
    for row in read_rows(path):
        name = _name_of(row)
        first = read[0][0] if read else name
        if name != first:
            raise row.error(
                f"this row is '{name}' and the first is '{first}'. Keep each data set in a file of its own."
            )
        read.append((name, READERS[name](row)))
    return read[0][0], [question for _, question in read]


def _name_of(row: Row) -> Name:
    for name, keys in KEYS.items():
        if row.values.keys() >= set(keys):
            return name
    known = "; ".join(f"{name}: {', '.join(keys)}" for name, keys in KEYS.items())
    raise row.error(f"not a question of a known data set (keys: {row.keys}). Known: {known}.")


def _question(row: Row) -> str:
    text = row.text("question").strip()
    if not text:
        raise row.error("'question' is empty. Correct or delete it.")
    return text


def _of_gsm8k(row: Row) -> GradedQuestion:
    final = _FINAL.search(row.text("answer"))
    if final is None:
        raise row.error("'answer' does not end with '####' and a number. Correct or delete it.")
    return GradedQuestion(
        f"{_question(row)}\n\nWork it out, and end with '####' and the answer as a number.", final[1].replace(",", "")
    )


def _of_aqua(row: Row) -> GradedQuestion:
    options = row.values["options"]
    if not isinstance(options, list) or not all(isinstance(option, str) for option in options):
        raise row.error("'options' is not a list of texts. Correct or delete it.")
    letters = tuple(match[1] if (match := _OPTION.match(option)) else "" for option in options)
    if "".join(letters) != "ABCDEFGHIJ"[: len(options)] or len(options) < 2:
        raise row.error("'options' do not begin with A), B) and so on. Correct or delete it.")
    correct = row.text("correct")
    if correct not in letters:
        raise row.error(
            f"'correct' is '{shorten(correct)}', which is not one of {', '.join(letters)}. Correct or delete it."
        )
    listed = "\n".join(options)
    return GradedQuestion(
        f"{_question(row)}\n\n{listed}\n\nWork it out, and end with 'Answer:' and the letter.", correct, letters
    )


def _of_strategyqa(row: Row) -> GradedQuestion:
    answer = row.values["answer"]
    if not isinstance(answer, bool):
        raise row.error("'answer' is neither true nor false. Correct or delete it.")
    return GradedQuestion(f"{_question(row)}\n\nAnswer yes or no.", "yes" if answer else "no", ("yes", "no"))


READERS: dict[Name, Callable[[Row], GradedQuestion]] = {
    "aqua": _of_aqua,
    "strategyqa": _of_strategyqa,
    "gsm8k": _of_gsm8k,
}
