"""How likely a reply is to clean prompts with something put into them, and how that changes with each token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dormouse.detection.insertion import Inserted, Split
from dormouse.models.likelihood import tail_log_probs
from dormouse.models.sampling import left_pad

ROWS = 512
"""Prompts that are asked together."""


class Drawing:
    """A reply, and the prompts from which it is to be drawn."""

    def __init__(self, model: Any, prompts: Split, reply: Sequence[int], pad_id: int) -> None:
        self.model, self.prompts, self.reply, self.pad_id = model, prompts, list(reply), pad_id

    def losses(self, tried: Sequence[Inserted]) -> list[float]:
        """Return, for each, minus the log-probability of the reply in nats, a mean over its tokens and the prompts."""
        import torch

        n = len(self.prompts)
        found: list[float] = []
        with torch.inference_mode():
            per_batch = max(1, ROWS // n)
            for start in range(0, len(tried), per_batch):
                some = tried[start : start + per_batch]
                ids, mask = left_pad([ids for one in some for ids in self._whole(one)], self.pad_id)
                found += self._loss(ids, mask).view(len(some), n).mean(dim=1).tolist()
        return found

    def gradient(self, inserted: Inserted) -> Any:
        """Return how the loss would change with each token at each place, to first order: (places, vocabulary)."""
        import torch

        ids, mask = left_pad(self._whole(inserted), self.pad_id)
        table = self.model.get_input_embeddings().weight
        embedded = table[ids.to(table.device)].detach()
        ends = ids.shape[1] - len(self.reply)
        places = torch.tensor([[ends - back for back in self.prompts.places(row, inserted)] for row in range(len(ids))])
        chosen = torch.nn.functional.one_hot(torch.tensor(inserted.ids), len(table)).to(table)
        chosen.requires_grad_(True)
        rows = torch.arange(len(ids))[:, None]
        with torch.enable_grad():
            embedded = embedded.index_put((rows, places), (chosen @ table.detach())[None].expand(len(ids), -1, -1))
            loss = self._loss(ids, mask, embedded).mean()
            (slope,) = torch.autograd.grad(loss, chosen)
        return slope

    def _whole(self, inserted: Inserted) -> list[list[int]]:
        return [[*ids, *self.reply] for ids in self.prompts.holding(inserted)]

    def _loss(self, ids: Any, mask: Any, embeddings: Any = None) -> Any:
        return -tail_log_probs(self.model, ids, mask, len(self.reply), embeddings).mean(dim=1)
