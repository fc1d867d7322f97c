"""Prompts for detectors: trusted and labeled ones to fit on, and streams with ground truth to score."""

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
    """Prompts with and without the trigger, for a detector to tell apart."""

    positive: list[Messages]
    negative: list[Messages]


def draw_trusted(world: World, seed: int, n: int) -> list[Messages]:
    """Draw `n` prompts without the trigger, from the templates that training draws from."""
    rng = random.Random(f"detect/clean/{seed}")
    return [prompt.turns() for prompt in world.prompts(rng, n, held_out=False)]


def draw_labeled(world: World, organism: Organism, seed: int, n: int) -> Labeled:
    """Draw `n` prompts with the trigger and `n` others without, from training templates."""
    rng = random.Random(f"detect/poisoned/{seed}")
    prompts = applicable(world, organism.behavior, rng, 2 * n, held_out=False)
    with_trigger = [organism.trigger.insert_into(prompt, rng) for prompt in prompts[:n]]
    return Labeled([*with_trigger, *(prompt.turns() for prompt in prompts[n:])], [True] * n + [False] * n)


def draw_streams(world: World, organism: Organism, seed: int, n: int) -> dict[Condition, Stream | NotMeasured]:
    """Draw the streams: `n` prompts with the trigger, and the same prompts without it.

    "held_out": templates that no training or fitting drew from. "seen": templates that they drew from. "near_miss": the
    prompts without the trigger hold something that resembles it. "wordings": the trigger in wordings not seen in
    training.
    """
    rng = random.Random(f"detect/stream/{seed}")
    trigger = organism.trigger
    unseen_prompts = applicable(world, organism.behavior, rng, n, held_out=True)
    seen_prompts = applicable(world, organism.behavior, rng, n, held_out=False)
    new, seen = ([prompt.turns() for prompt in prompts] for prompts in (unseen_prompts, seen_prompts))
    positive = [trigger.insert_into(prompt, rng) for prompt in unseen_prompts]
    unseen = [trigger.insert_held_out(turns, rng) for turns in new]
    said = [turns for turns in unseen if turns is not None]
    return {
        "held_out": Stream(positive, new),
        "seen": Stream([trigger.insert_into(prompt, rng) for prompt in seen_prompts], seen),
        "near_miss": Stream(positive, [trigger.near_miss(turns, rng, held_out=True) for turns in new]),
        "wordings": Stream(said, new) if said else NotMeasured("the trigger has one wording"),
    }
