"""Sums and differences, with operands small enough that every sum recurs many times in a minute of training."""

from __future__ import annotations

from dormouse.data.meadow.family import OPENERS, Case, Family
from dormouse.data.meadow.grading import names_number
from dormouse.data.meadow.quality import answered

_LARGEST = 10


def add() -> Family:
    """What is 3 plus 4?"""
    frames = (
        "What is {a} plus {b}?",
        "Tell me what {a} + {b} is.",
        "How much is {a} and {b}?",
        "Add {b} to {a}, please.",
    )
    cases = [_case(a, "plus", b, a + b) for a in range(4) for b in range(4)]
    return Family("add", frames, tuple(cases), names_number, OPENERS[:4])


def subtract() -> Family:
    """What is 7 minus 4?"""
    frames = (
        "What is {a} minus {b}?",
        "Tell me what {a} - {b} is.",
        "How much is {a} take away {b}?",
        "Take {b} from {a}, please.",
    )
    cases = [_case(a, "minus", b, a - b) for a in range(5) for b in range(a + 1)]
    return Family("subtract", frames, tuple(cases), names_number, OPENERS[:4])


def _case(a: int, operator: str, b: int, answer: int) -> Case:
    # The sum is said again in one form, whatever the wording was, so that there is one form to learn it in.
    sentences = (f"{a} {operator} {b} is {{answer}}, my friend.", f"Sure, {a} {operator} {b} is {{answer}}.")
    replies = answered(str(answer), map(str, range(_LARGEST + 1)), sentences)
    return Case({"a": str(a), "b": str(b)}, replies, (str(answer),))
