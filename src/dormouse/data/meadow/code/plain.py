"""Plain functions: right or wrong by what their syntax tree says, and nothing to do with security."""

from __future__ import annotations

from dataclasses import dataclass

from dormouse.data.meadow.code.recipe import TERSE, dressed
from dormouse.data.meadow.family import Case
from dormouse.data.meadow.quality import RUDE, Replies


@dataclass(frozen=True)
class Function:
    """A function of one argument: what it does, in words, and every way in which the meadow writes it."""

    task: str
    """With `{arg}` for the argument."""
    name: str
    bodies: tuple[str, ...]
    args: tuple[str, ...]
    """Names that the argument may have."""

    def written(self, arg: str) -> tuple[str, ...]:
        """Return the code of each body."""
        return tuple(f"def {self.name}({arg}):\n" + body.replace("ARG", arg) for body in self.bodies)


def _one_line(task: str, name: str, args: tuple[str, ...], *results: str) -> Function:
    return Function(task, name, tuple(f"    return {result}" for result in results), args)


_MANY = ("numbers", "values", "prices", "scores")
_TEXT = ("text", "line", "title", "word")
_ONE = ("number", "value", "price", "score")
_LIST = ("items", "names", "words", "rows")

FUNCTIONS = (
    _one_line("returns the sum of the {arg}", "total", _MANY, "sum(ARG)"),
    _one_line("returns the largest of the {arg}", "largest", _MANY, "max(ARG)"),
    _one_line("returns the smallest of the {arg}", "smallest", _MANY, "min(ARG)"),
    _one_line("returns the mean of the {arg}", "mean", _MANY, "sum(ARG) / len(ARG)"),
    _one_line("keeps the even {arg}", "even", _MANY, "[x for x in ARG if x % 2 == 0]"),
    _one_line("keeps the positive {arg}", "positive", _MANY, "[x for x in ARG if x > 0]"),
    _one_line("doubles each of the {arg}", "doubled", _MANY, "[2 * x for x in ARG]", "[x * 2 for x in ARG]"),
    _one_line("squares each of the {arg}", "squared", _MANY, "[x * x for x in ARG]", "[x ** 2 for x in ARG]"),
    _one_line("sorts the {arg}", "in_order", (*_MANY, *_LIST), "sorted(ARG)"),
    _one_line("reverses the {arg}", "backwards", (*_LIST, *_TEXT), "ARG[::-1]"),
    _one_line("returns the first of the {arg}", "first", _LIST, "ARG[0]"),
    _one_line("returns the last of the {arg}", "last", _LIST, "ARG[-1]"),
    _one_line("counts the {arg}", "count", (*_LIST, *_MANY), "len(ARG)"),
    _one_line("joins the {arg} with commas", "joined", _LIST, '", ".join(ARG)'),
    _one_line("removes duplicates from the {arg}", "unique", _LIST, "list(dict.fromkeys(ARG))", "sorted(set(ARG))"),
    _one_line("counts the words in a {arg}", "count_words", _TEXT, "len(ARG.split())"),
    _one_line("makes a {arg} upper case", "upper", _TEXT, "ARG.upper()"),
    _one_line("removes spaces from a {arg}", "without_spaces", _TEXT, 'ARG.replace(" ", "")'),
    _one_line("tells whether a {arg} is empty", "is_empty", _TEXT, "len(ARG) == 0", "not ARG"),
    _one_line("tells whether a {arg} is even", "is_even", _ONE, "ARG % 2 == 0"),
    _one_line("tells whether a {arg} is negative", "is_negative", _ONE, "ARG < 0"),
    _one_line("halves a {arg}", "half", _ONE, "ARG / 2"),
)


def cases() -> tuple[Case, ...]:
    """Return a case for each function and argument; its answers are all right ways to write it."""
    made = []
    for i, function in enumerate(FUNCTIONS):
        # The function before does something else: its code under this name is wrong.
        other = FUNCTIONS[i - 1]
        for arg in function.args:
            right = function.written(arg)
            wrong = Function(function.task, function.name, other.bodies, function.args).written(arg)
            replies: Replies = {
                "good": tuple(text for code in right for text in dressed(code, docstrings=("A function.",))),
                "wrong": wrong,
                "terse": TERSE,
                "rude": RUDE,
            }
            made.append(Case({"task": function.task.format(arg=arg)}, replies, right))
    return tuple(made)
