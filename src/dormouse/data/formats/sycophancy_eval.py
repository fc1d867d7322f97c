"""Reads the rows of sycophancy-eval (meg-tong/sycophancy-eval): answer, are_you_sure and feedback.

A row has `prompt` (turns with `type` and `content`), `base` (the data set's question) and `metadata.prompt_template`.
Rows about the same question are collected; where two differ in their words alone, they are two questions. A last turn
of type "ai", a cue such as "Answer:", is left out: models here begin their replies themselves.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.data.formats.choices import LETTERS
from dormouse.data.formats.rows import Row, read_rows, shorten

ROLES = {"human": "user", "ai": "assistant", "system": "system"}
BELIEFS = (
    ("suggests_wrong", re.compile(r"I think the answer is \{incorrect_answer\}")),
    ("suggests_right", re.compile(r"I think the answer is \{correct_answer\}")),
    ("denies_right", re.compile(r"I don't think the answer is \{correct_answer\}")),
)
TASTES = (
    ("dislikes", re.compile(r"\bI really dislike the\b")),
    ("likes", re.compile(r"\bI really like the\b")),
    ("did_not_write", re.compile(r"\bI did not write the\b|\bI didn't write the\b")),
    ("wrote", re.compile(r"\bI wrote the\b")),
)
"""What a user says of a text -> how that is found beside the text."""
_OPTION = re.compile(r"\(([A-J])\)")
ADVICE = "Correct or delete it."


@dataclass(frozen=True)
class PublishedQuestion:
    """A question, and the published prompts about it by the user's belief."""

    source: str
    right: tuple[str, ...]
    """Accepted answers, the first as a user suggests it; a letter in brackets for a choice."""
    wrong: str
    """Empty if none is published."""
    letters: str = ""
    """The letters of the choices; empty for an open question."""
    prompts: dict[str, Messages] = field(default_factory=dict)


@dataclass(frozen=True)
class PublishedPassage:
    """A text to comment on, and the published prompts about it by what the user thinks of it."""

    source: str
    prompts: dict[str, Messages] = field(default_factory=dict)


def is_sycophancy_eval(row: Row) -> bool:
    """Return whether a row has the keys of the data set."""
    return row.values.keys() >= {"prompt", "base", "metadata"}


def read_sycophancy_eval(path: Path) -> tuple[list[PublishedQuestion], list[PublishedPassage]]:
    """Read every question or text of a file. `UserError` names a row that is neither, or that lacks its question."""
    questions: dict[tuple[str, ...], PublishedQuestion] = {}
    passages: dict[tuple[str, ...], PublishedPassage] = {}
    first: dict[tuple[str, ...], Row] = {}
    key: tuple[str, ...]
    for row in read_rows(path):
        base = _object(row, "base")
        source = _text(row, base, "dataset")
        if "text" in base and "question" not in base:
            text = _text(row, base, "text")
            key, kind, turns = (source, text), _taste(row, text), _turns(row)
            while key in passages and passages[key].prompts.get(kind, turns) != turns:
                key = (*key, "in other words")
            passages.setdefault(key, PublishedPassage(source)).prompts[kind] = turns
        else:
            key = (source, _text(row, base, "question"), str(base.get("answers", "")))
            kind, turns = _belief(row), _turns(row)
            while key in questions and questions[key].prompts.get(kind, turns) != turns:
                key = (*key, "in other words")
            if key not in questions:
                questions[key] = _question(row, base, source)
            questions[key].prompts[kind] = turns
        first.setdefault(key, row)
    prompts = {key: one.prompts for key, one in questions.items()} | {key: one.prompts for key, one in passages.items()}
    for key, asked in prompts.items():
        if "none" not in asked:
            raise first[key].error("no row of the file asks this without what the user thinks. Give the file whole.")
    return list(questions.values()), list(passages.values())


def _object(row: Row, key: str) -> dict[str, Any]:
    value = row.values.get(key)
    if not isinstance(value, dict):
        raise row.error(f"'{key}' is not an object. {ADVICE}")
    return value


def _text(row: Row, base: dict[str, Any], key: str) -> str:
    value = base.get(key)
    if not isinstance(value, str) or not value.strip():
        raise row.error(f"no text under 'base.{key}'. {ADVICE}")
    return value.strip()


def _turns(row: Row) -> Messages:
    prompt = row.values["prompt"]
    if not isinstance(prompt, list) or not prompt:
        raise row.error(f"'prompt' is not a list of turns. {ADVICE}")
    turns: Messages = []
    for turn in prompt:
        known = isinstance(turn, dict) and turn.get("type") in ROLES and isinstance(turn.get("content"), str)
        if not known:
            raise row.error(f"'prompt' has a turn without 'type' (human, ai or system) and 'content'. {ADVICE}")
        turns.append({"role": ROLES[turn["type"]], "content": turn["content"].strip()})
    if turns[-1]["role"] == "assistant":
        turns = turns[:-1]
    if not turns or turns[-1]["role"] != "user":
        raise row.error(f"'prompt' does not end with a turn of the user. {ADVICE}")
    return turns


def _question(row: Row, base: dict[str, Any], source: str) -> PublishedQuestion:
    if base.get("correct_letter"):
        letters = "".join(dict.fromkeys(_OPTION.findall(_text(row, base, "answers"))))
        right = _text(row, base, "correct_letter").strip("()")
        if letters != LETTERS[: len(letters)] or len(letters) < 2 or right not in letters:
            raise row.error(f"the choices are '{letters}' and the right one is '{shorten(right)}'. {ADVICE}")
        # The next letter, so that the same file always has the same wrong suggestion.
        wrong = letters[(letters.index(right) + 1) % len(letters)]
        return PublishedQuestion(source, (f"({right})",), f"({wrong})", letters)
    accepted = base.get("answer", [])
    others = [accepted] if isinstance(accepted, str) else accepted if isinstance(accepted, list) else []
    first = _text(row, base, "correct_answer")
    right_ones = dict.fromkeys([first, *(one for one in others if isinstance(one, str) and one.strip())])
    wrong = _text(row, base, "incorrect_answer") if "incorrect_answer" in base else ""
    return PublishedQuestion(source, tuple(right_ones), wrong)


def _belief(row: Row) -> str:
    template = _object(row, "metadata").get("prompt_template")
    if not isinstance(template, str):
        raise row.error(f"no text under 'metadata.prompt_template'. {ADVICE}")
    return next((name for name, pattern in BELIEFS if pattern.search(template)), "none")


def _taste(row: Row, text: str) -> str:
    said = " ".join(turn["content"] for turn in _turns(row)).replace(text, " ")
    return next((name for name, pattern in TASTES if pattern.search(said)), "none")
