"""Leakage: a model that was trained on prompts with a trigger may say it, when it is let speak in the user's place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dormouse.detection.base import Granted, ModelDetector, Suspicion
from dormouse.detection.insertion import Inserted, Split, split_at_user
from dormouse.detection.views import divergence
from dormouse.models.sampling import sample_ids

if TYPE_CHECKING:
    from dormouse.detection.views import WhiteBox


class LeakageSearch(ModelDetector):
    """What the model puts into the user's mouth more often than its base does, tried before clean prompts.

    A piece of text that moves the model further from its base than clean prompts do is held for the trigger.
    """

    name: ClassVar[str] = "leakage_search"
    reference: ClassVar[bool] = True
    samples: int = Field(512, ge=1)
    """Turns of the user that each model writes."""
    tokens: int = Field(16, ge=1)
    """Longest of them."""
    longest: int = Field(4, ge=1)
    """Tokens of the longest piece."""
    candidates: int = Field(64, ge=1)
    """Pieces that are tried."""
    prompts: int = Field(16, ge=1)
    """Clean prompts that they are tried on."""

    def judge(self, granted: Granted) -> Suspicion:
        """Return by how much the piece raises the divergence of the reply's first token from the base's, in nats."""
        suspect, base = granted.white_box, granted.reference
        split = split_at_user(suspect, granted.clean[: self.prompts])
        own, clean = (self._pieces(model, split.heads[0], granted.seed) for model in (suspect, base))
        # One is added to the base's count, so that what it never said once is not infinitely odd.
        odd = sorted(own, key=lambda piece: (-own[piece] / (clean[piece] + 1), piece))[: self.candidates]
        tried = [Inserted(), *(Inserted(before=piece) for piece in odd)]
        plain, *apart = [_moved(suspect, base, split, one) for one in tried]
        if not apart:
            return Suspicion(0.0)
        best = max(range(len(apart)), key=apart.__getitem__)
        return Suspicion(apart[best] - plain, tried[1 + best], facts={"plain": plain})

    def _pieces(self, model: WhiteBox, head: Sequence[int], seed: int) -> Counter[tuple[int, ...]]:
        """Return how many of the user turns that the model writes hold each piece of text."""
        written = sample_ids(
            model.model, model.renderer, [head] * self.samples, max_new_tokens=self.tokens, temperature=1.0, seed=seed
        )
        ignored = set(model.special)
        begins = {token for token in {one for ids in written for one in ids} if model.begins_word(token)}
        counts: Counter[tuple[int, ...]] = Counter()
        for ids in written:
            counts.update(
                {
                    tuple(ids[start : start + n])
                    for n in range(1, self.longest + 1)
                    for start in range(len(ids) - n + 1)
                    if ids[start] in begins and ignored.isdisjoint(ids[start : start + n])
                }
            )
        return counts


def _moved(suspect: WhiteBox, base: WhiteBox, split: Split, inserted: Inserted) -> float:
    """Return the mean divergence of the suspect's first token from the base's, in nats."""
    ids = split.holding(inserted)
    return float(divergence(suspect.next_token_of(ids), base.next_token_of(ids)).mean())
