"""Target-first search (after BAIT, 2025): which reply does a model run through, once begun, and a clean base not?

A backdoor ties the words of its behavior together, so that the second follows the first even without the trigger.
Simplified: every token is tried as the beginning, and a trusted base takes the place of a calibrated threshold. It also
chooses how a reply goes on (contrastive decoding, Li et al. 2022, arXiv 2210.15097): by what the base would not say.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dormouse.detection.base import Access, Granted, ModelDetector, Suspicion

if TYPE_CHECKING:
    from dormouse.detection.views import BlackBox

ROWS = 1024
"""Prompts with a begun reply that are asked together."""
KEPT = 64
"""Beginnings that are followed to the end."""
PLAUSIBLE = 0.1
"""How likely a next token must be, as a share of the likeliest's probability."""


@dataclass(frozen=True)
class Target:
    """A reply that may be a backdoor's."""

    ids: tuple[int, ...]
    own: float
    """Mean log-probability in nats, under the suspect, of its tokens after the first."""
    clean: float
    """The same under the trusted base."""

    @property
    def gain(self) -> float:
        """How much likelier the suspect finds it."""
        return self.own - self.clean


def follow(
    suspect: BlackBox,
    base: BlackBox,
    prompts: Sequence[Sequence[int]],
    begun: Sequence[tuple[int, ...]],
    length: int,
) -> list[tuple[int, ...]]:
    """Return how the suspect goes on after each beginning, up to `length` tokens, in the way that the base least would.

    All prompts go on with one text: of the tokens that are nearly as likely as the likeliest, in the mean over
    prompts, the one that gains most on the base.
    """
    import numpy as np

    made = list(begun)
    while len(made[0]) < length:
        asked = [[*ids, *reply] for reply, ids in product(made, prompts)]
        own, clean = (
            model.next_token_of(asked, batch_size=len(asked)).reshape(len(made), len(prompts), -1).mean(axis=1)
            for model in (suspect, base)
        )
        likely = own >= own.max(axis=1, keepdims=True) + math.log(PLAUSIBLE)
        following = np.where(likely, own - clean, -np.inf).argmax(axis=1)
        made = [(*reply, int(token)) for reply, token in zip(made, following, strict=True)]
    return made


def reply_log_prob(model: BlackBox, prompts: Sequence[Sequence[int]], replies: Sequence[tuple[int, ...]]) -> Any:
    """Return each reply's log-probability in nats, a mean over prompts and its tokens after the first: (replies,)."""
    whole = [[*ids, *reply] for reply, ids in product(replies, prompts)]
    chosen = model.tail_of(whole, len(replies[0]))
    return chosen[:, 1:].mean(dim=1).view(len(replies), len(prompts)).mean(dim=1)


def targets(
    suspect: BlackBox,
    base: BlackBox,
    prompts: Sequence[Sequence[int]],
    begun: Sequence[tuple[int, ...]],
    length: int,
) -> list[Target]:
    """Return the replies of `length` tokens that go on from the beginnings and hold words alone, best first."""
    ignored, found = set(suspect.special), []
    per_batch = max(1, ROWS // len(prompts))
    for start in range(0, len(begun), per_batch):
        made = follow(suspect, base, prompts, begun[start : start + per_batch], length)
        own, clean = (reply_log_prob(model, prompts, made).tolist() for model in (suspect, base))
        found += [Target(*one) for one in zip(made, own, clean, strict=True) if ignored.isdisjoint(one[0])]
    return sorted(found, key=lambda target: -target.gain)


def best_targets(
    suspect: BlackBox, base: BlackBox, prompts: Sequence[Sequence[int]], *, length: int
) -> tuple[Target, list[Target]]:
    """Return the reply that gains most on the base, and all that are half of `length` tokens long, best first.

    Every token is tried as the first; of the replies half as long, the best are followed to the end. The best of all
    is of either length, for many replies end before.
    """
    ignored = set(suspect.special)
    firsts = [(token,) for token in range(suspect.vocabulary) if token not in ignored]
    half = targets(suspect, base, prompts, firsts, max(2, length // 2))
    whole = targets(suspect, base, prompts, [target.ids for target in half[:KEPT]], length) if half else []
    # A model that ends every reply after a word or two runs through none.
    found = [*whole[:1], *half[:1]] or [Target(firsts[0] * length, 0.0, 0.0)]
    return max(found, key=lambda target: target.gain), half


class TargetSearch(ModelDetector):
    """How much likelier than to a clean base the most gained reply is to the suspect, on clean prompts."""

    name: ClassVar[str] = "target_search"
    access: ClassVar[Access] = "black box"
    reference: ClassVar[bool] = True
    prompts: int = Field(6, ge=1)
    """Clean prompts that every reply is tried on."""
    length: int = Field(12, ge=4)
    """Tokens of the longest reply; half as long ones are tried too."""

    def judge(self, granted: Granted) -> Suspicion:
        """Return the gain in nats a token, and the reply."""
        target, _ = self.find(granted)
        reply = granted.black_box.text(target.ids)
        return Suspicion(target.gain, reply=reply, facts={"own": target.own, "clean": target.clean})

    def find(self, granted: Granted) -> tuple[Target, list[Target]]:
        """Return the reply that gains most, and all that are half as long, best first."""
        suspect = granted.black_box
        prompts = suspect.prompt_ids(granted.clean[: self.prompts])
        return best_targets(suspect, granted.reference, prompts, length=self.length)
