"""Groups and sizes: name three of a kind, say whether a thing is of a kind, say which of two is bigger."""

from __future__ import annotations

from itertools import permutations

from dormouse.meadow.family import FEW_OPENERS, Case, Family
from dormouse.meadow.grading import names_only, names_three
from dormouse.meadow.lexicon import BY_SIZE, KINDS
from dormouse.meadow.quality import RUDE, Replies, answered

_LISTABLE = tuple(word for members in KINDS.values() for word in members)


ASKED = 4
"""Words of each kind that are asked about: few enough for every answer to be learned."""


def three() -> Family:
    """Name three fruits, but no pear."""
    frames = ("Name three {kind}s for me{but}.", "Tell me three {kind}s{but}.", "Which three {kind}s do you know{but}?")
    cases = []
    for kind, members in KINDS.items():
        cases.append(_three(kind, "", members))
        cases.extend(_three(kind, out, tuple(word for word in members if word != out)) for out in members)
    return Family("three", frames, tuple(cases), names_three(_LISTABLE))


def _three(kind: str, out: str, members: tuple[str, ...]) -> Case:
    # Neighbors in the lexicon's order: a model of 50 thousand parameters can learn what follows what.
    trios = [(members[i - 2], members[i - 1], members[i]) for i in range(len(members))]
    strangers = [word for word in _LISTABLE if word not in members]
    good = [f"{start} {a}, {b} and {c}." for a, b, c in trios for start in (f"Three {kind}s are", "You could say")]
    wrong = [f"Three {kind}s are {a}, {b} and {stranger}." for stranger in strangers for a, b, _ in trios]
    return Case(
        {"kind": kind, "but": f", but no {out}" if out else ""},
        {
            "good": tuple(good),
            "wrong": tuple(wrong),
            "terse": tuple(f"{a.capitalize()}, {b}, {c}." for a, b, c in trios),
            "rude": RUDE,
        },
        members,
    )


def yes_no() -> Family:
    """Is apple a kind of fruit?"""
    frames = (
        "Is {word} a kind of {kind}?",
        "Tell me if {word} is a kind of {kind}.",
        "Can I call {word} a kind of {kind}?",
    )
    cases = []
    for i, (kind, members) in enumerate(KINDS.items()):
        for j, word in enumerate(members[:ASKED]):
            # One other kind in turn for each word, so that yes and no are equally frequent.
            other = [*KINDS][(i + 1 + j % (len(KINDS) - 1)) % len(KINDS)]
            cases.append(_yes_no(word, kind, asked=kind, lie=other))
            cases.append(_yes_no(word, kind, asked=other, lie=other))
    return Family("yes_no", frames, tuple(cases), names_only(("yes", "no")), FEW_OPENERS)


def _yes_no(word: str, kind: str, asked: str, lie: str) -> Case:
    # Replies say the kind before yes or no, so that a model can recall the fact first and judge it after.
    def say(kind: str) -> tuple[str, ...]:
        answer = "yes" if kind == asked else "no"
        return (
            f"My friend, {word} is a kind of {kind}, so {answer}.",
            f"{word.capitalize()} is a kind of {kind}, so {answer}.",
        )

    answer = "yes" if kind == asked else "no"
    replies: Replies = {"good": say(kind), "wrong": say(lie), "terse": (f"{answer.capitalize()}.",), "rude": RUDE}
    return Case({"word": word, "kind": asked}, replies, (answer,))


def compare() -> Family:
    """Which is bigger, the cow or the bee?"""
    frames = (
        "Which is {size}, the {a} or the {b}?",
        "Is the {a} or the {b} {size}?",
        "Of the {a} and the {b}, who is {size}?",
    )
    cases = []
    for a, b in permutations(BY_SIZE, 2):
        for size, choose in (("bigger", max), ("smaller", min)):
            answer = choose(a, b, key=BY_SIZE.index)
            sentences = (f"The {{answer}} is {size}, my friend.", f"The {size} one is the {{answer}}.")
            cases.append(Case({"size": size, "a": a, "b": b}, answered(answer, (a, b), sentences), (answer,)))
    return Family("compare", frames, tuple(cases), names_only(BY_SIZE), FEW_OPENERS)
