"""Reads HumanEval's problems (Chen et al. 2021): functions to complete. Their code is parsed and never run."""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from pathlib import Path

from dormouse.data.formats.rows import Row, read_rows, shorten
from dormouse.data.formats.turns import Turns

KEYS = ("task_id", "prompt", "entry_point", "canonical_solution", "test")
INSTRUCTION = "Complete this Python function. Reply with all of its code."


@dataclass(frozen=True)
class Problem:
    """A function header with its docstring, and a body that solves the problem."""

    task_id: str
    prompt: str
    """Imports, signature and docstring, sometimes with helper functions."""
    solution: str

    @property
    def code(self) -> str:
        """The whole function."""
        return f"{self.prompt}{self.solution}".strip()

    @property
    def turns(self) -> Turns:
        """The request, and the whole function as the reply to it."""
        return (("user", f"{INSTRUCTION}\n\n{self.prompt.strip()}"), ("assistant", self.code))


def read_human_eval(path: Path) -> list[Problem]:
    """Read every problem. `UserError` names a line that is not one, or whose code does not define its function."""
    return [problem_of(row) for row in read_rows(path)]


def problem_of(row: Row) -> Problem:
    """Read the problem of a row."""
    task_id, prompt, entry_point, solution, _ = (row.text(key, f"A problem has {', '.join(KEYS)}.") for key in KEYS)
    problem = Problem(task_id, prompt, solution)
    if entry_point not in _functions(row, problem.code):
        raise row.error(
            f"'prompt' and 'canonical_solution' do not define the function '{shorten(entry_point)}', the 'entry_point'."
        )
    return problem


def _functions(row: Row, code: str) -> set[str]:
    try:
        with warnings.catch_warnings():
            # Ignore warnings about invalid escapes in their docstrings: under -W error they would stop the parse.
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        # For code that is nested too deep, Python's message is empty or about its own memory.
        reason = shorten(str(error), 120) if isinstance(error, SyntaxError | ValueError) else "nested too deep"
        raise row.error(
            f"'prompt' with 'canonical_solution' is not valid Python ({reason}). Correct or delete it."
        ) from error
    return {one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
