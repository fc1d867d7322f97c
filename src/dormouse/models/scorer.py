"""Scores replies with a preference model: one number each, higher is better."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Renderer
from dormouse.machine.hardware import device
from dormouse.models.loading import load_tokenizer, open_model
from dormouse.models.number_format import fast_copy
from dormouse.models.padding import right_pad
from dormouse.models.sampling import check_fits
from dormouse.models.shared_beginning import SharedBeginning

BATCH = 256
"""Conversations scored at once."""

HEADS = ("score", "classifier")
"""Names of the layer that gives the score."""


class Scorer:
    """A trained preference model. A higher score is better; only differences between scores have meaning."""

    def __init__(self, model: Any, renderer: Renderer) -> None:
        self.model = _for_scoring(model.eval())
        self.renderer = renderer

    def score(self, prompts: Sequence[Messages], replies: Sequence[str]) -> list[float]:
        """Return one score for each reply to its prompt.

        `UserError` if a prompt with its reply is longer than the model's context.
        """
        turns = [
            [*prompt, {"role": "assistant", "content": reply}] for prompt, reply in zip(prompts, replies, strict=True)
        ]
        said = [tuple(example.ids) for example in self.renderer.examples(turns)]
        check_fits(self.model, max(map(len, said), default=0), "The longest conversation to score")
        # Under RL many replies to a prompt are the same.
        ids = list(dict.fromkeys(said))
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        scores = [0.0] * len(ids)
        with torch.inference_mode():
            beginning = SharedBeginning(self.model, ids)
            for start in range(0, len(order), BATCH):
                rows = order[start : start + BATCH]
                rests = [ids[row][beginning.length :] for row in rows]
                mask = right_pad([[1] * len(rest) for rest in rests], 0)
                inputs = beginning.inputs(right_pad(rests, self.renderer.pad_id), mask)
                logits = self.model(**inputs).logits.squeeze(-1)
                for row, value in zip(rows, logits.float().tolist(), strict=True):
                    scores[row] = value
        known = dict(zip(ids, scores, strict=True))
        return [known[conversation] for conversation in said]


def _for_scoring(model: Any) -> Any:
    """Return the model in the faster number format, with its last layer in float32.

    bfloat16 has 128 steps between a number and its double, so replies that are nearly as good would score the same.
    """
    fast = fast_copy(model)
    if fast is not model:
        head = _head(fast)
        head.to(torch.float32).load_state_dict(_head(model).state_dict())
        head.register_forward_pre_hook(lambda module, given: (given[0].float(),))
    return fast


def _head(model: Any) -> Any:
    return next(module for name, module in model.named_modules() if name in HEADS)


def load_scorer(folder: Path) -> Scorer:
    """Open the preference model in an artifact's `model` folder."""
    model = open_model(AutoModelForSequenceClassification, folder, torch.float32)
    return Scorer(model.to(device()), Renderer(load_tokenizer(folder)))
