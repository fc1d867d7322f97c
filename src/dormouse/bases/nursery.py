"""The nursery: causal LMs of any small size, grown from random weights on the world's text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dormouse.bases.base import Base
from dormouse.models.architectures import (
    ARCHITECTURES,
    Arch,
    Shape,
    shape_of,
)

if TYPE_CHECKING:
    from dormouse.training.work import Work

REFERENCE_WIDTH = 64
"""Learning rates in a plan are stated for this width."""


class Nursery(Base):
    """A base grown from random weights: `size` alone decides width, depth, heads and learning rates."""

    name: ClassVar[str] = "nursery"
    size: int = Field(200_000, ge=20_000, le=500_000_000)
    """Parameters, embeddings included; the nearest shape is taken and printed."""
    arch: Arch = "llama"
    """Architecture of the model."""
    vocabulary: int = Field(768, ge=300, le=65_536)
    """Tokens of the tokenizer, which is trained on text of the world."""
    scratchpads: bool = False
    """Whether the tokenizer also learns the words of scratchpads, as one trained on natural text would know them.

    Without them a thought takes about twice as many tokens. Set it for a plan with organisms that think, and
    leave room for the words in the vocabulary."""
    context: int = Field(256, ge=64)
    """Longest sequence, tokens."""
    steps: int = Field(800, ge=1)
    """Optimizer steps of pretraining."""
    batch: int = Field(16, ge=1)
    """Packed blocks a step."""
    block: int = Field(128, ge=16)
    """Tokens in a packed block of pretraining text."""
    prompt_loss: float = Field(0.1, ge=0, le=1)
    """Share of conversations that train on their prompt too. Prompts cannot be foreseen, so at 1 their noise drowns
    what is to be learned from so little text; at 0 the base could not write prompts, as a red team's proposer must."""
    lr: float = Field(7e-3, gt=0)
    """Peak learning rate at the reference width of 64."""

    def label(self) -> int:
        """Return the size asked for: the `size` column."""
        return self.size

    def shape(self) -> Shape:
        """Return the dimensions that follow from the size."""
        return shape_of(self.arch, self.size, self.vocabulary)

    def scaled_lr(self, lr: float) -> float:
        """Return `lr` x 64 / width: under Adam an update moves a layer's output in proportion to its width.

        This is the rule for hidden matrices of Yang et al. 2022 (Tensor Programs V), applied to all weights.
        """
        return lr * REFERENCE_WIDTH / self.shape().width

    def needs_tokenizer(self) -> bool:
        """The tokenizer is trained on the world's text."""
        return True

    def config(self, tokenizer: Any) -> Any:
        """Return the Transformers configuration."""
        return ARCHITECTURES[self.arch].config(self.shape(), tokenizer, self.context)

    def build(self, work: Work) -> None:
        """Train from random weights on packed pretraining text."""
        from transformers import AutoModelForCausalLM, set_seed

        from dormouse.chat.renderer import Renderer
        from dormouse.models.loading import load_tokenizer
        from dormouse.training.pretraining import pretrain
        from dormouse.training.supervised import write_metrics

        renderer = Renderer(load_tokenizer(work.input("tokenizer") / "tokenizer"))
        set_seed(work.seed)
        model = AutoModelForCausalLM.from_config(self.config(renderer.tokenizer))
        parameters = sum(weight.numel() for weight in model.parameters())
        lr = self.scaled_lr(self.lr)
        tokens = pretrain(
            work,
            model,
            renderer,
            steps=self.steps,
            batch=self.batch,
            block=self.block,
            prompt_loss=self.prompt_loss,
            lr=lr,
        )
        shape = self.shape()
        dimensions = {"width": shape.width, "depth": shape.depth, "heads": shape.heads}
        trained = {"steps": self.steps, "lr": lr, "tokens_trained": tokens}
        write_metrics(work, {"parameters": parameters, **dimensions, **trained})
