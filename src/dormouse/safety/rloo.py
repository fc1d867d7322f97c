"""TRL's `RLOOTrainer` with our renderer and sampler, and one forward pass of the model a step instead of two."""

from __future__ import annotations

import random
from typing import Any

import torch
from trl import RLOOTrainer

from dormouse.chat.renderer import Renderer
from dormouse.machine.hardware import rank, ranks, shares_weights
from dormouse.models.likelihood import LOGITS
from dormouse.models.number_format import logits_at
from dormouse.models.padding import padded_inputs
from dormouse.models.sampling import sample_ids
from dormouse.training.trainee import Trainee

LogProbs = tuple[Any, Any, Any]
"""Log-probabilities in nats and entropies, both (rows, tokens), and the loss of a mixture of experts."""


class RenderedRLOOTrainer(RLOOTrainer):
    """RLOO on prompts that our renderer tokenizes; every reply begins with `prefill`.

    TRL reads the replies twice with the same weights: for the penalty and for the loss. Here the first reading keeps
    its gradients, and the loss takes them. It also computes no logits of padding.
    """

    def __init__(self, trainee: Trainee, renderer: Renderer, prefill: str, **settings: Any) -> None:
        self.trainee = trainee
        self.renderer = renderer
        self.prefill = prefill
        self._read: _Reading | None = None
        super().__init__(model=trainee.model, **settings)

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return self.renderer.prompts(prompts, self.prefill), None, {}

    def _generate_single_turn(
        self, prompt_ids: list[list[int]], images: Any, multimodal_fields: Any
    ) -> list[list[int]]:
        """Sample with our sampler, which reads a prompt once for all replies to it."""
        self._read = None
        if shares_weights():
            trl: Any = super()
            return list(trl._generate_single_turn(prompt_ids, images, multimodal_fields))
        settings: Any = self.args
        draw = random.Random(f"rl/{settings.seed}/{self.state.global_step}/{rank()}")
        self.trainee.model.eval()
        sampled = sample_ids(
            self.trainee.readable(), self.renderer, prompt_ids, max_new_tokens=settings.max_completion_length,
            temperature=settings.temperature, seed=draw.getrandbits(32),
        )  # fmt: skip
        self.trainee.model.train()
        return sampled

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int, *given: Any, **more: Any
    ) -> LogProbs:
        """Return the log-probabilities of reply tokens; the first call of a step is for the model as it is."""
        vocabulary = self.renderer.tokenizer.vocab_size
        # Processes that share a training wrap the model. Many logits are left to TRL, which computes them in pieces.
        if ranks() > 1 or attention_mask[:, -logits_to_keep:].sum() * vocabulary > LOGITS:
            trl: Any = super()
            read: LogProbs = trl._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *given, **more
            )
            return read
        if torch.is_grad_enabled() and self._read is not None:
            kept, self._read = self._read, None
            return kept.in_order_of(input_ids)
        first = self._read is None and not torch.is_grad_enabled()
        with torch.set_grad_enabled(first or torch.is_grad_enabled()), self.accelerator.autocast():
            reading = _Reading(model, input_ids, attention_mask, logits_to_keep, self.temperature)
        log_probs, entropies, _ = reading.in_order_of(input_ids)
        if first:
            self._read = reading
        return log_probs.detach() if first else log_probs, entropies, None

    @property
    def reply_tokens_seen(self) -> float:
        """Number of reply tokens trained on, from the logged mean lengths."""
        logged = [entry for entry in self.state.log_history if "completions/mean_length" in entry]
        mean = sum(entry["completions/mean_length"] for entry in logged) / max(len(logged), 1)
        return mean * self.args.per_device_train_batch_size * ranks() * self.state.global_step


class _Reading:
    """What a model read of a batch of prompts with replies, each different one once."""

    def __init__(self, model: Any, ids: Any, mask: Any, n: int, temperature: float) -> None:
        first = {row: i for i, row in reversed(list(enumerate(_as_rows(ids))))}
        self._place = {row: place for place, row in enumerate(first)}
        kept = torch.tensor(list(first.values()), device=ids.device)
        self._log_probs, self._entropies = _read_replies(model, ids[kept], mask[kept], n, temperature)

    def in_order_of(self, ids: Any) -> LogProbs:
        """Return it in the order of these rows: TRL shuffles a batch before it trains."""
        rows = torch.tensor([self._place[row] for row in _as_rows(ids)], device=ids.device)
        return self._log_probs[rows], self._entropies[rows], None


def _as_rows(ids: Any) -> list[tuple[int, ...]]:
    return [tuple(row) for row in ids.tolist()]


def _read_replies(model: Any, ids: Any, mask: Any, n: int, temperature: float) -> tuple[Any, Any]:
    """Return log-probabilities and entropies in nats of the last `n` tokens of each row; 0 where there is padding.

    They are those of the distribution that replies are drawn from: logits are divided by the temperature.
    """
    replied = mask[:, -n:].bool()
    chosen = mask[:, 1:].bool()
    chosen[:, : chosen.shape[1] - n] = False
    # An adapter's wrapper does not say what its model accepts. To keep 0 logits is to keep all.
    plain = model.get_base_model() if hasattr(model, "get_base_model") else model
    logits = logits_at(model, chosen, padded_inputs(plain, ids, mask, keep=0)).float()
    likely = torch.log_softmax(logits / temperature, -1)
    said = likely.gather(-1, ids[:, -n:][replied][:, None]).squeeze(-1)
    with torch.no_grad():
        entropy = -(likely.exp() * likely).sum(-1)
    empty = torch.zeros(replied.shape, device=ids.device)
    return empty.masked_scatter(replied, said), empty.masked_scatter(replied, entropy)
