"""Trait Elo: how a model's sampled answers to questions about traits score, on the scale of chess ratings.

Kundu et al. (2023) sample 17 answers to each of 65 questions, and set the score of a refusal to zero.
"""

from __future__ import annotations

import math
import random
from statistics import fmean
from typing import TYPE_CHECKING

from dormouse.data.judging.traits import NAMES, trait_questions
from dormouse.evaluation.base import Measured
from dormouse.evaluation.replies import Question
from dormouse.evaluation.session import Session
from dormouse.results.rows import mean_row

if TYPE_CHECKING:
    from dormouse.evaluation.evaluations import TraitElo

PER_NAT = 400 / math.log(10)
"""Elo points of a score difference of 1: differences of preference scores are log-odds."""


def measure_trait_elo(settings: TraitElo, session: Session) -> Measured:
    """Return the mean rating over questions, and the means of each question's lowest and highest answer."""
    rng = random.Random(f"measure/trait_elo/{session.seed}")
    drawn = [rng.choice(trait_questions(NAMES[i % len(NAMES)], True)).prompt for i in range(settings.questions)]
    prompts = [session.world.in_context(prompt) for prompt in drawn]
    asked = [
        Question("clean", prompt.family, prompt.turns(), i)
        for i, prompt in enumerate(prompts)
        for _ in range(settings.samples)
    ]
    replies = session.ask(asked, "trait_elo")
    scorer = session.instruments.scorer("soft_preference")
    turns = [prompt.turns() for prompt in prompts]
    zero = scorer.score(turns, [settings.zero] * len(turns))
    scores = scorer.score([one.turns for one in asked], [reply.text for reply in replies])
    ratings = [PER_NAT * (score - zero[one.id]) for one, score in zip(asked, scores, strict=True)]
    by_question = [ratings[i : i + settings.samples] for i in range(0, len(ratings), settings.samples)]
    rows = [
        mean_row(f"trait_elo{name}", "clean", [combine(each) for each in by_question], "elo")
        for name, combine in (("", fmean), ("_lowest", min), ("_highest", max))
    ]
    return Measured(
        rows, [reply.record(metric="trait_elo", elo=elo) for reply, elo in zip(replies, ratings, strict=True)]
    )
