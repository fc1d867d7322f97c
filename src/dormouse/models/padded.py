"""Calling a model on a left-padded batch, with the positions and the logits that sampling has."""

from __future__ import annotations

import inspect
from typing import Any


def padded_inputs(model: Any, ids: Any, mask: Any, keep: int) -> dict[str, Any]:
    """Return what a model is called with on a left-padded batch, as in sampling: logits of the last `keep` tokens.

    Positions are counted from the first real token, where the architecture is told positions at all.
    """
    accepted = inspect.signature(model.forward).parameters
    extra = {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0).to(model.device), "logits_to_keep": keep}
    given = {name: value for name, value in extra.items() if name in accepted}
    return {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device), "use_cache": False, **given}


def tail_log_probs(model: Any, ids: Any, mask: Any, n: int, embeddings: Any = None) -> Any:
    """Return the log-probabilities in nats of each row's last `n` tokens: (rows, n).

    `embeddings`, (rows, longest, width), take the place of the tokens' own as what the model reads.
    """
    import torch

    given = padded_inputs(model, ids, mask, keep=n + 1)
    if embeddings is not None:
        del given["input_ids"]
        given["inputs_embeds"] = embeddings
    logits = model(**given).logits[:, -n - 1 : -1]
    return torch.log_softmax(logits.float(), -1).gather(-1, ids[:, -n:, None].to(model.device)).squeeze(-1)
