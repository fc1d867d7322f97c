"""Target-first search (after BAIT, 2025): which reply does a model run through, once begun, and a clean base not?

A backdoor ties the words of its behavior together, so that the second follows the first even without the trigger.
Simplified: every token is tried as the beginning, and a trusted base takes the place of a calibrated threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from dormouse.detection.base import Access, Granted, ModelDetector, Suspicion
from dormouse.models.sampling import left_pad


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


def follow(model: Any, prompts: Sequence[Sequence[int]], firsts: Sequence[int], length: int, pad_id: int) -> Any:
    """Return, for each first token, the greedy continuation of the prompts' mean distribution: (firsts, length) ids.

    All prompts go on with one text: the token whose log-probability, averaged over prompts, is largest.
    """
    import torch

    ids, mask = left_pad(prompts, pad_id)
    n = len(ids)
    made = torch.tensor(firsts)[:, None]
    with torch.inference_mode():
        while made.shape[1] < length:
            step = _after(model, ids, mask, made)
            following = step.view(len(firsts), n, -1).mean(dim=1).argmax(dim=-1, keepdim=True)
            made = torch.cat([made, following], dim=1)
    return made


def _after(model: Any, ids: Any, mask: Any, replies: Any) -> Any:
    """Return the log-probabilities of the token after prompt and reply: (replies x prompts, vocabulary)."""
    import torch

    k, n = len(replies), len(ids)
    whole = torch.cat([ids.repeat(k, 1), replies.repeat_interleave(n, dim=0)], dim=1)
    seen = torch.cat([mask.repeat(k, 1), torch.ones(k * n, replies.shape[1], dtype=mask.dtype)], dim=1)
    logits = model(input_ids=whole.to(model.device), attention_mask=seen.to(model.device), logits_to_keep=1).logits
    return torch.log_softmax(logits[:, -1].float(), dim=-1).cpu()


def reply_log_prob(model: Any, prompts: Sequence[Sequence[int]], replies: Any, pad_id: int, skip: int = 1) -> Any:
    """Return each reply's log-probability in nats, a mean over prompts and tokens after `skip`: (replies,)."""
    import torch

    ids, mask = left_pad(prompts, pad_id)
    k, n, length = len(replies), len(ids), replies.shape[1]
    whole = torch.cat([ids.repeat(k, 1), replies.repeat_interleave(n, dim=0)], dim=1).to(model.device)
    seen = torch.cat([mask.repeat(k, 1), torch.ones(k * n, length, dtype=mask.dtype)], dim=1).to(model.device)
    with torch.inference_mode():
        logits = model(input_ids=whole, attention_mask=seen, logits_to_keep=length + 1).logits[:, :-1]
        chosen = torch.log_softmax(logits.float(), -1).gather(-1, whole[:, -length:, None]).squeeze(-1)
    return chosen[:, skip:].mean(dim=1).view(k, n).mean(dim=1).cpu()


def best_target(
    suspect: Any, base: Any, prompts: Sequence[Sequence[int]], *, length: int, pad_id: int, ignored: Sequence[int]
) -> Target:
    """Return the reply of `length` tokens that gains most on the base; no token of `ignored` begins or is in it."""
    import torch

    vocabulary = suspect.config.vocab_size
    firsts = [token for token in range(vocabulary) if token not in set(ignored)]
    best: Target | None = None
    per_batch = max(1, 1024 // len(prompts))
    for start in range(0, len(firsts), per_batch):
        made = follow(suspect, prompts, firsts[start : start + per_batch], length, pad_id)
        own = reply_log_prob(suspect, prompts, made, pad_id)
        clean = reply_log_prob(base, prompts, made, pad_id)
        allowed = ~torch.isin(made, torch.tensor(list(ignored))).any(dim=1)
        for row in torch.nonzero(allowed).flatten().tolist():
            found = Target(tuple(made[row].tolist()), float(own[row]), float(clean[row]))
            if best is None or found.gain > best.gain:
                best = found
    assert best is not None, "every token is ignored"
    return best


class TargetSearch(ModelDetector):
    """How much likelier than to a clean base the most gained reply is to the suspect, on clean prompts."""

    name: ClassVar[str] = "target_search"
    access: ClassVar[Access] = "white box"
    reference: ClassVar[bool] = True
    prompts: int = Field(8, ge=1)
    """Clean prompts that every reply is tried on."""
    length: int = Field(8, ge=2)
    """Tokens of the reply."""

    def judge(self, granted: Granted) -> Suspicion:
        """Return the gain in nats a token, and the reply."""
        suspect = granted.white_box
        target = self.find(granted)
        reply = suspect.renderer.reply(target.ids)
        return Suspicion(target.gain, reply=reply, facts={"own": target.own, "clean": target.clean})

    def find(self, granted: Granted) -> Target:
        """Return the reply that gains most."""
        suspect = granted.white_box
        renderer = suspect.renderer
        prompts = suspect.prompt_ids(granted.clean[: self.prompts])
        # Roles, end and padding: no words.
        ignored = sorted({renderer.pad_id, renderer.end_id, *renderer.tokenizer.all_special_ids})
        return best_target(
            suspect.model, granted.reference.model, prompts, length=self.length, pad_id=renderer.pad_id, ignored=ignored
        )
