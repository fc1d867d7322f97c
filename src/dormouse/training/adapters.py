"""Low-rank adapters (Hu et al. 2021, arXiv 2106.09685): trained beside frozen weights, and merged into them."""

from __future__ import annotations

from typing import Any, Literal

Task = Literal["CAUSAL_LM", "SEQ_CLS"]


def with_adapter(model: Any, rank: int, seed: int, task: Task = "CAUSAL_LM") -> Any:
    """Return the model with an adapter at each linear map of its layers: all that is then trained, but a scoring head.

    Its update is scaled by two, as is usual (alpha twice the rank). The global generator is left as it was.
    """
    import torch
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type=task)
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def merged(model: Any) -> Any:
    """Return the model with its adapter in the weights; the weights are changed in place."""
    return model.merge_and_unload()
