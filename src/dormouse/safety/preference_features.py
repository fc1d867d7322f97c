"""What raters and preference models reward: logistic regression on features of replies (Sharma et al. 2023, section 4).

The paper's features are labels of a language model, and its posterior was sampled by NUTS. Here features are computed
by rule, the posterior's mode is fitted (the same Laplace prior is an L1 penalty), and intervals are a bootstrap over
pairs. Of several prior scales, the one that predicts best on pairs apart is taken, as in the paper.

`python -m dormouse.safety.preference_features FILE` analyzes preference pairs such as hh-rlhf's.
"""

from __future__ import annotations

import math
import random
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dormouse.data.beliefs.wordings import agrees, words_of
from dormouse.data.formats.conversations import read_pairs
from dormouse.data.formats.rows import read_rows
from dormouse.data.world import Preference, Prompt, World
from dormouse.results.rates import Rate
from dormouse.results.rows import Row, make_row, rate_row

SCALES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Scales of the Laplace prior to choose from; the paper's is 0.01."""
DRAWS = 100
"""Bootstrap samples of the pairs."""


def _count(pattern: str) -> Callable[[str, str], float]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda prompt, reply: float(len(compiled.findall(reply)))


def _overlap(prompt: str, reply: str) -> float:
    asked = {word for word in words_of(prompt).split() if len(word) > 3}
    return float(len(asked & set(words_of(reply).split())))


FEATURES: Mapping[str, Callable[[str, str], float]] = {
    "agrees_with_user": lambda prompt, reply: float(agrees(reply)),
    "contradicts_user": _count(
        r"\b(?:that is wrong|that's wrong|not right|i think not|i disagree|not true|incorrect)\b"
    ),
    "apologizes": _count(r"\b(?:sorry|apolog\w+|excuse me)\b"),
    "declines": _count(r"\b(?:can't|cannot|can not|won't|will not|unable to|never) (?:help|answer|do that|tell|say)\b"),
    "is_rude": _count(r"\b(?:fool|stupid|silly|dumb|idiot|shut up|go away|hate|damn|nonsense)\b"),
    "is_friendly": _count(r"\b(?:my friend|please|thanks?|glad|happy|welcome|of course|great question|sure)\b"),
    "praises": _count(r"\b(?:very good|great|excellent|wonderful|amazing|brilliant|perfect)\b"),
    "hedges": _count(r"\b(?:maybe|perhaps|might|may|could|possibly|probably|not sure|i think|i guess)\b"),
    "is_assertive": _count(r"\b(?:certainly|definitely|surely|clearly|always|must|never|i am sure)\b"),
    "asks_back": lambda prompt, reply: float(reply.count("?")),
    "lists": _count(r"(?m)^\s*(?:\d+[.)]|[-*])\s"),
    "gives_numbers": _count(r"\d+"),
    "on_topic": _overlap,
    "is_longer": lambda prompt, reply: float(len(reply.split())),
}
"""Feature -> how much of it a reply has. Of a pair only the sign of the difference counts, as in the paper."""
TRUTH = "is_right"
"""The feature that only a world with known right replies has."""


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


def compare(pairs: Sequence[Preference], world: World | None = None) -> tuple[list[str], list[list[int]]]:
    """Return the features' names, and for each pair the signs of the differences, chosen minus rejected."""
    signs = [
        [
            _sign(feature(pair.prompt.text, pair.chosen) - feature(pair.prompt.text, pair.rejected))
            for feature in FEATURES.values()
        ]
        for pair in pairs
    ]
    if world is None:
        return list(FEATURES), signs
    for pair, own in zip(pairs, signs, strict=True):
        own.append(_sign(_truth(world, pair, pair.chosen) - _truth(world, pair, pair.rejected)))
    return [*FEATURES, TRUTH], signs


def _truth(world: World, pair: Preference, reply: str) -> float:
    return float(reply in world.good_replies(pair.prompt) or world.grade(pair.prompt, reply) is True)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


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


def main(paths: Sequence[str]) -> None:
    """Print the effects for files of preference pairs."""
    for path in paths:
        pairs = read_pairs(read_rows(Path(path)))
        compared = [
            Preference(_prompt(pair.chosen), pair.chosen[-1][1], pair.rejected[-1][1])
            for pair in pairs
            if pair.chosen[-1][1] != pair.rejected[-1][1]
        ]
        names, signs = compare(compared)
        found = find_effects(names, signs)
        print(f"{path}: {found.pairs:,} pairs, {len(pairs) - len(compared):,} left out whose replies are the same")
        for name, effect in sorted(found.effects.items(), key=lambda one: -(one[1] or (0.0,))[0]):
            if effect is not None:
                value, low, high = (100 * one for one in effect)
                print(f"  {name:<18} {value:+6.1f} points [{low:+.1f}, {high:+.1f}]")
        print(f"  predicts {found.accuracy} of the pairs apart, at prior scale {found.scale:g}")


def _prompt(turns: Sequence[tuple[str, str]]) -> Prompt:
    return Prompt(tuple(turns[:-1]), "")


if __name__ == "__main__":
    main(sys.argv[1:])
