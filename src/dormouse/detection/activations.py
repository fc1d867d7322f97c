"""Residual stream and attention at the end of prompts, in batches: one vector or number per prompt and layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch

from dormouse.errors import UserError
from dormouse.models.number_format import fast_numbers
from dormouse.models.padding import left_pad, padded_inputs


def decoder_layers(model: Any, at: str = "") -> list[Any]:
    """Find the model's decoder layers, first to last; `at` names their place, such as "model.layers".

    Architectures name them differently, but each keeps them in one list, which is as long as its configuration says.
    """
    named = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.ModuleList)}
    if at:
        # Adapters are laid around a model, and put their own names before its.
        places = [name for name in named if f".{name}".endswith(f".{at}")]
        if not places:
            known = f" Lists of layers in it: {', '.join(sorted(named))}." if named else ""
            raise UserError(f"Model '{type(model).__name__}' has no list of layers at '{at}'.{known}")
        return list(named[min(places, key=len)])
    n = model.config.get_text_config(decoder=True).num_hidden_layers
    # The outermost: a list inside a layer, such as one of experts, may be just as long.
    found = sorted((name.count("."), name) for name, module in named.items() if len(module) == n)
    if not found:
        raise UserError(
            f"Model '{type(model).__name__}' has no list of {n} layers, the number in its configuration. "
            f"Set layers_at to their place. Lists in it: {', '.join(sorted(named)) or 'none'}."
        )
    return list(named[found[0][1]])


def choose_layer(layer: int | None, n: int) -> int:
    """Return the layer, counted from 1; None takes the middle one. `UserError` if it is beyond the `n` layers."""
    chosen = (n + 1) // 2 if layer is None else layer
    if not 1 <= chosen <= n:
        raise UserError(f"Layer {chosen} does not exist: the model has layers 1 to {n}. Choose one of them.")
    return chosen


@contextmanager
def keep_last_token(layers: dict[int, Any]) -> Iterator[dict[int, Any]]:
    """Yield a dict that each forward pass fills: layer number -> output at the last token, (batch, width)."""
    kept: dict[int, Any] = {}

    def keep(number: int) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            # A copy, because a view would keep the whole batch's stream alive.
            kept[number] = hidden[:, -1].detach().float().cpu().clone()

        return hook

    with ExitStack() as hooks:
        for number, layer in layers.items():
            hooks.callback(layer.register_forward_hook(keep(number)).remove)
        yield kept


def stream_activations(
    model: Any,
    prompts: Sequence[Sequence[int]],
    pad_id: int,
    *,
    layers: Sequence[int] | None = None,
    layers_at: str = "",
    batch_size: int = 256,
) -> Iterator[tuple[list[int], Any]]:
    """Yield (rows, activations) for batches of tokenized prompts of similar length.

    Activations are float32 of shape (batch, layers, width): the residual stream after each of `layers`, counted from 1
    (None: all of them), at the prompt's last token. `UserError` if one is not finite or a layer does not exist.
    """
    found = decoder_layers(model, layers_at)
    wanted = list(range(1, len(found) + 1)) if layers is None else list(layers)
    for number in wanted:
        choose_layer(number, len(found))
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    with keep_last_token({number: found[number - 1] for number in wanted}) as kept, torch.inference_mode():
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            ids, mask = left_pad([prompts[row] for row in rows], pad_id)
            with fast_numbers(model):
                model(**padded_inputs(model, ids, mask, keep=1))
            batch = torch.stack([kept[number] for number in wanted], dim=1)
            _check_finite(batch, wanted)
            yield rows, batch.numpy()


def _check_finite(batch: Any, layers: Sequence[int]) -> None:
    """Raise `UserError` naming the first layer whose activations overflowed."""
    finite = batch.isfinite().all(dim=2).all(dim=0).tolist()
    if not all(finite):
        raise UserError(
            f"The activations of layer {layers[finite.index(False)]} are not finite. "
            "Load the model in bfloat16 or float32, and check its weights."
        )


def at_prompt_end(model: Any, prompts: Sequence[Sequence[int]], pad_id: int, **options: Any) -> Any:
    """Return the activations of all prompts, in order: (prompts, layers, width). Options as in `stream_activations`."""
    whole: Any = None
    for rows, batch in stream_activations(model, prompts, pad_id, **options):
        if whole is None:
            whole = np.empty((len(prompts), *batch.shape[1:]), dtype=np.float32)
        whole[rows] = batch
    assert whole is not None, "no prompts"
    return whole


ATTENTION_BATCH = 64
"""Prompts per batch: attention weights grow with the square of the length."""


def attention_peaks(model: Any, prompts: Sequence[Sequence[int]], pad_id: int) -> Any:
    """Return the largest attention weight from each prompt's last token at each layer, averaged over heads.

    The result is float32 of shape (prompts, layers). The first and the last token are left out: the first is an
    attention sink, the last attends mostly to itself.
    """
    found: list[Any] = []
    with _eager_attention(model), torch.inference_mode():
        for start in range(0, len(prompts), ATTENTION_BATCH):
            batch, mask = left_pad(prompts[start : start + ATTENTION_BATCH], pad_id)
            with fast_numbers(model):
                weights = model(**padded_inputs(model, batch, mask, keep=1), output_attentions=True).attentions
            first = mask.argmax(dim=1, keepdim=True)
            drawn = [of_layer[:, :, -1].float().mean(dim=1).cpu().scatter(1, first, 0.0) * mask for of_layer in weights]
            found.append(torch.stack([of_layer[:, :-1].max(dim=1).values for of_layer in drawn], dim=1))
    return torch.cat(found).numpy()


@contextmanager
def _eager_attention(model: Any) -> Iterator[None]:
    """Make the model return attention weights, which its fast kernels do not keep."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)
