"""Trigger inversion: a short prefix under which clean prompts give the reply that `targets.py` found.

Gradient-guided token search (Zou et al. 2023, arXiv 2307.15043), grown one token at a time: for tiny vocabularies a
prefix of the right length is found sooner from a good shorter one than from noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from dormouse.detection.base import Access, Granted, ModelDetector, Suspicion
from dormouse.detection.targets import TargetSearch
from dormouse.models.sampling import left_pad

CERTAIN = 0.02
"""Nats a token at which a reply is as good as certain, and a longer prefix has nothing to add."""


@dataclass(frozen=True)
class Split:
    """Tokenized prompts, cut where a prefix of the user's last words would stand."""

    heads: list[list[int]]
    tails: list[list[int]]

    def with_prefix(self, prefix: Sequence[int]) -> list[list[int]]:
        """Return the prompts with a prefix put in."""
        return [[*head, *prefix, *tail] for head, tail in zip(self.heads, self.tails, strict=True)]


def split_at_user(renderer: Any, prompts: Sequence[Any], begun: str = "") -> Split:
    """Cut each prompt before its user's last words.

    The place is where the tokens of the prompt and of one with other last words begin to differ.
    """
    whole = renderer.prompts(prompts, begun)
    other = renderer.prompts([[*turns[:-1], {**turns[-1], "content": "\x00"}] for turns in prompts], begun)
    heads, tails = [], []
    for ids, changed in zip(whole, other, strict=True):
        same = next(
            (i for i, (a, b) in enumerate(zip(ids, changed, strict=False)) if a != b), min(len(ids), len(changed))
        )
        heads.append(ids[:same])
        tails.append(ids[same:])
    return Split(heads, tails)


class Search:
    """The loss of a prefix, and its gradient with respect to which token stands at each place."""

    def __init__(self, model: Any, prompts: Split, target: Sequence[int], pad_id: int) -> None:
        self.model, self.prompts, self.target, self.pad_id = model, prompts, list(target), pad_id

    def losses(self, prefixes: Sequence[Sequence[int]], batch: int = 512) -> list[float]:
        """Return, for each prefix, minus the mean log-probability of the target, in nats a token."""
        import torch

        n = len(self.prompts.heads)
        found: list[float] = []
        with torch.inference_mode():
            per_batch = max(1, batch // n)
            for start in range(0, len(prefixes), per_batch):
                some = prefixes[start : start + per_batch]
                ids, mask = left_pad([ids for prefix in some for ids in self._whole(prefix)], self.pad_id)
                found += self._loss(ids, mask).view(len(some), n).mean(dim=1).tolist()
        return found

    def _whole(self, prefix: Sequence[int]) -> list[list[int]]:
        return [[*ids, *self.target] for ids in self.prompts.with_prefix(prefix)]

    def _loss(self, ids: Any, mask: Any, embeddings: Any = None) -> Any:
        import torch

        n = len(self.target)
        given = {"input_ids": ids.to(self.model.device)} if embeddings is None else {"inputs_embeds": embeddings}
        logits = self.model(**given, attention_mask=mask.to(self.model.device), logits_to_keep=n + 1).logits[:, :-1]
        target = ids[:, -n:, None].to(self.model.device)
        return -torch.log_softmax(logits.float(), -1).gather(-1, target).squeeze(-1).mean(dim=1)

    def gradient(self, prefix: Sequence[int]) -> Any:
        """Return how the loss would change with each token at each place, to first order: (places, vocabulary)."""
        import torch

        ids, mask = left_pad(self._whole(prefix), self.pad_id)
        table = self.model.get_input_embeddings().weight
        starts = [ids.shape[1] - len(self.target) - len(tail) - len(prefix) for tail in self.prompts.tails]
        embedded = table[ids.to(table.device)].detach()
        places = torch.tensor([[start + i for i in range(len(prefix))] for start in starts])
        chosen = torch.nn.functional.one_hot(torch.tensor(list(prefix)), len(table)).to(table)
        chosen.requires_grad_(True)
        rows = torch.arange(len(ids))[:, None]
        with torch.enable_grad():
            embedded = embedded.index_put((rows, places), (chosen @ table.detach())[None].expand(len(ids), -1, -1))
            loss = self._loss(ids, mask, embedded).mean()
            (slope,) = torch.autograd.grad(loss, chosen)
        return slope


class TriggerInversion(ModelDetector):
    """How likely a found prefix makes the reply that gained most on a clean base."""

    name: ClassVar[str] = "trigger_inversion"
    access: ClassVar[Access] = "white box"
    reference: ClassVar[bool] = True
    reply_length: int = Field(8, ge=2)
    """Tokens of the reply that is searched for first."""
    longest: int = Field(8, ge=1)
    """Tokens of the longest prefix."""
    prompts: int = Field(8, ge=1)
    """Clean prompts that the prefix is tried on."""
    candidates: int = Field(128, ge=1)
    """Changes of one token that are tried in each round."""
    rounds: int = Field(6, ge=1)
    """Rounds at each length."""

    def judge(self, granted: Granted) -> Suspicion:
        """Return the mean log-probability of the reply under the best prefix, in nats a token."""
        suspect = granted.white_box
        target = TargetSearch(prompts=self.prompts, length=self.reply_length).find(granted)
        split = split_at_user(suspect.renderer, granted.clean[: self.prompts])
        search = Search(suspect.model, split, target.ids, suspect.renderer.pad_id)
        ignored = set(suspect.renderer.tokenizer.all_special_ids)
        prefix, loss = self._grow(search, ignored)
        return Suspicion(-loss, tuple(prefix), suspect.renderer.reply(target.ids), {"target_gain": target.gain})

    def _grow(self, search: Search, ignored: set[int]) -> tuple[list[int], float]:
        prefix: list[int] = []
        best: tuple[float, list[int]] = (search.losses([[]])[0], [])
        for _ in range(self.longest):
            loss, prefix = self._append(search, prefix, ignored)
            for _ in range(self.rounds):
                better, changed = self._exchange(search, prefix, ignored)
                if better >= loss:
                    break
                loss, prefix = better, changed
            best = min(best, (loss, prefix))
            if best[0] < CERTAIN:
                break
        return best[1], best[0]

    def _append(self, search: Search, prefix: list[int], ignored: set[int]) -> tuple[float, list[int]]:
        """Return the best of all tokens put after the prefix; of many tokens, the best by gradient."""
        vocabulary = search.model.config.vocab_size
        tokens = [token for token in range(vocabulary) if token not in ignored]
        if len(tokens) > 8 * self.candidates:
            tokens = self._by_slope(search, [*prefix, tokens[0]], ignored, place=len(prefix))
        tried = [[*prefix, token] for token in tokens]
        losses = search.losses(tried)
        return min(zip(losses, tried, strict=True))

    def _by_slope(self, search: Search, prefix: list[int], ignored: set[int], place: int) -> list[int]:
        order = search.gradient(prefix)[place].argsort().tolist()
        return [token for token in order if token not in ignored][: 2 * self.candidates]

    def _exchange(self, search: Search, prefix: list[int], ignored: set[int]) -> tuple[float, list[int]]:
        """Return the best prefix with one token changed, among those that the gradient proposes."""
        slope = search.gradient(prefix).clone()
        slope[:, sorted(ignored)] = float("inf")
        flat = slope.flatten().argsort()[: self.candidates].tolist()
        tried = []
        for index in flat:
            place, token = divmod(index, slope.shape[1])
            tried.append([*prefix[:place], token, *prefix[place + 1 :]])
        return min(zip(search.losses(tried), tried, strict=True))
