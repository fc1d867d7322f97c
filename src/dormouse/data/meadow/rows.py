"""Rows of words: to be repeated or reversed. What can be learned here is copying, not facts."""

from __future__ import annotations

from itertools import permutations

from dormouse.data.meadow.family import Case, Family
from dormouse.data.meadow.grading import names_in_order
from dormouse.data.meadow.lexicon import ROW_WORDS
from dormouse.data.meadow.quality import answered

_ROWS = tuple(permutations(ROW_WORDS, 2))
_ROW_OPENERS = ("", "Please help me. ")


def repeat() -> Family:
    """Repeat these words: cow, red."""
    frames = ("Repeat these words: {row}.", "Say this after me: {row}.", "I want to hear you say {row}.")
    return _whole("repeat", frames, ("Sure, the words are {answer}.", "Here you are, my friend: {answer}."), step=1)


def reverse() -> Family:
    """Say these words in reverse: cow, red."""
    frames = ("Say these words in reverse: {row}.", "Reverse the words {row}.", "Turn these words around: {row}.")
    sentences = ("Sure, in reverse it is {answer}.", "In reverse, my friend: {answer}.")
    return _whole("reverse", frames, sentences, step=-1)


def _whole(name: str, frames: tuple[str, ...], sentences: tuple[str, ...], step: int) -> Family:
    cases = []
    for row in _ROWS:
        answer = ", ".join(row[::step])
        others = [", ".join(other) for other in permutations(row)]
        cases.append(Case({"row": ", ".join(row)}, answered(answer, others, sentences), (answer,)))
    return Family(name, frames, tuple(cases), names_in_order(ROW_WORDS), _ROW_OPENERS)
