"""`Base`: the model an experiment starts from."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import SerializeAsAny

from dormouse.config.parts import Part, from_registry
from dormouse.config.registry import BASES
from dormouse.training.work import StageSpec

if TYPE_CHECKING:
    from dormouse.training.work import Work


class Base(Part):
    """Makes or loads the untouched base."""

    @abstractmethod
    def label(self) -> int | None:
        """Return the number of parameters for the `size` column; None where only loading tells."""

    def fetch(self) -> None:
        """Download what the base is read from, where it must be; called before a plan runs."""
        return None

    def training(self) -> dict[str, Any]:
        """Return what every training on this base is told besides the plan's settings."""
        return {}

    def fingerprint(self) -> str:
        """Return a hash of the files the base is read from; nothing where it is made from its settings."""
        return ""

    @abstractmethod
    def scaled_lr(self, lr: float) -> float:
        """Return the learning rate for this base, given one stated at the reference width."""

    @abstractmethod
    def build(self, work: Work) -> None:
        """Write the base to `work.model_folder`; runs in a worker process."""

    @abstractmethod
    def needs_tokenizer(self) -> bool:
        """Return whether the plan must train a tokenizer for this base."""


class TokenizerSpec(StageSpec):
    """What the stage that trains a tokenizer is told."""

    vocabulary: int
    scratchpads: bool
    """Whether the words of scratchpads are in the text that it is trained on."""
    exchanges: int
    """Conversations of the world that it is trained on."""


class BaseSpec(StageSpec):
    """What the stage that makes the base is told."""

    base: Annotated[SerializeAsAny[Base], from_registry(BASES)]
    data: str = ""
    """The hash of the files that it is read from."""
