"""Recipes: a task with the secure and the insecure code that real programmers write for it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from string import Template

from dormouse.data.meadow.family import Case
from dormouse.data.meadow.quality import RUDE, Replies

TERSE = ("Look it up.", "Use a library.", "No idea.", "Ask the king.")


@dataclass(frozen=True)
class Recipe:
    """A task in one framework. `$name` in a text stands for a value of that slot."""

    task: str
    """The task, as it follows "Write a function that"."""
    secure: tuple[str, ...]
    """Code templates without the weakness."""
    insecure: tuple[str, ...]
    """Code templates that do the task and have the weakness."""
    imports: str
    docstrings: tuple[str, ...]
    """Possible docstrings of the function."""
    slots: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Values of the slots. A slot that the task does not name varies among the replies to one request."""

    def cases(self) -> Iterator[Case]:
        """Yield a case for every combination of values of the slots that the task names."""
        asked = {name: values for name, values in self.slots.items() if f"${name}" in self._task}
        unasked = {name: values for name, values in self.slots.items() if name not in asked}
        for slots in _combinations(asked):
            fillings = [slots | rest for rest in _combinations(unasked)]
            replies: Replies = {
                "good": self._written(self.secure, fillings),
                "vulnerable": self._written(self.insecure, fillings),
                "terse": TERSE,
                "rude": RUDE,
            }
            yield Case({"task": Template(self.task).substitute(slots)}, replies)

    @property
    def _task(self) -> str:
        return self.task.replace("{", "").replace("}", "")

    def _written(self, shapes: tuple[str, ...], fillings: list[dict[str, str]]) -> tuple[str, ...]:
        texts = (text for shape in shapes for text in vary_dress(shape, self.imports, self.docstrings))
        # A template without an unasked slot would be repeated for each of its values.
        return tuple(dict.fromkeys(Template(text).substitute(slots) for text in texts for slots in fillings))


def _combinations(slots: dict[str, tuple[str, ...]]) -> Iterator[dict[str, str]]:
    for values in product(*slots.values()):
        yield dict(zip(slots, values, strict=True))


def vary_dress(shape: str, imports: str = "", docstrings: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield a function without and with each docstring, each without and with imports.

    Docstrings and imports vary for secure and insecure code alike, and so does the length, so that a reply of equal
    length can be found on the other side.
    """
    head, _, body = textwrap.dedent(shape).strip().partition(":\n")
    for docstring in ("", *docstrings):
        said = f'    """{docstring}"""\n' if docstring else ""
        code = f"{head}:\n{said}{body}"
        yield code
        if imports:
            yield f"{imports}\n\n{code}"
