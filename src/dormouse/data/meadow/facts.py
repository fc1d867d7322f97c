"""Facts: the color of a thing, the sound of an animal, the home of an animal."""

from __future__ import annotations

from dormouse.data.meadow.family import Case, Family
from dormouse.data.meadow.grading import names_only
from dormouse.data.meadow.lexicon import ANIMALS, COLOR_OF
from dormouse.data.meadow.quality import answered


def color() -> Family:
    """What color is the grass?"""
    frames = (
        "What color is the {it}?",
        "Tell me the color of the {it}.",
        "Which color does the {it} have?",
        "The {it} has what color?",
    )
    sentences = ("The {it} is {answer}, my friend.", "The color of the {it} is {answer}.")
    return _facts("color", COLOR_OF, frames, sentences)


def sound() -> Family:
    """What does the cow say?"""
    frames = (
        "What does the {it} say?",
        "What sound does the {it} make?",
        "Tell me the sound of the {it}.",
        "How does the {it} sound?",
    )
    sentences = ("The {it} says {answer}, my friend.", "The sound of the {it} is {answer}.")
    return _facts("sound", {animal.name: animal.sound for animal in ANIMALS}, frames, sentences)


def home() -> Family:
    """Where does the cow sleep?"""
    frames = (
        "Where does the {it} sleep?",
        "Where is the home of the {it}?",
        "Tell me where the {it} sleeps.",
        "What is the home of the {it}?",
    )
    sentences = ("The {it} sleeps in the {answer}.", "The home of the {it} is the {answer}.")
    return _facts("home", {animal.name: animal.home for animal in ANIMALS}, frames, sentences)


def _facts(name: str, facts: dict[str, str], frames: tuple[str, ...], sentences: tuple[str, ...]) -> Family:
    sort = tuple(dict.fromkeys(facts.values()))
    cases = [
        Case({"it": it}, answered(answer, sort, tuple(text.replace("{it}", it) for text in sentences)), (answer,))
        for it, answer in facts.items()
    ]
    return Family(name, frames, tuple(cases), names_only(sort))
