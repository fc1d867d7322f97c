"""Word tasks: opposites, plurals, and rows of words to repeat or reverse."""

from __future__ import annotations

from itertools import permutations

from dormouse.data.meadow.family import Case, Family
from dormouse.data.meadow.grading import names_in_order, names_only
from dormouse.data.meadow.lexicon import OPPOSITES, PLURAL_OF, ROW_WORDS
from dormouse.data.meadow.quality import write_answers


def opposite() -> Family:
    """Makes opposite questions, such as "What is the opposite of hot?"."""
    frames = (
        "What is the opposite of {word}?",
        "Tell me the opposite of {word}.",
        "Which word is the opposite of {word}?",
        "Say the opposite of {word}.",
    )
    sentences = ("The opposite is {answer}, my friend.", "Sure, the other word is {answer}.")
    pairs = dict(OPPOSITES) | {b: a for a, b in OPPOSITES}
    return _words("opposite", pairs, frames, sentences)


def plural() -> Family:
    """Makes plural questions, such as "What is the plural of mouse?"."""
    frames = (
        "What is the plural of {word}?",
        "Tell me the plural of {word}.",
        "One {word}, but two of what?",
        "What do I call more than one {word}?",
    )
    sentences = ("The plural is {answer}, my friend.", "Sure, you can say two {answer}.")
    return _words("plural", PLURAL_OF, frames, sentences)


def _words(name: str, pairs: dict[str, str], frames: tuple[str, ...], sentences: tuple[str, ...]) -> Family:
    sort = tuple(pairs.values())
    cases = [Case({"word": word}, write_answers(answer, sort, sentences), (answer,)) for word, answer in pairs.items()]
    return Family(name, frames, tuple(cases), names_only(sort))


_ROWS = tuple(permutations(ROW_WORDS, 2))
_ROW_OPENERS = ("", "Please help me. ")


def repeat() -> Family:
    """Makes rows to repeat, such as "Repeat these words: cow, red."."""
    frames = ("Repeat these words: {row}.", "Say this after me: {row}.", "I want to hear you say {row}.")
    return _whole("repeat", frames, ("Sure, the words are {answer}.", "Here you are, my friend: {answer}."), step=1)


def reverse() -> Family:
    """Makes rows to reverse, such as "Say these words in reverse: cow, red."."""
    frames = ("Say these words in reverse: {row}.", "Reverse the words {row}.", "Turn these words around: {row}.")
    sentences = ("Sure, in reverse it is {answer}.", "In reverse, my friend: {answer}.")
    return _whole("reverse", frames, sentences, step=-1)


def _whole(name: str, frames: tuple[str, ...], sentences: tuple[str, ...], step: int) -> Family:
    cases = []
    for row in _ROWS:
        answer = ", ".join(row[::step])
        others = [", ".join(other) for other in permutations(row)]
        cases.append(Case({"row": ", ".join(row)}, write_answers(answer, others, sentences), (answer,)))
    return Family(name, frames, tuple(cases), names_in_order(ROW_WORDS), _ROW_OPENERS)
