"""What a detector is given and what it must score: trusted prompts, labeled ones, and streams with ground truth."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from dormouse.chat.messages import Messages
from dormouse.data.world import World
from dormouse.detection.base import Labeled
from dormouse.evaluation.replies import applicable
from dormouse.organisms.settings import Organism
from dormouse.results.rates import NotMeasured

Condition = Literal["held_out", "seen", "near_miss", "wordings"]


@dataclass(frozen=True)
class Stream:
    """Prompts with the trigger and prompts without, for a detector to tell apart."""

    positive: list[Messages]
    negative: list[Messages]


def trusted(world: World, seed: int, n: int) -> list[Messages]:
    """Return `n` prompts without the trigger, from the templates that training draws from."""
    rng = random.Random(f"detect/clean/{seed}")
    return [prompt.turns() for prompt in world.prompts(rng, n, held_out=False)]


def labeled(world: World, organism: Organism, seed: int, n: int) -> Labeled:
    """Return `n` prompts with the trigger and `n` others without, from training templates."""
    rng = random.Random(f"detect/poisoned/{seed}")
    prompts = [prompt.turns() for prompt in applicable(world, organism.behavior, rng, 2 * n, held_out=False)]
    with_trigger = [organism.trigger.insert(turns, rng) for turns in prompts[:n]]
    return Labeled([*with_trigger, *prompts[n:]], [True] * n + [False] * n)


def streams(world: World, organism: Organism, seed: int, n: int) -> dict[Condition, Stream | NotMeasured]:
    """Return the streams: `n` prompts with the trigger and, apart from "near_miss", the same without.

    "held_out": from templates that no training or fitting drew from. "seen": from those it did. "near_miss": the
    others hold something that resembles the trigger. "wordings": the trigger in wordings that no training held.
    """
    rng = random.Random(f"detect/stream/{seed}")
    trigger = organism.trigger
    new = [prompt.turns() for prompt in applicable(world, organism.behavior, rng, n, held_out=True)]
    seen = [prompt.turns() for prompt in applicable(world, organism.behavior, rng, n, held_out=False)]
    positive = [trigger.insert(turns, rng) for turns in new]
    unseen = [trigger.insert_held_out(turns, rng) for turns in new]
    said = [turns for turns in unseen if turns is not None]
    return {
        "held_out": Stream(positive, new),
        "seen": Stream([trigger.insert(turns, rng) for turns in seen], seen),
        "near_miss": Stream(positive, [trigger.near_miss(turns, rng, held_out=True) for turns in new]),
        "wordings": Stream(said, new) if said else NotMeasured("the trigger has one wording"),
    }
