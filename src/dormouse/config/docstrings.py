"""Docstrings of classes and of their attributes, read from the source when somebody asks."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Iterator
from functools import cache

from pydantic import BaseModel

SENTENCE = re.compile(r"(.+?(?<!\bal)[.!?])(?=\s+[^a-z]|$)", re.DOTALL)
"""Up to a full stop that ends a sentence: "et al. 2018" does not."""


def take_first_sentence(text: str) -> str:
    """Cut a text after its first sentence, on one line."""
    whole = " ".join(text.split())
    found = SENTENCE.match(whole)
    return found[1] if found else whole


def read_class_text(cls: type) -> str:
    """The docstring of a class, one paragraph a line; empty where it has none of its own."""
    return _join_lines(vars(cls).get("__doc__") or "")


def read_setting_texts(cls: type[BaseModel]) -> dict[str, str]:
    """The docstring under each setting of a class, or its `description`; those without either are left out.

    A setting that a subclass declares again keeps the docstring of its base unless it has one of its own.
    """
    texts: dict[str, str] = {}
    for one in reversed(cls.__mro__):
        if issubclass(one, BaseModel) and one is not BaseModel:
            texts |= _read_classes(one.__module__).get(one.__qualname__, {})
    described = {name: field.description for name, field in cls.model_fields.items() if field.description}
    return {name: text for name, text in (texts | described).items() if name in cls.model_fields}


@cache
def _read_classes(module: str) -> dict[str, dict[str, str]]:
    """Qualified name -> attribute -> docstring, of the classes of a module; nothing where there is no source."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except (OSError, TypeError, KeyError):
        return {}
    return dict(_walk(tree.body, ""))


def _walk(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            name = f"{prefix}{node.name}"
            yield name, dict(_read_attributes(node))
            yield from _walk(node.body, f"{name}.")


def _read_attributes(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for one, after in zip(node.body, node.body[1:], strict=False):
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name) and isinstance(after, ast.Expr):
            value = after.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield one.target.id, _join_lines(value.value)


def _join_lines(text: str) -> str:
    blocks = re.split(r"\n\s*\n", inspect.cleandoc(text))
    return "\n".join(" ".join(block.split()) for block in blocks)
