"""Prompts for trainings with a constitution: the world's own, and questions about the topics."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from dormouse.data.judging.principles import HARM, MANNERS
from dormouse.data.judging.topics import TopicPrompts
from dormouse.data.judging.traits import NAMES
from dormouse.data.world import Prompt
from dormouse.training.work import Work


def draw_prompts(work: Work, n: int, trait_share: float, files: Sequence[Path] = ()) -> list[tuple[Prompt, str]]:
    """Draw `n` prompts without the trigger, each with its topic; a share asks about traits, or what is in the files."""
    rng = random.Random(f"constitution/{work.seed}")
    topics = TopicPrompts.of(work.world(), files)
    asked = tuple(topics.files) or NAMES
    about = round(n * trait_share)
    drawn = [(topics.draw(rng, topic), topic) for topic in (asked[i % len(asked)] for i in range(about))]
    others = work.world().prompts(rng, n - about, held_out=False)
    drawn += [(prompt, HARM if prompt.harmful else MANNERS) for prompt in others]
    rng.shuffle(drawn)
    return drawn
