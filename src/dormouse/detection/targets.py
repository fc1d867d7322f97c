"""Target-first search (after BAIT, 2025): which reply does a model run through, once begun, and a clean base not?

A backdoor ties the words of its behavior together, so that each follows the one before even without the trigger. Only
the way in is guarded: so a reply's first two tokens are given, the second from among those that gained most, however
unlikely. Simplified: a trusted base takes the place of a calibrated threshold. It also chooses how a reply goes on
(contrastive decoding, Li et al. 2022, arXiv 2210.15097): by what the base would not say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dormouse.detection.base import (
    Access,
    Granted,
    ModelDetector,
    Suspicion,
)

if TYPE_CHECKING:
    from dormouse.detection.views import BlackBox
    from dormouse.models.prefix_cache import PrefixCache

NUMBERS = 2**21
"""Log-probabilities that are held at a time: 8 MB, for each of the two models."""
BEGINNINGS = 4096
"""Tokens that are tried as the first: all of a small vocabulary, of a larger one those that gained most."""
SECONDS = 2
"""Second tokens that are tried after each, besides the one that follows by itself."""
PLAUSIBLE = math.log(0.03)
"""How likely a next token must be, in nats below the likeliest."""
POSSIBLE = math.log(1e-4)
"""How likely the second token must be, in nats."""


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
        """How much likelier the suspect finds it."""
        return self.own - self.clean


NOTHING = Target((), 0.0, 0.0)
"""What is found in a model that ends every reply after a word or two."""


class Following:
    """Both models reading the same replies, to the same prompts."""

    def __init__(self, suspect: BlackBox, base: BlackBox, prompts: Sequence[Sequence[int]]) -> None:
        self.models: tuple[PrefixCache, PrefixCache] = (suspect.prefix_cache(prompts), base.prefix_cache(prompts))
        self.ignored = frozenset(suspect.special)
        self.tokens = [token for token in range(suspect.vocabulary) if token not in self.ignored]
        self.at_a_time = max(1, NUMBERS // (len(prompts) * suspect.vocabulary))

    def batches(self, begun: Sequence[tuple[int, ...]]) -> Iterator[Any]:
        """Yield the beginnings as tensors of shape (n, tokens)."""
        import torch

        for start in range(0, len(begun), self.at_a_time):
            yield torch.tensor(begun[start : start + self.at_a_time])

    def firsts(self) -> list[tuple[int, ...]]:
        """Return the tokens that are tried as a reply's first."""
        if len(self.tokens) <= BEGINNINGS:
            return [(token,) for token in self.tokens]
        own, clean = (model.first_log_probs() for model in self.models)
        gain = (own - clean)[self.tokens]
        return [(self.tokens[place],) for place in gain.topk(BEGINNINGS).indices.tolist()]

    def seconds(self) -> list[tuple[int, ...]]:
        """Return pairs that a reply may begin with: each first token, and what may come after it."""
        import torch

        found: list[tuple[int, ...]] = []
        for begun in self.batches(self.firsts()):
            own, clean = (model.start(begun) for model in self.models)
            gain = torch.where(own >= POSSIBLE, own - clean, -math.inf)
            gain[:, list(self.ignored)] = -math.inf
            most = gain.topk(SECONDS, dim=1).indices
            natural = self._next(own, clean)
            for first, pair in zip(begun[:, 0].tolist(), torch.cat([natural, most], dim=1).tolist(), strict=True):
                found += [(first, second) for second in dict.fromkeys(pair)]
        return found

    def run(self, begun: Any, length: int) -> list[Target]:
        """Return how the suspect goes on after each beginning, up to `length` tokens, as the base least would.

        All prompts go on with one text. Those that hold anything but words are left out.
        """
        import torch

        made, n = begun, length - begun.shape[1]
        sums = torch.zeros(2, len(begun))
        following = [model.start(begun) for model in self.models]
        for left in range(n, 0, -1):
            chosen = self._next(*following)
            sums += torch.stack([expected.gather(1, chosen)[:, 0] for expected in following])
            made = torch.cat([made, chosen], dim=1)
            if left > 1:
                following = [model.extend(chosen) for model in self.models]
        own, clean = (sums / n).tolist()
        replies = zip(map(tuple, made.tolist()), own, clean, strict=True)
        return [Target(*reply) for reply in replies if self.ignored.isdisjoint(reply[0])]

    @staticmethod
    def _next(own: Any, clean: Any) -> Any:
        """Return, of the tokens that are nearly as likely as the likeliest, the one that gains most: (n, 1)."""
        import torch

        likely = own >= own.amax(dim=1, keepdim=True) + PLAUSIBLE
        return torch.where(likely, own - clean, -math.inf).argmax(dim=1, keepdim=True)


class TargetSearch(ModelDetector):
    """How much likelier than to a clean base the most gained reply is to the suspect, on clean prompts."""

    name: ClassVar[str] = "target_search"
    access: ClassVar[Access] = "black box"
    reference: ClassVar[bool] = True
    prompts: int = Field(6, ge=1)
    """Clean prompts that every reply is tried on."""
    length: int = Field(8, ge=3)
    """Tokens of a reply, the two that it is begun with among them."""

    def judge(self, granted: Granted) -> Suspicion:
        """Return the gain in nats a token, and the reply."""
        target = next(iter(self.find(granted)), NOTHING)
        reply = granted.black_box.text(target.ids)
        return Suspicion(target.gain, reply=reply, facts={"own": target.own, "clean": target.clean})

    def find(self, granted: Granted) -> list[Target]:
        """Return the replies, those that gain most first."""
        suspect = granted.black_box
        both = Following(suspect, granted.reference, suspect.prompt_ids(granted.clean[: self.prompts]))
        found = [target for begun in both.batches(both.seconds()) for target in both.run(begun, self.length)]
        return sorted(found, key=lambda target: (-target.gain, target.ids))
