"""The residual stream at the end of prompts, batch by batch: of each prompt and layer one vector is kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from dormouse.errors import UserError
from dormouse.models.sampling import left_pad, padded_inputs


def decoder_layers(model: Any, at: str = "") -> list[Any]:
    """Return the model's decoder layers, first to last; `at` is where they are ("model.layers") if that is not found.

    Architectures name them differently, but each holds them in one list, as long as its configuration says.
    """
    import torch

    named = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.ModuleList)}
    if at:
        if at not in named:
            known = f" Lists of layers in it: {', '.join(sorted(named))}." if named else ""
            raise UserError(f"Model '{type(model).__name__}' has no list of layers at '{at}'.{known}")
        return list(named[at])
    n = model.config.get_text_config(decoder=True).num_hidden_layers
    # The outermost: a list inside a layer (of experts, say) may happen to be as long.
    found = sorted((name.count("."), name) for name, module in named.items() if len(module) == n)
    if not found:
        raise UserError(
            f"Model '{type(model).__name__}' has no list of {n} layers, as many as its configuration says. "
            f"Say where they are (layers_at). Lists in it: {', '.join(sorted(named)) or 'none'}."
        )
    return list(named[found[0][1]])


def chosen_layer(layer: int | None, n: int) -> int:
    """Return a layer of `n`, counted from 1; None is the middle one. One that does not exist is a `UserError`."""
    chosen = (n + 1) // 2 if layer is None else layer
    if not 1 <= chosen <= n:
        raise UserError(f"Layer {chosen} does not exist: the model has layers 1 to {n}. Choose among them.")
    return chosen


@contextmanager
def last_token_of(layers: dict[int, Any]) -> Iterator[dict[int, Any]]:
    """Yield what each forward pass leaves: layer number -> (batch, width), the layer's output at the last position."""
    kept: dict[int, Any] = {}

    def keep(number: int) -> Any:
        def hook(_module: Any, _inputs: Any, output: Any) -> None:
            hidden = output[0] if isinstance(output, tuple) else output
            # A copy: a view would hold the whole batch's stream.
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
    (None: all of them), at the prompt's last token. `UserError` where one is not finite or a layer does not exist.
    """
    import torch

    found = decoder_layers(model, layers_at)
    wanted = list(range(1, len(found) + 1)) if layers is None else list(layers)
    for number in wanted:
        chosen_layer(number, len(found))
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    with last_token_of({number: found[number - 1] for number in wanted}) as kept, torch.inference_mode():
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            ids, mask = left_pad([prompts[row] for row in rows], pad_id)
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
    """Return the activations of all prompts in their order: (prompts, layers, width); options as `stream_activations`.

    An empty list of prompts is our bug and raises.
    """
    import numpy as np

    whole: Any = None
    for rows, batch in stream_activations(model, prompts, pad_id, **options):
        if whole is None:
            whole = np.empty((len(prompts), *batch.shape[1:]), dtype=np.float32)
        whole[rows] = batch
    assert whole is not None, "no prompts"
    return whole
