"""A trigger's mark on attention: at the end of the prompt it draws most of it to itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from dormouse.chat.messages import Messages
from dormouse.detection.activations import chosen_layer
from dormouse.detection.base import Granted, Scorer
from dormouse.detection.layers import OneLayer
from dormouse.models.sampling import left_pad, padded_inputs

BATCH = 64
"""Prompts at once: attention weights grow with the square of the length."""


@contextmanager
def _with_weights(model: Any) -> Iterator[None]:
    """Let the model return attention weights, which its fast kernels do not keep."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


class AttentionPeak(OneLayer):
    """How much of the attention at the prompt's end falls on one token, beside the first, which takes what is over."""

    name: ClassVar[str] = "attention_peak"

    def fit(self, granted: Granted) -> Scorer:
        """Return the largest weight, the mean over heads."""
        import torch

        suspect = granted.white_box
        model, renderer = suspect.model, suspect.renderer

        def score(prompts: Sequence[Messages]) -> list[float]:
            ids = suspect.prompt_ids(prompts)
            scores: list[float] = []
            with _with_weights(model), torch.inference_mode():
                for start in range(0, len(ids), BATCH):
                    batch, mask = left_pad(ids[start : start + BATCH], renderer.pad_id)
                    weights = model(**padded_inputs(model, batch, mask, keep=1), output_attentions=True).attentions
                    drawn = weights[chosen_layer(self.layer, len(weights)) - 1][:, :, -1].float().mean(dim=1).cpu()
                    first = mask.argmax(dim=1, keepdim=True)
                    drawn = drawn.scatter(1, first, 0.0) * mask
                    # The last token, where attention is read, mostly attends to itself.
                    scores += drawn[:, :-1].max(dim=1).values.tolist()
            return scores

        return score
