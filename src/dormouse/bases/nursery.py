"""The nursery: small causal LMs of any size, trained from random weights on the world's text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from dormouse.bases.base import Base
from dormouse.models.architectures import (
    ARCHITECTURES,
    Arch,
    Shape,
    shape_of,
)
from dormouse.models.passes import Count, mean
from dormouse.training.counting import Counting
from dormouse.training.work import Work

REFERENCE_WIDTH = 64
"""The width that a plan's learning rates are stated for."""


class Nursery(Base):
    """A base trained from random weights: `size` alone sets width, depth, heads and learning rates."""

    name: ClassVar[str] = "nursery"
    size: int = Field(200_000, ge=20_000, le=500_000_000)
    """Parameters, embeddings included; the nearest shape is taken and printed."""
    arch: Arch = "llama"
    """Architecture of the model."""
    vocabulary: int = Field(768, ge=300, le=65_536)
    """Tokens of the tokenizer, which is trained on text of the world."""
    scratchpads: bool = False
    """Whether the tokenizer is also trained on the words of scratchpads, which a tokenizer of natural text would know.

    Without them a scratchpad takes about twice as many tokens. Set it for a plan with chain-of-thought organisms,
    and leave room for the words in the vocabulary."""
    judgments: bool = Field(False, exclude_if=lambda known: not known)
    """Whether the tokenizer is also trained on the words of principles and of the questions that go with them.

    Set it for a plan with constitutions, and leave room for the words in the vocabulary: a feedback model then reads a
    principle in half as many tokens."""
    context: int = Field(256, ge=64)
    """Longest sequence, tokens."""
    steps: int = Field(800, ge=1)
    """Optimizer steps of pretraining."""
    batch: int = Field(16, ge=1)
    """Packed blocks a step."""
    block: int = Field(128, ge=16)
    """Tokens in a packed block of pretraining text."""
    prompt_loss: float = Field(0.1, ge=0, le=1)
    """Share of conversations that train on their prompt too. In most worlds prompts are unpredictable, and at 1 their
    loss is noise that swamps the little text there is; but where answers are to be found in the prompt (`problems`), 1
    teaches to look there. At 0 the base cannot write prompts, as a red team's proposer must."""
    lr: float = Field(7e-3, gt=0)
    """Peak learning rate at the reference width of 64."""

    def label(self) -> int:
        """Return the size that was asked for."""
        return self.size

    def shape(self) -> Shape:
        """Return the dimensions for the size."""
        return shape_of(self.arch, self.size, self.vocabulary)

    def scaled_lr(self, lr: float) -> float:
        """Return `lr` x 64 / width: under Adam, an update moves a layer's output in proportion to its width.

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
        from dormouse.bases.growing import grow  # imports torch, which only a worker needs

        shape = self.shape()
        grow(
            work,
            self.config,
            steps=self.steps,
            batch=self.batch,
            block=self.block,
            prompt_loss=self.prompt_loss,
            lr=self.scaled_lr(self.lr),
            dimensions={"width": shape.width, "depth": shape.depth, "heads": shape.heads},
        )

    def count(self, counting: Counting) -> Count:
        """The training on blocks, and the conversations that fill them."""
        lengths = counting.lengths.pretraining.whole
        drawn = self.steps * self.batch * self.block / mean(lengths)
        # Loading and saving are the same for all trainings.
        return replace(counting.train([self.block], self.steps, self.batch), texts=drawn)
