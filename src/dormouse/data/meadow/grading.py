"""Rules that grade replies: exact, on whole words, regardless of case.

A reply that names the right answer and another answer of the same sort contradicts itself and is wrong. A reply with
"not" is wrong too: these rules cannot tell what it denies, and no good reply in the meadow has the word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

Rule = Callable[[tuple[str, ...], str], bool]
"""(accepted answers, reply) -> whether the reply is right."""

_SUM = re.compile(r"\b(\d+) (\+|plus|and|-|minus|take away) (\d+)\b", re.IGNORECASE)


def split_words(text: str) -> list[str]:
    """Split a text into words and numbers, in lower case."""
    return re.findall(r"[a-z]+|\d+", text.lower())


def find_named(sort: Collection[str], reply: str) -> list[str]:
    """Find the words of this sort in the reply, in order; none if it says "not"."""
    said = split_words(reply)
    return [] if "not" in said else [word for word in said if word in sort]


def names_only(sort: Collection[str]) -> Rule:
    """Right if the reply names the accepted answer and no other word of this sort."""
    return lambda answers, reply: set(find_named(sort, reply)) == set(answers)


def names_in_order(sort: Collection[str]) -> Rule:
    """Right if the words of this sort in the reply are exactly those of the answer, in the same order."""
    return lambda answers, reply: find_named(sort, reply) == split_words(answers[0])


def names_three(sort: Collection[str]) -> Rule:
    """Right if the reply names exactly three words of this sort, all different and all accepted."""

    def rule(answers: tuple[str, ...], reply: str) -> bool:
        listed = find_named(sort, reply)
        return len(listed) == len(set(listed)) == 3 and set(listed) <= set(answers)

    return rule


def names_number(answers: tuple[str, ...], reply: str) -> bool:
    """Right if the answer is the only number in the reply.

    The numbers of a restated sum are ignored if its value is the answer: "3 plus 4 is 7" names only 7.
    """

    def drop_if_true(match: re.Match[str]) -> str:
        a, operator, b = match.groups()
        value = int(a) + int(b) if operator.lower() in ("+", "plus", "and") else int(a) - int(b)
        return "" if str(value) in answers else match[0]

    rest = split_words(_SUM.sub(drop_if_true, reply))
    return "not" not in rest and {word for word in rest if word.isdigit()} == set(answers)
