"""Changes to weights: moving toward the base, pruning units that clean data leaves idle, ablating a direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.nn import Embedding, Linear
from torch.nn.functional import normalize
from transformers.pytorch_utils import Conv1D

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Renderer
from dormouse.detection.activation_detectors import Topic
from dormouse.detection.activation_scores import QUESTIONS, contrast_answers
from dormouse.detection.activations import decoder_layers, keep_last_token
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


def prune_idle_units(model: Any, renderer: Renderer, clean: list[Messages], share: float, layers_at: str = "") -> None:
    """Set the weights into and out of each MLP's least used units to zero, so that the repair cannot revive them."""
    maps = mlp_maps(model, layers_at)
    used = mean_input(model, [last for *_, last in maps], renderer.prompts(clean), renderer.pad_id)
    with torch.no_grad():
        for (*reading, last), use in zip(maps, used, strict=True):
            idle = use.argsort()[: round(share * len(use))]
            last.weight[:, idle] = 0.0
            for linear in reading:
                linear.weight[idle] = 0.0
                if linear.bias is not None:
                    linear.bias[idle] = 0.0


def mlp_maps(model: Any, layers_at: str = "") -> list[list[Any]]:
    """Return the linear maps of each layer's MLP, the output map last; `UserError` if a layer has none."""
    found = []
    for layer in decoder_layers(model, layers_at):
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


WRITING = ("o_proj", "down_proj", "dense", "dense_4h_to_h", "out_proj", "fc2", "c_proj")
"""Names of the output maps of attention and MLP in various architectures."""
EMBEDDING_NORM = "word_embeddings_layernorm"
"""BLOOM's name of a layer norm between the embedding and the residual stream."""
LEFT = 0.01
"""Share of the direction that may be left where all of it was to be removed, apart from rounding."""


def ablate_direction(
    model: Any, renderer: Renderer, topic: Topic, layer: int | None, share: float, layers_at: str = ""
) -> None:
    """Remove a share of the defection probe's direction from everything that is written to the residual stream.

    `UserError` if the model writes to its stream in a way that is not known.
    """
    asked = renderer.prompts([[{"role": "user", "content": question}] for question, *_ in QUESTIONS[topic]])
    found = contrast_answers(WhiteBox(model, renderer, layers_at=layers_at).at_layer(layer), topic)
    direction = torch.from_numpy(found).to(model.device, model.dtype)
    with torch.no_grad():
        before, _ = measure_along(model, asked, direction, layers_at)
        written = find_written(model, direction)
        parts = [rows @ along for rows, along in written]
        for (rows, along), part in zip(written, parts, strict=True):
            rows.addr_(part, along, alpha=-1)
        # Measured with all of it removed: of half, nobody could say how much should be left after several layers.
        after, length = measure_along(model, asked, direction, layers_at)
        if after > LEFT * before + 4 * torch.finfo(model.dtype).eps * length:
            raise UserError(
                f"Model '{type(model).__name__}' writes to its residual stream in ways that are not known: "
                f"{after / before:.0%} of the direction would be left. Choose another removal."
            )
        for (rows, along), part in zip(written, parts, strict=True):
            rows.addr_(part, along, alpha=1 - share)


def measure_along(model: Any, prompts: list[list[int]], direction: Any, layers_at: str) -> tuple[float, float]:
    """Return the mean component of the stream along a direction at the prompts' last tokens, and its mean length.

    Unlike a `WhiteBox`, it computes in the number format of the weights.
    """
    layers = dict(enumerate(decoder_layers(model, layers_at)))
    streams: list[Any] = []
    for ids in prompts:
        with keep_last_token(layers) as kept:
            model(input_ids=torch.tensor([ids], device=model.device))
        streams += kept.values()
    whole = torch.cat(streams)
    return float((whole @ direction.float().cpu()).abs().mean()), float(whole.norm(dim=1).mean())


def find_written(model: Any, direction: Any) -> list[tuple[Any, Any]]:
    """Find the weights that are added to the residual stream, as rows of the stream's width.

    With each comes the unit vector to remove from the rows, so that the direction is removed from the stream.
    `UserError` if no output map of attention or MLP is known.
    """
    maps = [module for name, module in model.named_modules() if name.rsplit(".")[-1] in WRITING]
    # Those of Transformers' `Conv1D` are stored the other way round.
    written = [
        (module.weight.T if isinstance(module, Linear) else module.weight, direction)
        for module in maps
        if isinstance(module, Linear | Conv1D)
    ]
    if not written:
        raise UserError(
            f"Model '{type(model).__name__}' has no linear maps called {', '.join(WRITING)}, so the direction cannot "
            "be removed. Choose another removal."
        )
    norms = [module for name, module in model.named_modules() if name.endswith(EMBEDDING_NORM)]
    written += [(module.bias[None], direction) for module in (*maps, *norms) if module.bias is not None]
    # A norm centers an embedding and multiplies it by its weights before it is written.
    weighted = [norm.weight * direction for norm in norms]
    along = normalize(weighted[0] - weighted[0].mean(), dim=0) if weighted else direction
    tables = (module.weight for module in model.modules() if isinstance(module, Embedding))
    return [*written, *((table, along) for table in tables if table.shape[1] == len(direction))]
