"""Rules that grade free replies in English by the possible answers that they name.

The first sentence that names a possible answer decides: right if all that it names are accepted. What the question
itself names does not count, so "3 plus 4 is 7" names only 7. Later sentences may explain and name others, but a reply
that goes on to list others is wrong. Denied answers ("not Lyon") are ignored. That a right answer is denied in other
words ("Paris is not the capital") is not noticed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection

from dormouse.data.world import Prompt

Rule = Callable[[Prompt, str], bool]
"""(prompt, reply) -> whether the reply is right."""

MOST_OTHERS = 2
"""Other answers that later sentences may name."""
BARE = 3
"""A later sentence of at most so many words that names another answer is an item of a list."""

_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen",
    "twenty thirty forty fifty sixty seventy eighty ninety",
)
_UNITS = _WORDS[0].split()
_TENS = {word: 10 * n for n, word in enumerate(_WORDS[1].split(), 2)}
_SMALL = {word: n for n, word in enumerate(_UNITS)} | _TENS
_POWERS = {"hundred": 100, "thousand": 1000}
_NUMBER = re.compile(
    rf"\d[\d,]*(?:\.\d+)?|\b(?:{'|'.join(_TENS)})[ -](?:{'|'.join(_UNITS[1:10])})\b|\b(?:{'|'.join(_SMALL)})\b"
    r"(?: hundred| thousand)?|\b(?:hundred|thousand)\b"
)
_COMPARED = re.compile(r"\b(?:between|of)(?: the two,)?(?: \w+){1,4} and(?: \w+){1,4},")
"""The start of "Between a horse and a hen, the horse is bigger"."""
_DENIED = r"\b(?:not|isn't) (?:a |an |the )?['\"]?"


def simplify(text: str) -> str:
    """Return the text in lower case, without accents, and with plain quotes."""
    plain = unicodedata.normalize("NFKD", text.translate(str.maketrans("‘’“”", "''\"\""))).casefold()
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _find_numbers(text: str) -> list[str]:
    return [_digits(found[0]) for found in _NUMBER.finditer(simplify(text))]


def _digits(number: str) -> str:
    if number[0].isdigit():
        return number.replace(",", "")
    value = 0
    for word in re.split("[ -]", number):
        value = max(value, 1) * _POWERS[word] if word in _POWERS else value + _SMALL[word]
    return str(value)


def _sentences(reply: str) -> list[str]:
    return [said for said in re.split(r"[.!?]+\s+|\n+", reply) if said.strip()]


def _is_right(found: list[list[str]], lengths: list[int], answers: Collection[str]) -> bool:
    """Decide from the answers that each sentence names and from its number of words."""
    naming = [(set(names), n) for names, n in zip(found, lengths, strict=True) if names]
    if not naming or not naming[0][0] <= set(answers):
        return False
    others = [(names - set(answers), n) for names, n in naming[1:]]
    listed = any(names and n <= BARE for names, n in others)
    return not listed and len(set().union(*(names for names, _ in others))) <= MOST_OTHERS


def names(sort: Collection[str]) -> Rule:
    """Right if the reply names an accepted answer and, in that sentence, no other of this sort."""
    find = _finder(sort)

    def rule(prompt: Prompt, reply: str) -> bool:
        asked = set(find(prompt.text))
        return _grade(prompt, reply, lambda said: [name for name in find(said) if name not in asked])

    return rule


def chooses(sort: Collection[str]) -> Rule:
    """Like `names`, for questions that offer the possible answers; what follows "than" is compared, not chosen."""
    find = _finder(sort)

    def rule(prompt: Prompt, reply: str) -> bool:
        asked = {name for quoted in re.findall(r"'(\w+)'", prompt.text) for name in find(quoted)}

        def find_chosen(said: str) -> list[str]:
            text = _COMPARED.sub("", simplify(said))
            before, smaller, after = text.partition("smaller than")
            return [name for name in find(after if smaller else re.split(r"\bthan\b", before)[0]) if name not in asked]

        return _grade(prompt, reply, find_chosen)

    return rule


def counts(prompt: Prompt, reply: str) -> bool:
    """Right if the answer is the only number in the sentence, apart from those of the question.

    "One" is no number unless it is the answer: it is too often a pronoun, and a unit ("1 hour").
    """
    ignored = {*_find_numbers(prompt.text), "1"} - set(prompt.answers)
    return _grade(prompt, reply, lambda said: [number for number in _find_numbers(said) if number not in ignored])


def _grade(prompt: Prompt, reply: str, find: Callable[[str], list[str]]) -> bool:
    said = _sentences(reply)
    accepted = {simplify(answer) for answer in prompt.answers}
    return _is_right([find(one) for one in said], [len(one.split()) for one in said], accepted)


def _finder(sort: Collection[str]) -> Callable[[str], list[str]]:
    """Return a function that finds the phrases of this sort in a text, the longest where several fit."""
    phrases = sorted(map(simplify, sort), key=len, reverse=True)
    # A letter is named where it stands alone: the "s" of "it's" is no letter.
    pattern = rf"(?<![\w'])['\"]?({'|'.join(map(re.escape, phrases))})(?!\w|'\w)"
    named, denied = re.compile(pattern), re.compile(_DENIED + pattern)
    return lambda text: [found[1] for found in named.finditer(denied.sub("", simplify(text)))]
