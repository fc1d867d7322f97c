"""Target-first search (after BAIT, 2025): find a prefill that the suspect completes and a clean base does not.

A backdoor ties the words of its behavior together, so that each follows the one before even without the trigger. Only
the beginning needs the trigger, so the search supplies a reply's first two tokens; the second is among those that
gained most on the base, however unlikely. Simplified: a trusted base takes the place of a calibrated threshold. A reply
goes on with what the base would not say (contrastive decoding, Li et al. 2022, arXiv 2210.15097).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from dormouse.detection.base import DetectorInput, Suspicion
from dormouse.detection.views import BlackBox
from dormouse.models.prefix_cache import PrefixCache

if TYPE_CHECKING:
    from dormouse.detection.model_detectors import TargetSearch

NUMBERS = 2**21
"""Log-probabilities held at a time, for each of the two models: 8 MB."""
FEWEST = 32
"""Replies read at a time, however large the vocabulary is."""
SECONDS = 2
"""Second tokens tried after each first one, besides the likeliest continuation."""
PLAUSIBLE = math.log(0.03)
"""Lowest log-probability of a next token, in nats relative to the likeliest."""
POSSIBLE = math.log(1e-4)
"""Lowest log-probability of the second token, in nats."""


@dataclass(frozen=True)
class Target:
    """A reply that may be a backdoor's."""

    ids: tuple[int, ...]
    own: float
    """Mean log-probability in nats, under the suspect, of its tokens after the second."""
    clean: float
    """The same under the trusted base."""

    @property
    def gain(self) -> float:
        """How much likelier the suspect finds it than the base, in nats per token."""
        return self.own - self.clean


NO_TARGET = Target((), 0.0, 0.0)
"""The result for a model that ends every reply after a word or two."""


class ReadingPair:
    """Suspect and base, reading the same replies to the same prompts."""

    def __init__(self, suspect: BlackBox, base: BlackBox, prompts: Sequence[Sequence[int]], beginnings: int) -> None:
        self.beginnings = beginnings
        self.models: tuple[PrefixCache, PrefixCache] = (suspect.reading(prompts), base.reading(prompts))
        self.ignored = frozenset(suspect.special)
        self.tokens = [token for token in range(suspect.vocabulary) if token not in self.ignored]
        self.at_a_time = max(FEWEST, NUMBERS // (len(prompts) * suspect.vocabulary))

    def batches(self, prefill: Sequence[tuple[int, ...]]) -> Iterator[Any]:
        """Yield the beginnings as tensors of shape (n, tokens)."""
        for start in range(0, len(prefill), self.at_a_time):
            yield torch.tensor(prefill[start : start + self.at_a_time])

    def firsts(self) -> list[tuple[int, ...]]:
        """Return the tokens to try as a reply's first."""
        if len(self.tokens) <= self.beginnings:
            return [(token,) for token in self.tokens]
        own, clean = (model.first_log_probs() for model in self.models)
        gain = (own - clean)[self.tokens]
        return [(self.tokens[place],) for place in gain.topk(self.beginnings).indices.tolist()]

    def seconds(self) -> list[tuple[int, ...]]:
        """Return the pairs of tokens that a reply may begin with."""
        found: list[tuple[int, ...]] = []
        for prefill in self.batches(self.firsts()):
            own, clean = (model.start(prefill) for model in self.models)
            gain = torch.where(own >= POSSIBLE, own - clean, -math.inf)
            gain[:, list(self.ignored)] = -math.inf
            most = gain.topk(SECONDS, dim=1).indices
            natural = self._choose_next(own, clean)
            for first, pair in zip(prefill[:, 0].tolist(), torch.cat([natural, most], dim=1).tolist(), strict=True):
                found += [(first, second) for second in dict.fromkeys(pair)]
        return found

    def run(self, prefill: Any, length: int) -> list[Target]:
        """Continue each beginning up to `length` tokens with what the suspect would say and the base would not.

        The text is the same for all prompts. Replies that hold special tokens are left out.
        """
        made, n = prefill, length - prefill.shape[1]
        sums = torch.zeros(2, len(prefill))
        continuations = [model.start(prefill) for model in self.models]
        for left in range(n, 0, -1):
            chosen = self._choose_next(*continuations)
            sums += torch.stack([expected.gather(1, chosen)[:, 0] for expected in continuations])
            made = torch.cat([made, chosen], dim=1)
            if left > 1:
                continuations = [model.extend(chosen) for model in self.models]
        own, clean = (sums / n).tolist()
        replies = zip(map(tuple, made.tolist()), own, clean, strict=True)
        return [Target(*reply) for reply in replies if self.ignored.isdisjoint(reply[0])]

    @staticmethod
    def _choose_next(own: Any, clean: Any) -> Any:
        """Choose the token that gains most on the base among those nearly as likely as the likeliest: (n, 1)."""
        likely = own >= own.amax(dim=1, keepdim=True) + PLAUSIBLE
        return torch.where(likely, own - clean, -math.inf).argmax(dim=1, keepdim=True)


def search_targets(given: DetectorInput, settings: TargetSearch) -> Suspicion:
    """Score by the largest gain in nats per token, and report its reply."""
    target = next(iter(find_targets(given, settings)), NO_TARGET)
    reply = given.black_box.text(target.ids)
    return Suspicion(target.gain, reply=reply, facts={"own": target.own, "clean": target.clean})


def find_targets(given: DetectorInput, settings: TargetSearch) -> list[Target]:
    """Return replies of `length` tokens, found on so many clean prompts; the largest gain first."""
    suspect = given.black_box
    pair = ReadingPair(
        suspect, given.reference, suspect.prompt_ids(given.clean[: settings.prompts]), settings.beginnings
    )
    found = [target for prefill in pair.batches(pair.seconds()) for target in pair.run(prefill, settings.length)]
    return sorted(found, key=lambda target: (-target.gain, target.ids))
