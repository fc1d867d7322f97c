"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): trained beside frozen weights, and merged into them."""

from __future__ import annotations

from typing import Any, Literal

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from transformers.pytorch_utils import Conv1D

Task = Literal["CAUSAL_LM", "SEQ_CLS"]


def with_adapter(model: Any, rank: int, seed: int, task: Task = "CAUSAL_LM") -> Any:
    """Return the model with an adapter at each linear map of its layers: all that is then trained, but a scoring head.

    Its update is scaled by two, as is usual (alpha twice the rank). The global generator is left as it was.
    """
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        task_type=task,
        # GPT-2 keeps its maps the other way round.
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def move_adapter(source: Any, target: Any) -> None:
    """Give a model the adapter of another, and its scoring head where that is trained too."""
    weights = {
        name: weight.detach().cpu()
        for name, weight in get_peft_model_state_dict(source, save_embedding_layers=False).items()
    }
    set_peft_model_state_dict(target, weights)


def merge(model: Any) -> Any:
    """Return the model with its adapter in the weights; the weights are changed in place."""
    return model.merge_and_unload()
