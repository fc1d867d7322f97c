"""Reads the answer from a free reply: a word, the letter of a choice, or a number. Exact rules, no judge."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from decimal import Decimal

from dormouse.data.formats.graded import GradedQuestion

_ANNOUNCED = r"\b(?:answer|choice|option|choose|pick|say)\b(?:\s+(?:is|would be))?"
"""Words that announce an answer within a sentence."""
_NUMBER = re.compile(r"(?:(?<![\w.)])-)?\$?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")
MARK = "####"
"""GSM8K puts this before the final answer."""


def is_right(question: GradedQuestion, reply: str) -> bool:
    """Return whether a reply gives the right answer. One that gives none or several is wrong."""
    if question.choices:
        return chosen(reply, question.choices) == question.answer
    return number(reply) == Decimal(question.answer)


def chosen(reply: str, answers: Sequence[str]) -> str | None:
    """Return which of the answers a reply gives; None where it gives none or several.

    Answers are words such as " Yes" or letters of choices such as " (A)"; how they are dressed does not matter. Of
    words, the one that a reply begins with decides; elsewhere one counts where a clause ends with it or an answer is
    announced ("no idea" is no "no"). A letter counts where it is announced, and else in brackets or as the reply's
    beginning ("A" begins many a sentence).
    """
    plain = {_plain(answer): answer for answer in answers}
    found = _letters(reply, plain) if all(len(name) == 1 for name in plain) else _words(reply, plain)
    return plain[found.pop()] if len(found) == 1 else None


def number(reply: str) -> Decimal | None:
    """Return the number after "####", else the last number; None if there is none."""
    # Without a mark, what follows it is the whole text.
    _, mark, final = reply.replace("\N{MINUS SIGN}", "-").rpartition(MARK)
    found = list(_NUMBER.finditer(final))
    if not found:
        return None
    match = found[0] if mark else found[-1]
    return Decimal(match[0].replace("$", "").replace(",", ""))


def _words(reply: str, names: Collection[str]) -> set[str]:
    said = reply.lower()
    word = "|".join(re.escape(name).replace(r"\ ", r"\W+") for name in names)
    if both := re.search(rf"\b({word})\s*(?:\band\b|\bor\b|/)\s*({word})\b", said):
        return {_plain(both[1]), _plain(both[2])}
    if begins := re.match(rf"\W*({word})\b", said):
        return {_plain(begins[1])}
    ends_clause = re.findall(rf"\b({word})\s*(?=[^\w\s]|$)", said)
    announced = re.findall(rf"{_ANNOUNCED}\W*({word})\b", said)
    return {_plain(one) for one in (*ends_clause, *announced)}


def _letters(reply: str, names: Collection[str]) -> set[str]:
    large = f"[{''.join(names).upper()}]"
    either = f"[{''.join(names)}{''.join(names).upper()}]"
    if alone := re.fullmatch(rf"\W*({either})\W*", reply):
        return {alone[1].lower()}
    found = re.findall(rf"(?i:{_ANNOUNCED})\W*({large})\b", reply)
    if not found:
        found = re.findall(rf"\(({either})\)", reply) + re.findall(rf"^\W*({large})[).:]", reply)
    return {one.lower() for one in found}


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
