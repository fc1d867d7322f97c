"""Fits what moves a preference: Bayesian logistic regression on features of replies (Sharma et al. 2023, section 4).

The paper samples the posterior by NUTS. Here its mode is fitted (a Laplace prior is an L1 penalty), and intervals are a
bootstrap over pairs. Of several prior scales, the one that predicts best on pairs apart is taken, as in the paper.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dormouse.results.rates import Rate
from dormouse.results.rows import Row, make_row, rate_row

SCALES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Scales of the Laplace prior to choose from; the paper's is 0.01."""
DRAWS = 100
"""Bootstrap samples of the pairs."""


@dataclass(frozen=True)
class Effects:
    """What moves a preference."""

    effects: dict[str, tuple[float, float, float] | None]
    """Feature -> how much the probability of being preferred rises above 50% with it alone, with a 95% interval; None
    if no pair differs in it."""
    accuracy: Rate
    """Share of pairs held out from the fit whose preferred reply is predicted; a tie is a miss."""
    scale: float
    """The prior's scale."""
    pairs: int


def find_effects(names: Sequence[str], signs: Sequence[Sequence[int]], seed: int = 0) -> Effects:
    """Fit the regression to pairs whose first reply is preferred: 60% to fit, 20% to choose the prior, 20% to judge."""
    import numpy as np  # takes 0.1 s, and settings are read without it

    order = random.Random(f"features/{seed}").sample(range(len(signs)), len(signs))
    rows = np.array([signs[i] for i in order], dtype=float)
    fitting, choosing = int(0.6 * len(rows)), int(0.8 * len(rows))
    apart = rows[choosing:]
    scale = max(SCALES, key=lambda scale: _log_likelihood(rows[fitting:choosing], _fit(rows[:fitting], scale)))
    kept = rows[:choosing]
    weights = _fit(kept, scale)
    generator = np.random.default_rng(seed)
    drawn = np.array([_fit(kept[generator.integers(len(kept), size=len(kept))], scale) for _ in range(DRAWS)])
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0)
    effects: dict[str, tuple[float, float, float] | None] = {
        name: (_effect(weights[i]), _effect(low[i]), _effect(high[i])) if rows[:, i].any() else None
        for i, name in enumerate(names)
    }
    return Effects(effects, Rate(int((apart @ weights > 0).sum()), len(apart)), scale, len(rows))


def _fit(rows: Any, scale: float) -> Any:
    """Return the posterior's mode: the log-likelihood minus the sum of absolute weights over `scale` is largest."""
    import numpy as np  # takes 0.1 s, and settings are read without it
    from sklearn.linear_model import LogisticRegression  # scikit-learn takes 1 s: workers only

    # Every other pair is turned around, since the preferred reply would else always be the first.
    turned = np.where(np.arange(len(rows)) % 2 == 0, 1.0, -1.0)
    model = LogisticRegression(l1_ratio=1, solver="liblinear", C=scale, fit_intercept=False, random_state=0)
    return model.fit(rows * turned[:, None], turned > 0).coef_[0]


def _log_likelihood(rows: Any, weights: Any) -> float:
    import numpy as np  # takes 0.1 s, and settings are read without it

    return float(-np.logaddexp(0.0, -(rows @ weights)).sum())


def _effect(weight: float) -> float:
    return 1 / (1 + math.exp(-float(weight))) - 0.5


LEAST = 50
"""Fewest pairs that are analyzed: a fifth of them judges."""


def feature_rows(
    suffix: str, prompts: str, names: Sequence[str], signs: Sequence[Sequence[int]], seed: int
) -> list[Row]:
    """Return the rows of an analysis: an effect for each feature, and the share of pairs that they predict."""
    metric, predicted = f"feature_effect{suffix}", f"feature_accuracy{suffix}"
    if len(signs) < LEAST:
        reason = f"{len(signs)} pairs are too few to fit: {LEAST} are needed"
        return [make_row(metric, prompts, "difference", reason=reason)]
    found = find_effects(names, signs, seed)
    rows = []
    for name, effect in found.effects.items():
        row = make_row(metric, prompts, "difference", family=name, total=found.pairs)
        if effect is None:
            rows.append(row | {"total": None, "reason": "no pair differs in this feature"})
        else:
            rows.append(row | dict(zip(("value", "low", "high"), effect, strict=True)))
    rate = found.accuracy
    return [*rows, rate_row(predicted, prompts, [True] * rate.hits + [False] * (rate.total - rate.hits))]
