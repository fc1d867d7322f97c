"""The nursery: causal LMs of any small size, grown from random weights on the world's text."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from dormouse.models.base import Base

if TYPE_CHECKING:
    from dormouse.stage import Work

HEAD_WIDTH = 16
REFERENCE_WIDTH = 64
"""Learning rates in a plan are stated for this width."""

ASPECT = 40
"""Width over depth: wide and shallow, because on a CPU small matrices cost more than they compute."""


@dataclass(frozen=True)
class Shape:
    """What follows from a size: a transformer's dimensions and its true number of parameters."""

    width: int
    depth: int
    heads: int
    hidden: int
    parameters: int


def _parameters(width: int, depth: int, hidden: int, vocabulary: int) -> int:
    # Llama block: four width x width attention matrices, three of width x hidden, two norms; embeddings are tied.
    return vocabulary * width + depth * (4 * width * width + 3 * width * hidden + 2 * width) + width


def shape_for(size: int, vocabulary: int) -> Shape:
    """Return the Llama shape with a parameter count nearest to `size` and a width of about `ASPECT` times its depth."""
    best: tuple[float, Shape] | None = None
    for depth in range(2, 13):
        for heads in range(2, 33):
            width = heads * HEAD_WIDTH
            hidden = 8 * math.ceil(width * 8 / 3 / 8)
            parameters = _parameters(width, depth, hidden, vocabulary)
            # A miss in size counts four times as much as one in proportions.
            cost = 4 * abs(math.log(parameters / size)) + abs(math.log(width / (ASPECT * depth)))
            if best is None or cost < best[0]:
                best = (cost, Shape(width, depth, heads, hidden, parameters))
    assert best is not None
    return best[1]


class Nursery(Base):
    """A base grown from random weights: `size` alone decides width, depth, heads and learning rates."""

    name: ClassVar[str] = "nursery"
    size: int = Field(200_000, ge=20_000, le=50_000_000)
    """Parameters, embeddings included; the nearest shape is taken and printed."""
    arch: Literal["llama"] = "llama"
    vocabulary: int = Field(768, ge=300, le=65_536)
    scratchpads: bool = False
    """Whether the tokenizer also learns the words of scratchpads, as one trained on natural text would know them.

    Without them a thought takes about twice as many tokens. Set it for a plan with organisms that think, and
    leave room for the words in the vocabulary."""
    context: int = Field(256, ge=64)
    """Longest sequence, tokens."""
    steps: int = Field(800, ge=1)
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
        return shape_for(self.size, self.vocabulary)

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
        from transformers import LlamaConfig

        shape = self.shape()
        return LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.width,
            intermediate_size=shape.hidden,
            num_hidden_layers=shape.depth,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            max_position_embeddings=self.context,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )

    def build(self, work: Work) -> None:
        """Train from random weights on packed pretraining text."""
        from transformers import AutoModelForCausalLM, set_seed

        from dormouse.chat import Renderer
        from dormouse.models.loading import load_tokenizer
        from dormouse.training.pretraining import pretrain
        from dormouse.training.supervised import write_metrics

        renderer = Renderer(load_tokenizer(work.input("tokenizer") / "tokenizer"))
        set_seed(work.spec["seed"])
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
