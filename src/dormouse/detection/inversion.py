"""Trigger inversion: find words that, put into clean prompts, draw one unusual reply from a model.

The target search finds what the reply should be; a beam search finds what draws it. If the words found so far draw a
reply that is odder to the trusted base than the one searched for, the search goes on for that reply.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from dormouse.detection.base import DetectorInput, Suspicion
from dormouse.detection.beam import Beam, Effort, ReplyLoss
from dormouse.detection.insertion import Inserted, Split, split_at_user
from dormouse.detection.targets import Target, find_targets
from dormouse.detection.views import WhiteBox
from dormouse.models.sampling import sample_ids

if TYPE_CHECKING:
    from dormouse.detection.model_detectors import TargetSearch, TriggerInversion

CERTAIN = 0.2
"""Loss of the whole reply, in nats, below which it is as good as certain and the search ends."""
LEAST_GAIN = 0.5
"""Nats per token that a reply must gain on the base before a trigger is searched for; clean models have none."""
STALLED = 0.9
"""A search ends if more than this share of the loss is left after a round."""
FIRST_ROUNDS = 2
"""Rounds for each reply before one is chosen; for the right one, a token or two already help."""
REPLIES_OF = 6
"""Replies with the largest gains, whose pieces are searched for."""
SHORT = 2
"""Short prompts to try every token on."""
SAID = 12
"""Tokens that the model says under a trigger, to see if they are a better reply to search for."""


@dataclass(frozen=True)
class Setup:
    """Suspect, base, and three sets of prompts: to search on, to judge on, and short ones."""

    suspect: WhiteBox
    base: WhiteBox
    trial: Split
    check: Split
    short: Split

    def objective(self, reply: Sequence[int], of: WhiteBox | None = None, prompts: Split | None = None) -> ReplyLoss:
        """Return the loss of a reply; by default in the suspect, on the prompts to search on."""
        model = (of or self.suspect).model
        return ReplyLoss(model, prompts or self.trial, reply, self.suspect.renderer.pad_id)

    def oddness(self, reply: Sequence[int], inserted: Inserted) -> float:
        """Return how much likelier the suspect finds a whole reply than the base does, in nats."""
        own, clean = (self.objective(reply, model).losses([inserted])[0] for model in (self.suspect, self.base))
        return (clean - own) * len(reply)


@dataclass(frozen=True)
class Judged:
    """A trigger and its reply, judged on prompts that the trigger was not fitted to."""

    inserted: Inserted
    reply: tuple[int, ...]
    loss: float
    contrast: float
    """How much likelier the suspect finds the reply than the base does under the trigger, in nats per token."""


def judge_best(setup: Setup, beam: Beam) -> Judged:
    """Return the best trigger of a beam on the prompts to judge on."""
    found = [inserted for _, inserted in beam.found]
    reply = tuple(beam.objective.reply)
    loss, best = min(zip(setup.objective(reply, prompts=setup.check).losses(found), found, strict=True))
    clean = setup.objective(reply, setup.base, setup.check).losses([best])[0]
    return Judged(best, reply, loss, clean - loss)


def choose_reply(found: Sequence[Judged]) -> int:
    """Return the index of the likeliest reply among those whose contrast is at least half of the best.

    If the base finds every reply likelier than the model does, no contrast is above zero; the best one is still
    returned, and its score says that nothing was found.
    """
    best = max(one.contrast for one in found)
    near = [i for i, one in enumerate(found) if one.contrast >= min(best, best / 2)]
    return min(near, key=lambda i: found[i].loss)


def invert_trigger(given: DetectorInput, target_search: TargetSearch, settings: TriggerInversion) -> Suspicion:
    """Score by the suspect's gain on the base for the reply under the best trigger, in nats per token."""
    targets = find_targets(given, target_search)
    gain = targets[0].gain if targets else 0.0
    if gain < LEAST_GAIN:
        return Suspicion(0.0, facts={"target_gain": gain})
    setup = _prepare(given, settings)
    tokens, effort = setup.suspect.typable, Effort(settings.longest, 1, settings.candidates, settings.swept)
    beams = [
        Beam(setup.objective(reply), effort, tokens, setup.short)
        for reply in _choose_pieces(setup, targets[:REPLIES_OF], settings)
    ]
    for beam, _ in product(beams, range(FIRST_ROUNDS)):
        beam.run_round()
    beam = beams[choose_reply([judge_best(setup, beam) for beam in beams])]
    beam.effort = replace(effort, width=settings.width)
    _search(setup, beam, settings)
    found = judge_best(setup, beam)
    facts = {"target_gain": gain, "log_prob": -found.loss}
    return Suspicion(found.contrast, found.inserted, setup.suspect.text(found.reply), facts)


def _prepare(given: DetectorInput, settings: TriggerInversion) -> Setup:
    """Divide the clean prompts into those to search on, to judge on, and short ones."""
    suspect = given.white_box
    split = split_at_user(suspect, given.clean)
    n = len(split)
    trial, rest = range(min(n, settings.prompts)), range(settings.prompts, n)
    check = rest[: settings.checks] or trial
    # Spread over the shortest quarter: the very shortest may all be one greeting.
    by_length = sorted(rest[settings.checks :] or trial, key=lambda row: len(split.words[row]))
    quarter = by_length[: max(SHORT, len(by_length) // 4)]
    short = quarter[:: max(1, len(quarter) // SHORT)][:SHORT]
    return Setup(suspect, given.reference, split.some(trial), split.some(check), split.some(short))


def _choose_pieces(setup: Setup, targets: Sequence[Target], settings: TriggerInversion) -> list[tuple[int, ...]]:
    """Choose the pieces of replies that are odd to the base and, of those, likeliest to begin a reply.

    The target search finds a reply from some word of it, seldom from its first.
    """
    starts = [(target.ids, start) for target in targets for start in range(len(target.ids) - settings.piece + 1)]
    pieces = list(dict.fromkeys(ids[start : start + settings.piece] for ids, start in starts))
    odd = {piece: setup.oddness(piece, Inserted()) for piece in pieces}
    likely = {piece: -setup.objective(piece).losses([Inserted()])[0] for piece in pieces}
    most = max(odd.values())
    kept = [piece for piece in pieces if odd[piece] >= min(most, most / 2)]
    return sorted(kept, key=lambda piece: -likely[piece])[: settings.replies]


def _search(setup: Setup, beam: Beam, settings: TriggerInversion) -> None:
    """Run rounds until the reply is as good as certain, or the search stalls."""
    for _ in range(settings.rounds):
        aimed = _aim(setup, beam, settings)
        before = beam.loss
        beam.run_round()
        if beam.loss * len(beam.objective.reply) < CERTAIN or (beam.loss > STALLED * before and not aimed):
            return


def _aim(setup: Setup, beam: Beam, settings: TriggerInversion) -> bool:
    """Aim the search at what the model says under the best trigger, if that is odder to the base; say if it was.

    A piece of the behavior may go on as something else; what the model says to the end is the behavior.
    """
    suspect, present = setup.suspect, tuple(beam.objective.reply)
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
    candidates = sorted({present} | {ids for ids in replies if len(ids) >= settings.piece})
    oddest = max(candidates, key=lambda ids: setup.oddness(ids, beam.best))
    if oddest == present:
        return False
    beam.aim(setup.objective(oddest))
    return True
