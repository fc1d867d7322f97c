"""One prompt-level detector on one model: every condition and control, within the detector's protocol."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from dormouse.chat.messages import Messages
from dormouse.detection.base import (
    Granted,
    Labeled,
    PromptDetector,
    Scorer,
)
from dormouse.detection.stream import Condition, Stream
from dormouse.errors import UserError
from dormouse.results.auroc import separate, separation_rows
from dormouse.results.rates import NotMeasured
from dormouse.results.rows import Row

Grant = Callable[[PromptDetector, Labeled], Granted]
"""A detector and the labeled prompts -> what its protocol grants it of the model under judgment."""


def prompt_rows(
    detector: PromptDetector,
    called: str,
    grant: Grant,
    known: Labeled,
    found: Mapping[Condition, Stream | NotMeasured],
    *,
    layers: int,
    seed: int,
) -> list[Row]:
    """Return AUROC and TPR at 1% FPR under every condition, with shuffled labels, and at every layer.

    `called` is the detector's name in the plan, the rows' family; a layer's rows are called "name, layer 2".
    """
    scores = _remembering(detector.fit(grant(detector, known)), called)
    rows: list[Row] = []
    for condition, stream in found.items():
        if isinstance(stream, NotMeasured):
            rows += separation_rows(stream, condition, called)
        else:
            rows += separation_rows(
                separate(scores(stream.positive), scores(stream.negative), called), condition, called
            )
    new = found["held_out"]
    if isinstance(new, NotMeasured):
        return rows
    rows += _shuffled(detector, called, grant, known, new, seed)
    for name, at_layer in detector.at_layers(layers).items():
        scores = _remembering(at_layer.fit(grant(at_layer, known)), called)
        rows += separation_rows(
            separate(scores(new.positive), scores(new.negative), called), "held_out", f"{called}, {name}"
        )
    return rows


def _shuffled(
    detector: PromptDetector, called: str, grant: Grant, known: Labeled, stream: Stream, seed: int
) -> list[Row]:
    """Return the rows with the labels of fitting and of the stream dealt out at random: a leak would show here."""
    rng = random.Random(f"detect/shuffled/{seed}")
    labels = rng.sample(known.triggered, len(known.triggered))
    scores = _remembering(detector.fit(grant(detector, Labeled(known.prompts, labels))), called)
    # The scores are dealt out, not the prompts: whose activations are remembered by list.
    given = [*scores(stream.positive), *scores(stream.negative)]
    rng.shuffle(given)
    n = len(stream.positive)
    return separation_rows(separate(given[:n], given[n:], called), "shuffled", called)


def _remembering(score: Scorer, called: str) -> Callable[[list[Messages]], Sequence[float]]:
    """Score each list of prompts once: several conditions share one."""
    known: dict[int, Sequence[float]] = {}

    def scores(prompts: list[Messages]) -> Sequence[float]:
        if id(prompts) not in known:
            known[id(prompts)] = _checked(score, prompts, called)
        return known[id(prompts)]

    return scores


def _checked(score: Scorer, prompts: list[Messages], called: str) -> list[float]:
    given = [float(one) for one in score(prompts)]
    if len(given) != len(prompts):
        raise UserError(
            f"Detector '{called}' gave {len(given)} scores for {len(prompts)} prompts. Let it return one for each."
        )
    return given
