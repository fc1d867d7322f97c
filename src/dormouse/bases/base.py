"""`Base`: the model an experiment starts from, and the stages that make it and its tokenizer."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any

from pydantic import SerializeAsAny

from dormouse.config.parts import Part, from_registry
from dormouse.config.registry import BASES
from dormouse.models.passes import Count
from dormouse.training.counting import Counting
from dormouse.training.work import StageSpec, Work


class Base(Part):
    """The untouched model, before any training of the plan."""

    @abstractmethod
    def label(self) -> int | None:
        """Return the number of parameters for the `size` column; None if only loading tells."""

    def fetch(self) -> None:
        """Download the base's files if needed; called before a plan runs."""
        return None

    def training(self) -> dict[str, Any]:
        """Return settings of the base that every training on it needs, beside the plan's."""
        return {}

    def fingerprint(self) -> str:
        """Return a hash of the files the base is read from; empty if it is made from its settings."""
        return ""

    def identity(self) -> str:
        """Return a text that tells its weights from other bases'; empty if they depend on the seed."""
        return ""

    @abstractmethod
    def scaled_lr(self, lr: float) -> float:
        """Scale a learning rate from the reference width to the width of this base."""

    @abstractmethod
    def build(self, work: Work) -> None:
        """Write the base to `work.model_folder`; runs in a worker process."""

    @abstractmethod
    def needs_tokenizer(self) -> bool:
        """Return whether the plan must train a tokenizer for this base."""

    def count(self, counting: Counting) -> Count:
        """Count the work of `build`, for the estimate of a plan's cost."""
        return Count(not_counted=(f"base '{self.name}', which does not say how it is made",))


class TokenizerSpec(StageSpec):
    """Spec of the stage that trains a tokenizer."""

    vocabulary: int
    scratchpads: bool
    """Whether the training text includes the words of scratchpads."""
    judgments: bool = False
    """Whether the training text includes the words of principles."""
    exchanges: int
    """Conversations of the world to train on."""


class BaseSpec(StageSpec):
    """Spec of the stage that makes the base."""

    base: Annotated[SerializeAsAny[Base], from_registry(BASES)]
    data: str = ""
    """The hash of the files the base is read from."""


def run(work: Work) -> None:
    """Build the base in the spec."""
    work.told(BaseSpec).base.build(work)


def count_tokenizer(counting: Counting) -> Count:
    """Count the conversations that the tokenizer is trained on."""
    return Count(texts=counting.told(TokenizerSpec).exchanges)


def count_base(counting: Counting) -> Count:
    """Count the work of the base in the spec."""
    return counting.told(BaseSpec).base.count(counting)
