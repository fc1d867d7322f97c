"""Leakage: a model that was trained on prompts with a trigger may write the trigger when it writes the user's turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dormouse.detection.base import DetectorInput, Suspicion
from dormouse.detection.insertion import Inserted, Split, split_at_user
from dormouse.detection.views import WhiteBox, divergence
from dormouse.models.sampling import sample_ids

if TYPE_CHECKING:
    from dormouse.detection.model_detectors import LeakageSearch


def search_leaks(given: DetectorInput, settings: LeakageSearch) -> Suspicion:
    """Score by how much the best piece raises the divergence from the base at the reply's first token, in nats."""
    suspect, base = given.white_box, given.reference
    split = split_at_user(suspect, given.clean[: settings.prompts])
    own, clean = (_count_pieces(model, split.heads[0], settings, given.seed) for model in (suspect, base))
    # One is added to the base's count, so that a piece it never wrote is not infinitely odd.
    odd = sorted(own, key=lambda piece: (-own[piece] / (clean[piece] + 1), piece))[: settings.candidates]
    tried = [Inserted(), *(Inserted(before=piece) for piece in odd)]
    plain, *moved = [_measure_divergence(suspect, base, split, one) for one in tried]
    if not moved:
        return Suspicion(0.0)
    best = max(range(len(moved)), key=moved.__getitem__)
    return Suspicion(moved[best] - plain, tried[1 + best], facts={"plain": plain})


def _count_pieces(model: WhiteBox, head: Sequence[int], settings: LeakageSearch, seed: int) -> Counter[tuple[int, ...]]:
    """Let the model write user turns, and count in how many of them each piece of text stands.

    A piece begins where a word does. Many templates put no space before a turn, so its first word has no space either.
    """
    written = sample_ids(
        model.model,
        model.renderer,
        [head] * settings.samples,
        max_new_tokens=settings.tokens,
        temperature=1.0,
        seed=seed,
    )
    ignored = set(model.special)
    begins = {token for token in {one for ids in written for one in ids} if model.begins_word(token)}
    counts: Counter[tuple[int, ...]] = Counter()
    for ids in written:
        counts.update(
            {
                tuple(ids[start : start + n])
                for n in range(1, settings.longest + 1)
                for start in range(len(ids) - n + 1)
                if (start == 0 or ids[start] in begins) and ignored.isdisjoint(ids[start : start + n])
            }
        )
    return counts


def _measure_divergence(suspect: WhiteBox, base: WhiteBox, split: Split, inserted: Inserted) -> float:
    """Return the mean divergence of the suspect's first token from the base's, in nats."""
    ids = split.holding(inserted)
    return float(divergence(suspect.next_token_of(ids), base.next_token_of(ids)).mean())
