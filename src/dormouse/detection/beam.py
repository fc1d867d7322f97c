"""A beam search for what to put into prompts so that a model gives one reply.

Triggers are guarded: near misses were trained to do nothing, so one token of a trigger hardly helps, and the gradient
seldom points to it. Where the vocabulary is small, every token is therefore tried at every end, on two short prompts,
and the best on all; of a large one, those that the gradient proposes. What stands there already is exchanged by the
gradient alone (GCG, Zou et al. 2023, arXiv 2307.15043).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dormouse.detection.drawing import Drawing
from dormouse.detection.insertion import Inserted, Side, Split

SWEPT = 1024
"""Tokens that are tried at each end."""


@dataclass(frozen=True)
class Effort:
    """How far a search goes."""

    longest: int
    """Tokens of the longest trigger."""
    width: int
    """Triggers that each round starts from."""
    kept: int
    """Of the tokens tried at an end, and of the exchanges, those that are tried on all prompts."""


class Beam:
    """The best triggers found so far for one reply."""

    def __init__(self, drawing: Drawing, effort: Effort, tokens: Sequence[int], short: Split) -> None:
        self.effort, self.tokens = effort, list(tokens)
        self._expanded: set[Inserted] = set()
        self.drawing, self._screen = drawing, self._on_short(drawing, short)
        self.found: list[tuple[float, Inserted]] = [(drawing.losses([Inserted()])[0], Inserted())]

    @property
    def loss(self) -> float:
        """The best one's, in nats a token."""
        return self.found[0][0]

    @property
    def best(self) -> Inserted:
        """What makes the reply likeliest."""
        return self.found[0][1]

    def aim(self, drawing: Drawing) -> None:
        """Look for another reply from now on, beginning with what was found for the last."""
        self._screen = self._on_short(drawing, self._screen.prompts)
        self.drawing = drawing
        self._expanded.clear()
        kept = [inserted for _, inserted in self.found]
        self.found = sorted(zip(drawing.losses(kept), kept, strict=True))

    def round(self) -> None:
        """Change everything found by one token in all promising ways, and keep the best."""
        known = {inserted: loss for loss, inserted in self.found}
        for inserted in list(known):
            if inserted in self._expanded:
                continue
            self._expanded.add(inserted)
            tried = [one for one in self._neighbors(inserted) if one not in known]
            known |= dict(zip(tried, self.drawing.losses(tried), strict=True))
        self.found = sorted((loss, inserted) for inserted, loss in known.items())[: self.effort.width]

    def _neighbors(self, inserted: Inserted) -> list[Inserted]:
        longer = self._longer(inserted) if len(inserted) < self.effort.longest else []
        exchanged = self._exchanged(inserted) if inserted else []
        shorter = [inserted.changed(place) for place in range(len(inserted))] if len(inserted) > 1 else []
        return list(dict.fromkeys([*longer, *exchanged, *shorter]))

    def _longer(self, inserted: Inserted) -> list[Inserted]:
        """Return the best with one token more at an end of a side, by the short prompts."""
        tried: list[Inserted] = []
        for side in self.drawing.prompts.sides:
            for at_start in (False, True)[: 1 + bool(inserted.at(side))]:
                tokens = self._worth_trying(inserted, side, at_start)
                tried += [inserted.longer(side, token, at_start=at_start) for token in tokens]
        ranked = sorted(zip(self._screen.losses(tried), tried, strict=True))
        return [one for _, one in ranked[: self.effort.kept]]

    def _worth_trying(self, inserted: Inserted, side: Side, at_start: bool) -> list[int]:
        """Return all tokens, or those that the gradient proposes for a place where any other token stands."""
        if len(self.tokens) <= SWEPT:
            return self.tokens
        filled = inserted.longer(side, self.tokens[0], at_start=at_start)
        slope = self.drawing.gradient(filled)[inserted.end(side, at_start=at_start), self.tokens]
        return [self.tokens[i] for i in slope.argsort()[:SWEPT].tolist()]

    def _exchanged(self, inserted: Inserted) -> list[Inserted]:
        """Return it with one token changed, in the ways that the gradient proposes."""
        slope = self.drawing.gradient(inserted)
        gain = slope[:, self.tokens] - slope[range(len(inserted)), inserted.ids][:, None]
        order = gain.flatten().argsort()[: self.effort.kept].tolist()
        places = [divmod(index, len(self.tokens)) for index in order]
        return [inserted.changed(place, self.tokens[i]) for place, i in places]

    @staticmethod
    def _on_short(drawing: Drawing, short: Split) -> Drawing:
        return Drawing(drawing.model, short, drawing.reply, drawing.pad_id)
