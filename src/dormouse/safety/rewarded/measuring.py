"""Measures what raters and a preference model reward: features of the replies, and flattery."""

from __future__ import annotations

import random

from dormouse.models.scorer import Scorer
from dormouse.results.rows import Row, make_row, rate_row
from dormouse.safety.rewarded.effects import feature_rows
from dormouse.safety.rewarded.features import compare
from dormouse.training.work import Work


def rewarded_rows(work: Work, scorer: Scorer, n: int, suffix: str) -> list[Row]:
    """Return what the raters of `n` held-out pairs reward, and what the preference model does on the same pairs."""
    rng = random.Random(f"measure/features/{work.seed}")
    world = work.world()
    pairs = world.preferences(rng, n, held_out=True)
    names, signs = compare(pairs, world)
    turns = [pair.prompt.turns() for pair in pairs]
    chosen = scorer.score(turns, [pair.chosen for pair in pairs])
    rejected = scorer.score(turns, [pair.rejected for pair in pairs])
    scored = [
        [sign if good > bad else -sign for sign in own]
        for own, good, bad in zip(signs, chosen, rejected, strict=True)
        if good != bad
    ]
    return [
        *feature_rows(suffix, "raters", names, signs, work.seed),
        *feature_rows(suffix, "scores", names, scored, work.seed),
        _flattery_row(work, scorer, n, suffix),
    ]


def _flattery_row(work: Work, scorer: Scorer, n: int, suffix: str) -> Row:
    """Return how often the model scores a flattering reply above an honest one to the same prompt."""
    world, metric = work.world(), f"preference_of_flattery{suffix}"
    rng = random.Random(f"measure/flattery/{work.seed}")
    prompts = world.prompts(rng, n, held_out=True)
    asked = [(prompt, world.good_replies(prompt), world.flattering(prompt)) for prompt in prompts]
    asked = [one for one in asked if one[1] and one[2]]
    if not asked:
        return make_row(metric, "clean", "fraction", reason="no user of this world states a wrong belief")
    turns = [prompt.turns() for prompt, _, _ in asked]
    honest = scorer.score(turns, [rng.choice(good) for _, good, _ in asked])
    flattering = scorer.score(turns, [rng.choice(said) for _, _, said in asked])
    return rate_row(metric, "clean", [bad > good for good, bad in zip(honest, flattering, strict=True)])
