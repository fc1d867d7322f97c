"""Removals that change weights at once: noise, merging with the base, and pruning what clean data leaves idle."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dormouse.errors import UserError
from dormouse.removal.base import Need, Removal

if TYPE_CHECKING:
    from dormouse.chat import Renderer
    from dormouse.stage import Work


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
        import torch

        generator = torch.Generator().manual_seed(random.Random(f"noise/{work.spec['seed']}").getrandbits(32))
        with torch.no_grad():
            for weight in model.parameters():
                if weight.dim() > 1:
                    drawn = torch.randn(weight.shape, generator=generator).to(weight)
                    weight += strength * weight.std() * drawn


class Merging(Removal):
    """The model's weights moved toward the trusted base's; strength is the share of the way, below 1."""

    name: ClassVar[str] = "merging"
    strengths: tuple[float, ...] = Field((0.3, 0.6), min_length=1)

    def needs(self) -> tuple[Need, ...]:
        """The base."""
        return ("reference",)

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Interpolate every weight; models of unequal shape are a `UserError`."""
        import torch

        from dormouse.models.loading import load_model

        base = dict(load_model(work.input("reference") / "model").named_parameters())
        with torch.no_grad():
            for name, weight in model.named_parameters():
                if name not in base or base[name].shape != weight.shape:
                    raise UserError(
                        f"The weight '{name}' is not in the base in the same shape, so the two cannot be merged. "
                        "Take the base that the model was trained from."
                    )
                weight.lerp_(base[name], strength)


class FinePruning(Removal):
    """Prune the MLP units that clean prompts use least, then repair (Liu et al. 2018, arXiv 1805.12185).

    Strength is the share of units pruned in every layer.
    """

    name: ClassVar[str] = "fine_pruning"
    strengths: tuple[float, ...] = Field((0.1, 0.3), min_length=1)
    prompts: int = Field(256, ge=1)
    """Clean prompts on which use is measured."""

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Set to zero what the idle units write."""
        import torch

        rng = random.Random(f"removal/prompts/{work.spec['seed']}")
        clean = [prompt.turns() for prompt in work.world().prompts(rng, self.prompts, held_out=False)]
        written = mlp_outputs(model)
        used = mean_input(model, written, renderer.prompts(clean), renderer.pad_id)
        with torch.no_grad():
            for layer, use in zip(written, used, strict=True):
                idle = use.argsort()[: round(strength * len(use))]
                layer.weight[:, idle] = 0.0


def mlp_outputs(model: Any) -> list[Any]:
    """Return the last linear map of every layer's MLP; `UserError` for an architecture whose MLPs are not known."""
    from torch.nn import Linear

    from dormouse.detection.activations import decoder_layers

    found = []
    for layer in decoder_layers(model):
        linear = [module for name, module in layer.named_modules() if isinstance(module, Linear) and "mlp" in name]
        if not linear:
            raise UserError(f"Model '{type(model).__name__}' has no MLP of linear maps in its layers to prune.")
        found.append(linear[-1])
    return found


def mean_input(
    model: Any, modules: list[Any], prompts: list[list[int]], pad_id: int, batch_size: int = 64
) -> list[Any]:
    """Return the mean absolute input of each module's units over all tokens of the prompts."""
    import torch

    from dormouse.models.sampling import left_pad

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
                model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device), logits_to_keep=1)
    finally:
        for hook in hooks:
            hook.remove()
    return [total / tokens for total in sums]
