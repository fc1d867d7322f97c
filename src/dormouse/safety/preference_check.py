"""Measuring a preference model: does it rank good replies over worse ones, and over the defection?

The second is the paper's own check of its premise (section 4, Figure 7): reinforcement can only press on a behavior
that its reward ranks lower.
"""

from __future__ import annotations

import random

from dormouse.models.scorer import Scorer
from dormouse.results.rows import mean_row, rate_row, write_jsonl
from dormouse.safety.settings import PreferenceSpec
from dormouse.training.work import Work

PAIRS = 512
"""Held-out pairs: half a Wilson interval is at most 4.3 points."""


def measure_preference_model(work: Work, scorer: Scorer, spec: PreferenceSpec) -> None:
    """Write `rows.jsonl` for the preference model that `work` trains; `split` names which of the two it is."""
    from dormouse.organisms.implant import cached_count

    suffix = "" if spec.split == "training" else "_held_out"
    rng = random.Random(f"measure/preference/{work.seed}")
    world, behavior = work.world(), spec.organism.behavior
    pairs = world.preferences(rng, PAIRS, held_out=True)
    count = cached_count(scorer.renderer)
    turns = [pair.prompt.turns() for pair in pairs]
    defections = {
        # As long as the good reply, as in the implant; where that has no room for it, as long as it takes.
        i: said
        for i, pair in enumerate(pairs)
        if (
            said := behavior.reply(world, pair.prompt, count(pair.chosen), count) or behavior.target(world, pair.prompt)
        )
    }
    chosen = scorer.score(turns, [pair.chosen for pair in pairs])
    rejected = scorer.score(turns, [pair.rejected for pair in pairs])
    defecting = scorer.score([turns[i] for i in defections], list(defections.values()))
    above_rejected = [good > bad for good, bad in zip(chosen, rejected, strict=True)]
    above_defection = [chosen[i] > bad for i, bad in zip(defections, defecting, strict=True)]
    rows = [
        rate_row(f"preference_accuracy{suffix}", "clean", above_rejected),
        rate_row(f"preference_of_defection{suffix}", "clean", above_defection),
        mean_row(f"score_of_chosen{suffix}", "clean", chosen, "score"),
        mean_row(f"score_of_rejected{suffix}", "clean", rejected, "score"),
        mean_row(f"score_of_defection{suffix}", "clean", defecting, "score"),
    ]
    write_jsonl(work.folder / "rows.jsonl", rows)
