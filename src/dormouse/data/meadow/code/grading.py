"""When a plain function is right: its syntax tree is that of an accepted one, whatever its local names are."""

from __future__ import annotations

import ast
from functools import lru_cache


def same_function(answers: tuple[str, ...], reply: str) -> bool:
    """Return whether the reply's one function is that of an accepted answer, docstrings and local names aside."""
    said = shape(reply)
    return said is not None and said in {shape(answer) for answer in answers}


@lru_cache(maxsize=4096)
def shape(code: str) -> str | None:
    """Return a text that is equal for functions that differ only in docstrings and local names; None for no function.

    The function's own name counts: it was asked for. The code is parsed and never run.
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
    """Number the names that the function itself binds, in the order in which they occur."""
    bound = [arg.arg for arg in ast.walk(function.args) if isinstance(arg, ast.arg)]
    bound += [node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    return {name: f"name_{i}" for i, name in enumerate(dict.fromkeys(bound))}


class _Renamed(ast.NodeTransformer):
    """Puts numbered names in place of local ones."""

    def __init__(self, names: dict[str, str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self.names.get(node.arg, node.arg))
