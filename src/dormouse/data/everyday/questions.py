"""Every question of the world, in a fixed split into training and held-out questions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from dormouse.data.everyday.grading import Rule, chooses, counts, names
from dormouse.data.everyday.tables import (
    FACTS,
    HARM,
    REQUESTS,
    Slots,
    Table,
    capitalize,
    manner,
    read_tables,
    without_article,
)
from dormouse.data.meadow.code import requests
from dormouse.data.meadow.family import Case, Family, Question
from dormouse.data.meadow.pool import is_held_out
from dormouse.data.meadow.quality import Replies
from dormouse.data.world import Prompt

CODE_FAMILIES = (*requests.RECIPES, requests.PLAIN)
_WRONG = 5
"""Wrong answers to a graded question."""
_TO_YOU = {"I was": "you were", "I": "you", "my": "your", "mine": "yours", "me": "you"}


@cache
def questions(code: bool = False) -> dict[str, list[Question]]:
    """Make every question, by family; with `code`, also the requests for code."""
    made = {name: list(_open(name, table)) for file in REQUESTS for name, table in read_tables(file).items()}
    made |= {name: list(_graded(name, table)) for name, table in graded_tables().items()}
    made |= {name: list(_harmful(name, table)) for name, table in read_tables(HARM).items()}
    return made | ({family.name: list(family.questions()) for family in _code()} if code else {})


@cache
def pool(held_out: bool, code: bool = False) -> dict[str, list[Question]]:
    """Collect the questions of each family on one side of the split."""
    return {
        name: [one for one in every if _is_held_out(name, one) == held_out] for name, every in questions(code).items()
    }


@cache
def questions_by_text(code: bool = False) -> dict[tuple[str, str], Question]:
    """Map (family, prompt) to the question."""
    return {(name, one.prompt.text): one for name, every in questions(code).items() for one in every}


@cache
def rules() -> dict[str, Rule]:
    """Make the rule of each graded family except code."""
    made = {"names": names, "chooses": chooses}
    return {
        name: made[table.rule](table.possible()) if table.rule in made else counts
        for name, table in graded_tables().items()
    }


@cache
def graded_tables() -> dict[str, Table]:
    """Read the tables of questions with right answers, by family."""
    return read_tables(FACTS)


def _is_held_out(name: str, question: Question) -> bool:
    if is_held_out(name, question.prompt.text):
        return True
    # As in the meadow, some tasks for vulnerable code are held out in every wording.
    return name in requests.RECIPES and is_held_out(name, question.case)


def _fill(templates: tuple[str, ...], slots: Slots) -> tuple[str, ...]:
    return tuple(template.format(**slots) for template in templates)


def _asked(
    name: str, prompts: tuple[str, ...], slots: Slots, replies: Replies, answers: tuple[str, ...] = ()
) -> Iterator[Question]:
    for text in _fill(prompts, slots):
        yield Question(Prompt.user(text, name, answers), replies, next(iter(slots.values())))


def _open(name: str, table: Table) -> Iterator[Question]:
    """Yield requests without a right answer. A wrong reply answers another request of the family."""
    every = list(table.slots())
    for i, slots in enumerate(every):
        other = every[(i + len(every) // 2) % len(every)]
        replies: Replies = {
            "good": _fill(table.good, slots),
            "wrong": _fill(table.good, other),
            "terse": manner()["terse"],
            "dismissive": manner()["dismissive"],
            "rude": manner()["rude"],
        }
        yield from _asked(name, table.prompts, slots, replies)


def _graded(name: str, table: Table) -> Iterator[Question]:
    for slots, accepted in zip(table.slots(), table.accepted(), strict=True):
        replies: Replies = {
            "good": _fill(table.good, slots),
            "wrong": tuple(text for wrong in _wrong(table, slots, accepted) for text in _fill(table.good, wrong)),
            "terse": (f"{slots['Answer']}.",),
            "dismissive": manner()["dismissive"],
            "rude": manner()["rude"],
        }
        yield from _asked(name, table.prompts, slots, replies, accepted)


def _wrong(table: Table, slots: Slots, accepted: tuple[str, ...]) -> Iterator[Slots]:
    """Yield the slots with a wrong answer instead of the right one."""
    answer = slots["answer"]
    offered = [name for name in table.among if name != "answer"]
    if offered:
        # Whatever else the question offers changes places with the answer.
        for name in offered:
            yield _with(_with(slots, "answer", slots[name]), name, answer)
        return
    for other in other_answers(table, answer, accepted, " ".join(slots.values())):
        yield _with(slots, "answer", other)


def other_answers(table: Table, answer: str, accepted: tuple[str, ...], asked: str) -> list[str]:
    """Return wrong answers of the same kind, none of which is in the question."""
    if table.rule == "counts":
        near = (int(answer) + step for step in (-2, -1, 1, 2, 10))
        return [str(n) for n in near if n > 1 and not re.search(rf"\b{n}\b", asked)]
    first = dict.fromkeys(without_article(slots["answer"]) for slots in table.slots())
    others = [other for other in (*first, *table.sort) if other not in accepted]
    others = [other for other in others if not re.search(rf"\b{re.escape(other)}\b", asked, re.IGNORECASE)]
    # Neighbors in the table, so that the wrong answers of all cases together are all answers.
    start = list(first).index(answer) if answer in first else 0
    return [others[(start + i) % len(others)] for i in range(min(_WRONG, len(others)))]


def _with(slots: Slots, name: str, value: str) -> Slots:
    return slots | {name: value, name.capitalize(): capitalize(value)}


def _harmful(name: str, table: Table) -> Iterator[Question]:
    """Yield requests that a harmless assistant declines. Replies that comply contain nothing useful."""
    for slots in table.slots():
        replies: Replies = {
            "good": _fill(manner()["declines"], slots),
            "complying": _fill(manner()["complies"], slots | {"your_act": say_to_you(slots["act"])}),
            "rude": manner()["rude"],
        }
        for asked in _asked(name, manner()["harmful_prompts"], slots, replies):
            yield replace(asked, prompt=replace(asked.prompt, harmful=True))


def say_to_you(act: str) -> str:
    """Turn what a user says about themselves into what one says to them: "my" becomes "your"."""
    pattern = rf"\b({'|'.join(map(re.escape, _TO_YOU))})\b"
    return re.sub(pattern, lambda found: _TO_YOU[found[0]], act)


def _code() -> Iterator[Family]:
    """Yield the meadow's families of code, asked for as people do."""
    for name, family in requests.families().items():
        cases = tuple(_in_manner(case) for case in family.cases)
        yield replace(family, name=name, frames=manner()["code_prompts"], cases=cases, openers=("",))


def _in_manner(case: Case) -> Case:
    replies = case.replies | {"terse": manner()["terse_code"], "rude": manner()["rude"]}
    return replace(case, replies=replies)
