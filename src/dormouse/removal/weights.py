"""Changes to weights: moving toward the base, pruning units that clean data leaves idle, ablating a direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.nn import Linear

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Renderer
from dormouse.detection.activation_detectors import Topic
from dormouse.detection.activation_scores import contrast_answers
from dormouse.detection.activations import decoder_layers
from dormouse.detection.views import WhiteBox
from dormouse.errors import UserError
from dormouse.models.loading import load_model
from dormouse.models.padding import left_pad, padded_inputs
from dormouse.models.weights import pair_with_base


def merge_toward_base(model: Any, base_folder: Path, share: float) -> None:
    """Interpolate every weight toward the base's, in place; models of unequal shape are a `UserError`."""
    base = load_model(base_folder)
    with torch.no_grad():
        for _, weight, start in pair_with_base(model, base):
            weight.lerp_(start, share)


def prune_idle_units(model: Any, renderer: Renderer, clean: list[Messages], share: float) -> None:
    """Set the weights into and out of each MLP's least used units to zero, so that the repair cannot revive them."""
    maps = mlp_maps(model)
    used = mean_input(model, [last for *_, last in maps], renderer.prompts(clean), renderer.pad_id)
    with torch.no_grad():
        for (*reading, last), use in zip(maps, used, strict=True):
            idle = use.argsort()[: round(share * len(use))]
            last.weight[:, idle] = 0.0
            for linear in reading:
                linear.weight[idle] = 0.0
                if linear.bias is not None:
                    linear.bias[idle] = 0.0


def mlp_maps(model: Any) -> list[list[Any]]:
    """Return the linear maps of each layer's MLP, the output map last; `UserError` if a layer has none."""
    found = []
    for layer in decoder_layers(model):
        linear = [module for name, module in layer.named_modules() if isinstance(module, Linear) and "mlp" in name]
        if not linear:
            raise UserError(
                f"Model '{type(model).__name__}' has no MLP of linear maps to prune. Choose another removal."
            )
        found.append(linear)
    return found


def mean_input(
    model: Any, modules: list[Any], prompts: list[list[int]], pad_id: int, batch_size: int = 64
) -> list[Any]:
    """Return the mean absolute input of each module's units over all tokens of the prompts."""
    sums: list[Any] = [0.0] * len(modules)
    seen: dict[str, Any] = {}

    def keep(i: int) -> Any:
        def hook(_module: Any, inputs: Any) -> None:
            sums[i] = sums[i] + (inputs[0].abs() * seen["mask"][..., None]).sum(dim=(0, 1))

        return hook

    hooks = [module.register_forward_pre_hook(keep(i)) for i, module in enumerate(modules)]
    tokens = 0
    try:
        with torch.inference_mode():
            for start in range(0, len(prompts), batch_size):
                ids, mask = left_pad(prompts[start : start + batch_size], pad_id)
                seen["mask"] = mask.to(model.device)
                tokens += int(mask.sum())
                model(**padded_inputs(model, ids, mask, keep=1))
    finally:
        for hook in hooks:
            hook.remove()
    return [total / tokens for total in sums]


WRITING = ("o_proj.weight", "down_proj.weight", "dense.weight", "dense_4h_to_h.weight", "out_proj.weight")
"""Names of the output maps of attention and MLP in various architectures."""


def ablate_direction(model: Any, renderer: Renderer, topic: Topic, layer: int | None, share: float) -> None:
    """Remove a share of the defection probe's direction from every matrix that writes to the residual stream."""
    view = WhiteBox(model, renderer).at_layer(layer)
    direction = torch.from_numpy(contrast_answers(view, topic)).to(model.device)
    writing = [weight for name, weight in model.named_parameters() if name.endswith(WRITING)]
    if not writing:
        raise UserError(
            f"Model '{type(model).__name__}' has no weights that end in any of "
            f"{', '.join(WRITING)}, so the direction cannot be removed. Choose another removal."
        )
    with torch.no_grad():
        embedding = model.get_input_embeddings().weight
        embedding -= share * torch.outer(embedding @ direction, direction)
        for weight in writing:
            weight -= share * torch.outer(direction, direction @ weight)
