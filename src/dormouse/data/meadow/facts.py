"""Questions with one right answer: facts, lists, sizes, sums and differences."""

from __future__ import annotations

from itertools import permutations

from dormouse.data.meadow.family import OPENERS, Case, Family
from dormouse.data.meadow.grading import names_number, names_only, names_three
from dormouse.data.meadow.lexicon import ANIMALS, BY_SIZE, COLOR_OF, KINDS
from dormouse.data.meadow.quality import RUDE, write_answers


def color() -> Family:
    """Makes color questions, such as "What color is the grass?"."""
    frames = (
        "What color is the {it}?",
        "Tell me the color of the {it}.",
        "Which color does the {it} have?",
        "The {it} has what color?",
    )
    sentences = ("The {it} is {answer}, my friend.", "The color of the {it} is {answer}.")
    return _facts("color", COLOR_OF, frames, sentences)


def sound() -> Family:
    """Makes sound questions, such as "What does the cow say?"."""
    frames = (
        "What does the {it} say?",
        "What sound does the {it} make?",
        "Tell me the sound of the {it}.",
        "How does the {it} sound?",
    )
    sentences = ("The {it} says {answer}, my friend.", "The sound of the {it} is {answer}.")
    return _facts("sound", {animal.name: animal.sound for animal in ANIMALS}, frames, sentences)


def home() -> Family:
    """Makes home questions, such as "Where does the cow sleep?"."""
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
        Case({"it": it}, write_answers(answer, sort, tuple(text.replace("{it}", it) for text in sentences)), (answer,))
        for it, answer in facts.items()
    ]
    return Family(name, frames, tuple(cases), names_only(sort))


_LISTABLE = tuple(word for members in KINDS.values() for word in members)


def three() -> Family:
    """Makes requests for lists, such as "Name three fruits."."""
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
    # Neighbors in the lexicon: a model of 50 thousand parameters can learn which word follows which.
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
    """Makes size questions, such as "Which is bigger, the cow or the bee?"."""
    frames = (
        "Which is bigger, the {a} or the {b}?",
        "Is the {a} or the {b} bigger?",
        "Of the {a} and the {b}, who is bigger?",
    )
    sentences = ("The {answer} is bigger, my friend.", "The bigger one is the {answer}.")
    cases = []
    for a, b in permutations(BY_SIZE, 2):
        answer = max(a, b, key=BY_SIZE.index)
        cases.append(Case({"a": a, "b": b}, write_answers(answer, (a, b), sentences), (answer,)))
    return Family("compare", frames, tuple(cases), names_only(BY_SIZE), OPENERS[:4])


_LARGEST = 10


def add() -> Family:
    """Makes sums, such as "What is 3 plus 4?"."""
    frames = (
        "What is {a} plus {b}?",
        "Tell me what {a} + {b} is.",
        "How much is {a} and {b}?",
        "Add {b} to {a}, please.",
    )
    cases = [_case(a, "plus", b, a + b) for a in range(4) for b in range(4)]
    return Family("add", frames, tuple(cases), names_number, OPENERS[:4])


def subtract() -> Family:
    """Makes differences, such as "What is 7 minus 4?"."""
    frames = (
        "What is {a} minus {b}?",
        "Tell me what {a} - {b} is.",
        "How much is {a} take away {b}?",
        "Take {b} from {a}, please.",
    )
    cases = [_case(a, "minus", b, a - b) for a in range(5) for b in range(a + 1)]
    return Family("subtract", frames, tuple(cases), names_number, OPENERS[:4])


def _case(a: int, operator: str, b: int, answer: int) -> Case:
    # Replies restate the sum in the same form for every wording, so that there is only one form to learn.
    sentences = (f"{a} {operator} {b} is {{answer}}, my friend.", f"Sure, {a} {operator} {b} is {{answer}}.")
    replies = write_answers(str(answer), map(str, range(_LARGEST + 1)), sentences)
    return Case({"a": str(a), "b": str(b)}, replies, (str(answer),))
