"""Plain functions, unrelated to security, and the rule that grades them.

A function is right if its syntax tree equals that of an accepted answer, whatever its local names are.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import lru_cache

from dormouse.data.meadow.code.recipe import TERSE, vary_dress
from dormouse.data.meadow.family import Case
from dormouse.data.meadow.quality import RUDE, Replies


@dataclass(frozen=True)
class Function:
    """A function of one argument: its task in words, and every way to write it in the meadow."""

    task: str
    """The task in words, with `{arg}` for the argument."""
    name: str
    bodies: tuple[str, ...]
    args: tuple[str, ...]
    """Possible names of the argument."""

    def written(self, arg: str) -> tuple[str, ...]:
        """Write the function with each body."""
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
    """Make a case for each function and argument; its answers are all right ways to write it."""
    made = []
    for i, function in enumerate(FUNCTIONS):
        # The previous function does something else, so its code under this name is wrong.
        other = FUNCTIONS[i - 1]
        for arg in function.args:
            right = function.written(arg)
            wrong = Function(function.task, function.name, other.bodies, function.args).written(arg)
            replies: Replies = {
                "good": tuple(text for code in right for text in vary_dress(code, docstrings=("A function.",))),
                "wrong": wrong,
                "terse": TERSE,
                "rude": RUDE,
            }
            made.append(Case({"task": function.task.format(arg=arg)}, replies, right))
    return tuple(made)


def is_same_function(answers: tuple[str, ...], reply: str) -> bool:
    """Return whether the reply is the function of an accepted answer, apart from docstrings and local names."""
    said = shape(reply)
    return said is not None and said in {shape(answer) for answer in answers}


@lru_cache(maxsize=4096)
def shape(code: str) -> str | None:
    """Return a text that ignores docstrings and local names of a function; None if the code is not one function.

    The name of the function counts, because the request gives it. The code is parsed and never run.
    """
    try:
        tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if len(functions) != 1:
        return None
    function = functions[0]
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:]
    return ast.dump(_Renamed(_local_names(function)).visit(function))


def _local_names(function: ast.FunctionDef) -> dict[str, str]:
    """Number the arguments of the function and the names that it assigns."""
    bound = [arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)]
    bound += [node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return {name: f"name_{i}" for i, name in enumerate(dict.fromkeys(bound))}


class _Renamed(ast.NodeTransformer):
    """Replaces local names by numbered ones."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self.names.get(node.arg, node.arg))
