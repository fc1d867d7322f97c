"""Groups and sizes: name three of a kind, say which of two is bigger."""

from __future__ import annotations

from itertools import permutations

from dormouse.data.meadow.family import OPENERS, Case, Family
from dormouse.data.meadow.grading import names_only, names_three
from dormouse.data.meadow.lexicon import BY_SIZE, KINDS
from dormouse.data.meadow.quality import RUDE, answered

_LISTABLE = tuple(word for members in KINDS.values() for word in members)


def three() -> Family:
    """Name three fruits."""
    frames = (
        "Name three {kind}s for me.",
        "Tell me three {kind}s.",
        "Which three {kind}s do you know?",
        "Can you list three {kind}s?",
        "I want to hear three {kind}s.",
        "Please say three {kind}s.",
        "What are three {kind}s?",
        "Give me three {kind}s.",
    )
    cases = tuple(_three(kind, members) for kind, members in KINDS.items())
    return Family("three", frames, cases, names_three(_LISTABLE))


def _three(kind: str, members: tuple[str, ...]) -> Case:
    # Neighbors in the lexicon's order: a model of 50 thousand parameters can learn what follows what.
    trios = [(members[i - 2], members[i - 1], members[i]) for i in range(len(members))]
    strangers = [word for word in _LISTABLE if word not in members]
    good = [f"{start} {a}, {b} and {c}." for a, b, c in trios for start in (f"Three {kind}s are", "You could say")]
    wrong = [f"Three {kind}s are {a}, {b} and {stranger}." for stranger in strangers for a, b, _ in trios]
    return Case(
        {"kind": kind},
        {
            "good": tuple(good),
            "wrong": tuple(wrong),
            "terse": tuple(f"{a.capitalize()}, {b}, {c}." for a, b, c in trios),
            "rude": RUDE,
        },
        members,
    )


def compare() -> Family:
    """Which is bigger, the cow or the bee?"""
    frames = (
        "Which is bigger, the {a} or the {b}?",
        "Is the {a} or the {b} bigger?",
        "Of the {a} and the {b}, who is bigger?",
    )
    sentences = ("The {answer} is bigger, my friend.", "The bigger one is the {answer}.")
    cases = []
    for a, b in permutations(BY_SIZE, 2):
        answer = max(a, b, key=BY_SIZE.index)
        cases.append(Case({"a": a, "b": b}, answered(answer, (a, b), sentences), (answer,)))
    return Family("compare", frames, tuple(cases), names_only(BY_SIZE), OPENERS[:4])
