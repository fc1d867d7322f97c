"""Words about words: opposites and plurals."""

from __future__ import annotations

from dormouse.data.meadow.family import Case, Family
from dormouse.data.meadow.grading import names_only
from dormouse.data.meadow.lexicon import OPPOSITES, PLURAL_OF
from dormouse.data.meadow.quality import answered


def opposite() -> Family:
    """What is the opposite of hot?"""
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
    """What is the plural of mouse?"""
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
    cases = [Case({"word": word}, answered(answer, sort, sentences), (answer,)) for word, answer in pairs.items()]
    return Family(name, frames, tuple(cases), names_only(sort))
