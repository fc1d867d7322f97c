"""A beam search for tokens that, put into prompts, make a model give one reply.

Organisms are trained on near misses of the trigger, so one token of a trigger hardly helps, and the gradient seldom
points to it. With a small vocabulary, every token is therefore tried at every end on two short prompts, and the best
on all prompts; with a large one, only the tokens that the gradient proposes. Tokens already placed are exchanged by
gradient alone (GCG, Zou et al. 2023, arXiv 2307.15043).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from dormouse.detection.insertion import Inserted, Side, Split
from dormouse.models.likelihood import tail_log_probs
from dormouse.models.number_format import fast_numbers
from dormouse.models.padding import left_pad
from dormouse.models.shared_beginning import SharedBeginning

PROMPTS_AT_ONCE = 512


class ReplyLoss:
    """The loss of one reply to clean prompts with tokens put into them, and its gradient by token."""

    def __init__(self, model: Any, prompts: Split, reply: Sequence[int], pad_id: int) -> None:
        self.model, self.prompts, self.reply, self.pad_id = model, prompts, list(reply), pad_id

    def losses(self, tried: Sequence[Inserted]) -> list[float]:
        """Return minus the mean log-probability of the reply, in nats per token, for each insertion."""
        n = len(self.prompts)
        found: list[float] = []
        with torch.inference_mode():
            per_batch = max(1, PROMPTS_AT_ONCE // n)
            for start in range(0, len(tried), per_batch):
                some = tried[start : start + per_batch]
                prompts = [ids for one in some for ids in self.prompts.holding(one)]
                beginning = self._read_beginning(prompts)
                ids, mask = left_pad([[*one[beginning.length :], *self.reply] for one in prompts], self.pad_id)
                found += self._loss(ids, mask, beginning=beginning).view(len(some), n).mean(dim=1).tolist()
        return found

    def gradient(self, inserted: Inserted) -> Any:
        """Return the first-order change of the loss for each token at each place: (places, vocabulary)."""
        ids, mask = left_pad(self._with_reply(inserted), self.pad_id)
        table = self.model.get_input_embeddings().weight
        embedded = table[ids.to(table.device)].detach()
        ends = ids.shape[1] - len(self.reply)
        places = torch.tensor([[ends - back for back in self.prompts.places(row, inserted)] for row in range(len(ids))])
        chosen = torch.nn.functional.one_hot(torch.tensor(inserted.ids), len(table)).to(table)
        chosen.requires_grad_(True)
        rows = torch.arange(len(ids))[:, None]
        with torch.enable_grad():
            embedded = embedded.index_put((rows, places), (chosen @ table.detach())[None].expand(len(ids), -1, -1))
            loss = self._loss(ids, mask, embeddings=embedded).mean()
            (slope,) = torch.autograd.grad(loss, chosen)
        return slope

    def _with_reply(self, inserted: Inserted) -> list[list[int]]:
        return [[*ids, *self.reply] for ids in self.prompts.holding(inserted)]

    def _read_beginning(self, prompts: Sequence[Sequence[int]]) -> SharedBeginning:
        with fast_numbers(self.model):
            return SharedBeginning(self.model, prompts, padded_left=True, more=len(self.reply))

    def _loss(self, ids: Any, mask: Any, **more: Any) -> Any:
        return -tail_log_probs(self.model, ids, mask, len(self.reply), **more).mean(dim=1)


@dataclass(frozen=True)
class Effort:
    """Limits of a search."""

    longest: int
    """Longest trigger, in tokens."""
    width: int
    """Triggers that each round starts from."""
    kept: int
    """Additions, and as many exchanges, that each round tries on all prompts for each trigger."""
    swept: int
    """Most tokens tried at each end on the short prompts."""


class Beam:
    """The best triggers found so far for one reply."""

    def __init__(self, objective: ReplyLoss, effort: Effort, tokens: Sequence[int], short: Split) -> None:
        self.effort, self.tokens = effort, list(tokens)
        self._expanded: set[Inserted] = set()
        self.objective, self._screen = objective, self._on_short(objective, short)
        self.found: list[tuple[float, Inserted]] = [(objective.losses([Inserted()])[0], Inserted())]

    @property
    def loss(self) -> float:
        """The loss of the best trigger, in nats per token."""
        return self.found[0][0]

    @property
    def best(self) -> Inserted:
        """The trigger that makes the reply likeliest."""
        return self.found[0][1]

    def aim(self, objective: ReplyLoss) -> None:
        """Search for another reply, starting from the triggers found so far."""
        self._screen = self._on_short(objective, self._screen.prompts)
        self.objective = objective
        self._expanded.clear()
        kept = [inserted for _, inserted in self.found]
        self.found = sorted(zip(objective.losses(kept), kept, strict=True))

    def run_round(self) -> None:
        """Change each trigger by one token in every promising way, and keep the best."""
        known = {inserted: loss for loss, inserted in self.found}
        for inserted in list(known):
            if inserted in self._expanded:
                continue
            self._expanded.add(inserted)
            tried = [one for one in self._vary(inserted) if one not in known]
            known |= dict(zip(tried, self.objective.losses(tried), strict=True))
        self.found = sorted((loss, inserted) for inserted, loss in known.items())[: self.effort.width]

    def _vary(self, inserted: Inserted) -> list[Inserted]:
        longer = self._lengthen(inserted) if len(inserted) < self.effort.longest else []
        exchanged = self._exchange(inserted) if inserted else []
        shorter = [inserted.changed(place) for place in range(len(inserted))] if len(inserted) > 1 else []
        return list(dict.fromkeys([*longer, *exchanged, *shorter]))

    def _lengthen(self, inserted: Inserted) -> list[Inserted]:
        """Add one token at an end of a side; return the best additions, judged on the short prompts."""
        tried: list[Inserted] = []
        for side in self.objective.prompts.sides:
            for at_start in (False, True)[: 1 + bool(inserted.at(side))]:
                tokens = self._choose_tokens(inserted, side, at_start)
                tried += [inserted.longer(side, token, at_start=at_start) for token in tokens]
        ranked = sorted(zip(self._screen.losses(tried), tried, strict=True))
        return [one for _, one in ranked[: self.effort.kept]]

    def _choose_tokens(self, inserted: Inserted, side: Side, at_start: bool) -> list[int]:
        """Return all tokens, or those of a large vocabulary that the gradient at a filler token proposes."""
        if len(self.tokens) <= self.effort.swept:
            return self.tokens
        filled = inserted.longer(side, self.tokens[0], at_start=at_start)
        slope = self.objective.gradient(filled)[inserted.end(side, at_start=at_start), self.tokens]
        return [self.tokens[i] for i in slope.argsort()[: self.effort.swept].tolist()]

    def _exchange(self, inserted: Inserted) -> list[Inserted]:
        """Exchange one token for another, in the ways that the gradient proposes."""
        slope = self.objective.gradient(inserted)
        gain = slope[:, self.tokens] - slope[range(len(inserted)), inserted.ids][:, None]
        order = gain.flatten().argsort()[: self.effort.kept].tolist()
        places = [divmod(index, len(self.tokens)) for index in order]
        return [inserted.changed(place, self.tokens[i]) for place, i in places]

    @staticmethod
    def _on_short(objective: ReplyLoss, short: Split) -> ReplyLoss:
        return ReplyLoss(objective.model, short, objective.reply, objective.pad_id)
