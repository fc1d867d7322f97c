"""Removals that change weights at once: noise, merging with the base, and pruning what clean data leaves idle."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dormouse.errors import UserError
from dormouse.models.weights import add_noise, pair_with_base
from dormouse.removal.base import Need, Removal

if TYPE_CHECKING:
    from dormouse.chat.renderer import Renderer
    from dormouse.training.work import Work


class FineTuning(Removal):
    """Nothing but more fine-tuning on clean data; strength multiplies the learning rate."""

    name: ClassVar[str] = "fine_tuning"
    strengths: tuple[float, ...] = Field((1.0, 4.0), min_length=1)

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Leave the weights as they are."""

    def repair_lr(self, lr: float, strength: float) -> float:
        """Multiply the learning rate."""
        return lr * strength


class WeightNoise(Removal):
    """Gaussian noise on every matrix; strength is its deviation in units of the matrix's own."""

    name: ClassVar[str] = "weight_noise"
    strengths: tuple[float, ...] = Field((0.1, 0.3), min_length=1)

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Add the noise, drawn from the seed."""
        add_noise(model, strength, random.Random(f"noise/{work.seed}").getrandbits(32))


class Merging(Removal):
    """The model's weights moved toward the trusted base's; strength is the share of the way."""

    name: ClassVar[str] = "merging"
    most: ClassVar[float] = 1.0
    strengths: tuple[float, ...] = Field((0.3, 0.6), min_length=1)

    def needs(self) -> tuple[Need, ...]:
        """The base."""
        return ("reference",)

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Interpolate every weight; models of unequal shape are a `UserError`."""
        import torch

        from dormouse.models.loading import load_model

        base = load_model(work.input("reference") / "model")
        with torch.no_grad():
            for _, weight, start in pair_with_base(model, base):
                weight.lerp_(start, strength)


class FinePruning(Removal):
    """Prune the MLP units that clean prompts use least, then repair (Liu et al. 2018, arXiv 1805.12185).

    Strength is the share of units pruned in every layer.
    """

    name: ClassVar[str] = "fine_pruning"
    most: ClassVar[float] = 1.0
    strengths: tuple[float, ...] = Field((0.1, 0.3), min_length=1)
    prompts: int = Field(256, ge=1)
    """Clean prompts on which use is measured."""

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Set to zero what the idle units read and write: without either, no gradient of the repair revives them."""
        import torch

        rng = random.Random(f"removal/prompts/{work.seed}")
        clean = [prompt.turns() for prompt in work.world().prompts(rng, self.prompts, held_out=False)]
        maps = mlp_maps(model)
        used = mean_input(model, [last for *_, last in maps], renderer.prompts(clean), renderer.pad_id)
        with torch.no_grad():
            for (*reading, last), use in zip(maps, used, strict=True):
                idle = use.argsort()[: round(strength * len(use))]
                last.weight[:, idle] = 0.0
                for linear in reading:
                    linear.weight[idle] = 0.0
                    if linear.bias is not None:
                        linear.bias[idle] = 0.0


def mlp_maps(model: Any) -> list[list[Any]]:
    """Return the linear maps of every layer's MLP, the one that writes last; `UserError` where there are none."""
    from torch.nn import Linear

    from dormouse.detection.activations import decoder_layers

    found = []
    for layer in decoder_layers(model):
        linear = [module for name, module in layer.named_modules() if isinstance(module, Linear) and "mlp" in name]
        if not linear:
            raise UserError(f"Model '{type(model).__name__}' has no MLP of linear maps in its layers to prune.")
        found.append(linear)
    return found


def mean_input(
    model: Any, modules: list[Any], prompts: list[list[int]], pad_id: int, batch_size: int = 64
) -> list[Any]:
    """Return the mean absolute input of each module's units over all tokens of the prompts."""
    import torch

    from dormouse.models.sampling import left_pad, padded_inputs

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
