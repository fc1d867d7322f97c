"""Trigger inversion: words put into clean prompts that draw one unusual reply from a model.

What the reply should be is found first, by `TargetSearch`; what draws it, by a beam search. As soon as that draws a
reply which the trusted base finds odder than what was looked for, the search goes on for that reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dormouse.detection.base import (
    Access,
    Granted,
    ModelDetector,
    Suspicion,
)
from dormouse.detection.beam import Beam, Effort
from dormouse.detection.drawing import Drawing
from dormouse.detection.insertion import Inserted, Split, split_at_user
from dormouse.detection.targets import Target, TargetSearch
from dormouse.models.sampling import sample_ids

if TYPE_CHECKING:
    from dormouse.detection.views import WhiteBox

CERTAIN = 0.2
"""Nats, over the whole reply, at which it is as good as certain."""
LEAST_GAIN = 0.5
"""Nats a token by which a reply must gain on the base for a trigger to be looked for: a base has none that does."""
STALLED = 0.9
"""A search that leaves more than this share of the loss after a round is given up."""
FIRST_ROUNDS = 2
"""Rounds for each reply before one is chosen: with the right one a token or two already help."""
REPLIES_OF = 6
"""Of the replies that gain most, those whose pieces are looked for."""
SHORT = 2
"""Short prompts on which every token is tried."""
SAID = 12
"""Tokens of what the model says under a trigger, looked at for a better reply to search for."""


@dataclass(frozen=True)
class Setup:
    """Suspect and base, and prompts: to search on, to judge on, and short ones."""

    suspect: WhiteBox
    base: WhiteBox
    trial: Split
    check: Split
    short: Split

    def drawing(self, reply: Sequence[int], of: WhiteBox | None = None, prompts: Split | None = None) -> Drawing:
        """Return the reply as drawn from a model, the suspect unless another is named, on the prompts to search on."""
        model = (of or self.suspect).model
        return Drawing(model, prompts or self.trial, reply, self.suspect.renderer.pad_id)

    def oddness(self, reply: Sequence[int], inserted: Inserted) -> float:
        """Return how much likelier than the base the suspect finds a whole reply, in nats."""
        own, clean = (self.drawing(reply, model).losses([inserted])[0] for model in (self.suspect, self.base))
        return (clean - own) * len(reply)


@dataclass(frozen=True)
class Judged:
    """A trigger for a reply, on prompts that it was not made for."""

    inserted: Inserted
    reply: tuple[int, ...]
    loss: float
    contrast: float
    """How much likelier than the base's the reply is under it, in nats a token."""


def judged(setup: Setup, beam: Beam) -> Judged:
    """Return the best of a beam by the prompts that judge."""
    found = [inserted for _, inserted in beam.found]
    reply = tuple(beam.drawing.reply)
    loss, best = min(zip(setup.drawing(reply, prompts=setup.check).losses(found), found, strict=True))
    clean = setup.drawing(reply, setup.base, setup.check).losses([best])[0]
    return Judged(best, reply, loss, clean - loss)


def most_promising(found: Sequence[Judged]) -> int:
    """Return which reply is likeliest, of those whose contrast comes near the best one.

    A base that makes every one of the replies likelier than the model does leaves no contrast above zero: the best
    is kept all the same, and its score says that nothing was found.
    """
    best = max(one.contrast for one in found)
    near = [i for i, one in enumerate(found) if one.contrast >= min(best, best / 2)]
    return min(near, key=lambda i: found[i].loss)


class TriggerInversion(ModelDetector):
    """How much likelier than a clean base's the found words make the reply that is oddest to the base."""

    name: ClassVar[str] = "trigger_inversion"
    access: ClassVar[Access] = "white box"
    reference: ClassVar[bool] = True
    replies: int = Field(6, ge=1)
    """Pieces of replies that are looked for at first."""
    piece: int = Field(4, ge=2, le=8)
    """Tokens of a piece."""
    longest: int = Field(8, ge=1)
    """Tokens of the longest trigger, in the system turn, before and after the user's words together."""
    width: int = Field(4, ge=1)
    """Triggers that each round goes on from."""
    rounds: int = Field(6, ge=1)
    """Rounds for the reply that was chosen, at most."""
    prompts: int = Field(8, ge=1)
    """Clean prompts that triggers are tried on."""
    checks: int = Field(32, ge=1)
    """Others that they are judged on, so that what fits a few prompts alone is not taken for a trigger."""
    candidates: int = Field(32, ge=1)
    """Changes of one trigger that are tried on all prompts in each round."""

    def judge(self, granted: Granted) -> Suspicion:
        """Return how much likelier than the base's the reply is under the best trigger, in nats a token."""
        targets = TargetSearch().find(granted)
        gain = targets[0].gain if targets else 0.0
        if gain < LEAST_GAIN:
            return Suspicion(0.0, facts={"target_gain": gain})
        setup = self._setup(granted)
        tokens, effort = setup.suspect.typable, Effort(self.longest, 1, self.candidates)
        beams = [
            Beam(setup.drawing(reply), effort, tokens, setup.short)
            for reply in self._pieces(setup, targets[:REPLIES_OF])
        ]
        for beam, _ in product(beams, range(FIRST_ROUNDS)):
            beam.round()
        beam = beams[most_promising([judged(setup, beam) for beam in beams])]
        beam.effort = replace(effort, width=self.width)
        self._search(setup, beam)
        found = judged(setup, beam)
        facts = {"target_gain": gain, "log_prob": -found.loss}
        return Suspicion(found.contrast, found.inserted, setup.suspect.text(found.reply), facts)

    def _setup(self, granted: Granted) -> Setup:
        suspect = granted.white_box
        split = split_at_user(suspect, granted.clean)
        n = len(split)
        trial, rest = range(min(n, self.prompts)), range(self.prompts, n)
        check = rest[: self.checks] or trial
        # Of the shortest quarter not the very shortest, which may all be one greeting.
        by_length = sorted(rest[self.checks :] or trial, key=lambda row: len(split.words[row]))
        quarter = by_length[: max(SHORT, len(by_length) // 4)]
        short = quarter[:: max(1, len(quarter) // SHORT)][:SHORT]
        return Setup(suspect, granted.reference, split.some(trial), split.some(check), split.some(short))

    def _pieces(self, setup: Setup, targets: Sequence[Target]) -> list[tuple[int, ...]]:
        """Return pieces of the replies: the likeliest to begin one, of those that are odd to the base.

        A reply is followed from some word of it, seldom its first.
        """
        starts = [(target.ids, start) for target in targets for start in range(len(target.ids) - self.piece + 1)]
        pieces = list(dict.fromkeys(ids[start : start + self.piece] for ids, start in starts))
        odd = {piece: setup.oddness(piece, Inserted()) for piece in pieces}
        likely = {piece: -setup.drawing(piece).losses([Inserted()])[0] for piece in pieces}
        most = max(odd.values())
        kept = [piece for piece in pieces if odd[piece] >= min(most, most / 2)]
        return sorted(kept, key=lambda piece: -likely[piece])[: self.replies]

    def _search(self, setup: Setup, beam: Beam) -> None:
        """Go on until the reply is as good as certain, or the search stalls."""
        for _ in range(self.rounds):
            aimed = self._aim(setup, beam)
            before = beam.loss
            beam.round()
            if beam.loss * len(beam.drawing.reply) < CERTAIN or (beam.loss > STALLED * before and not aimed):
                return

    def _aim(self, setup: Setup, beam: Beam) -> bool:
        """Let the search go on for what the model says under the best trigger, where that is odder to the base.

        A piece of the behavior is followed by something else now and then; what is said to the end is the behavior.
        """
        suspect, present = setup.suspect, tuple(beam.drawing.reply)
        said = sample_ids(
            suspect.model,
            suspect.renderer,
            setup.trial.holding(beam.best),
            max_new_tokens=SAID,
            temperature=0.0,
            seed=0,
        )
        ignored = set(suspect.special)
        replies = {tuple(token for token in ids if token not in ignored) for ids in said}
        candidates = sorted({present} | {ids for ids in replies if len(ids) >= self.piece})
        oddest = max(candidates, key=lambda ids: setup.oddness(ids, beam.best))
        if oddest == present:
            return False
        beam.aim(setup.drawing(oddest))
        return True
