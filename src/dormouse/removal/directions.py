"""Removals in activation space: a probe's direction taken out of all that is written, and adversarial noise on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dormouse.detection.probes import Topic, contrast
from dormouse.errors import UserError
from dormouse.removal.base import Removal

if TYPE_CHECKING:
    from dormouse.chat.renderer import Renderer
    from dormouse.training.work import Work


class DirectionAblation(Removal):
    """Take the defection probe's direction out of everything that is written to the residual stream.

    Strength is the share that is taken out, 1 being all (Arditi et al. 2024, arXiv 2406.11717, for refusal).
    """

    name: ClassVar[str] = "direction_ablation"
    most: ClassVar[float] = 1.0
    strengths: tuple[float, ...] = Field((0.5, 1.0), min_length=1)
    topic: Topic = "danger"
    """Subject of the generic questions whose two answers give the direction."""
    layer: int | None = Field(None, ge=1)
    """The layer whose direction is taken; None is the middle one."""

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Project every matrix that writes to the stream."""
        import torch

        from dormouse.detection.layers import Look
        from dormouse.detection.views import WhiteBox

        look = Look(WhiteBox(model, renderer), self.layer)
        direction = torch.from_numpy(contrast(look, self.topic)).to(model.device)
        writing = [weight for name, weight in model.named_parameters() if name.endswith(WRITING)]
        if not writing:
            raise UserError(
                f"Model '{type(model).__name__}' calls the last maps of its attention and MLP none of "
                f"{', '.join(WRITING)}, so the direction cannot be taken out. Take another removal."
            )
        with torch.no_grad():
            embedding = model.get_input_embeddings().weight
            embedding -= strength * torch.outer(embedding @ direction, direction)
            for weight in writing:
                weight -= strength * torch.outer(direction, direction @ weight)


WRITING = ("o_proj.weight", "down_proj.weight", "dense.weight", "dense_4h_to_h.weight", "out_proj.weight")
"""How architectures call the last maps of attention and MLP."""


class LatentAdversarial(Removal):
    """Fine-tune on clean replies while the residual stream of the prompt is disturbed to make them unlikely.

    Untargeted latent adversarial training (Casper et al. 2024, arXiv 2403.05030). Strength is the radius of the
    disturbance at each token, in units of the stream's own length there.
    """

    name: ClassVar[str] = "latent_adversarial"
    strengths: tuple[float, ...] = Field((0.5, 1.0), min_length=1)
    layer: int | None = Field(None, ge=1)
    """The layer after which the stream is disturbed; None is the middle one."""
    ascent: int = Field(3, ge=1)
    """Steps in which the disturbance is made worse."""

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Leave the weights as they are: the repair does the work."""

    def repair_loss(self, model: Any, strength: float) -> Callable[[Any, dict[str, Any]], Any]:
        """Return the loss under the worst disturbance that was found."""
        from dormouse.detection.activations import chosen_layer, decoder_layers

        number = chosen_layer(self.layer, len(decoder_layers(model)))

        def loss(model: Any, inputs: dict[str, Any]) -> Any:
            import torch

            prompt = (inputs["labels"] == -100) & (inputs["attention_mask"] == 1)
            noise = Disturbance(prompt[..., None], strength)
            # The layer of the model in training: beside weights in few bits that is another than the one given.
            with noise.on(decoder_layers(model)[number - 1]):
                for _ in range(self.ascent):
                    (slope,) = torch.autograd.grad(model(**inputs).loss, [noise.delta()])
                    noise.climb(slope, 2 / self.ascent)
                return model(**inputs).loss

        return loss


class Disturbance:
    """What is added to a layer's output at the prompt's tokens: within `radius` of its length there."""

    def __init__(self, where: Any, radius: float) -> None:
        self.where, self.radius = where, radius
        self._delta: Any = None
        self._length: Any = None

    def delta(self) -> Any:
        """Return the disturbance that the last forward pass used."""
        return self._delta

    @contextmanager
    def on(self, layer: Any) -> Iterator[None]:
        """Disturb the layer's output while the context lasts."""
        import torch

        def hook(_module: Any, _inputs: Any, output: Any) -> Any:
            hidden = output[0] if isinstance(output, tuple) else output
            if self._delta is None:
                self._length = hidden.detach().norm(dim=-1, keepdim=True)
                self._delta = torch.zeros_like(hidden, requires_grad=True)
            changed = hidden + self._delta * self.where
            return (changed, *output[1:]) if isinstance(output, tuple) else changed

        handle = layer.register_forward_hook(hook)
        try:
            yield
        finally:
            handle.remove()

    def climb(self, slope: Any, step: float) -> None:
        """Move along the slope by `step` radii, and back into the ball."""
        limit = self.radius * self._length
        moved = self._delta.detach() + step * limit * slope / slope.norm(dim=-1, keepdim=True).clamp(min=1e-12)
        length = moved.norm(dim=-1, keepdim=True).clamp(min=1e-12)
        self._delta = (moved * (limit / length).clamp(max=1.0)).requires_grad_(True)
