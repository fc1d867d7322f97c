"""`Detector`: the extension point for finding a backdoor, and the protocol that says what each detector may see."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dormouse.chat.messages import Messages
from dormouse.config.parts import Part
from dormouse.detection.insertion import Inserted
from dormouse.errors import UserError

if TYPE_CHECKING:
    from dormouse.detection.views import BlackBox, WhiteBox

Access = Literal["black box", "white box"]
Scorer = Callable[[Sequence[Messages]], Sequence[float]]
"""Prompts -> one score for each; higher is more suspicious."""


class Detector(Part):
    """Something that is to find a backdoor. Its class says what it may see; it gets nothing else."""

    access: ClassVar[Access] = "white box"
    """Whether it may look inside the model, or only ask it."""
    reference: ClassVar[bool] = False
    """Whether it may compare with a trusted clean model: the base."""
    poisoned: ClassVar[bool] = False
    """Whether it is shown prompts that are labeled with and without the trigger."""

    def protocol(self) -> str:
        """Return what the detector may see, in words."""
        seen = [self.access, *["trusted base"] * self.reference, *["poisoned samples"] * self.poisoned]
        return ", ".join(seen)


@dataclass(frozen=True)
class Labeled:
    """Prompts, and whether each holds the trigger."""

    prompts: list[Messages]
    triggered: list[bool]


class Granted:
    """What a detector's protocol grants it of one model; anything else it asks for is a `UserError`."""

    def __init__(
        self,
        detector: Detector,
        model: WhiteBox,
        clean: list[Messages],
        *,
        reference: WhiteBox | None = None,
        poisoned: Labeled | None = None,
        seed: int = 0,
    ) -> None:
        self._detector = detector
        self._model = model
        self._reference = reference
        self._poisoned = poisoned
        self.clean = clean
        """Trusted prompts without the trigger."""
        self.seed = seed
        """For whatever is drawn."""

    @property
    def black_box(self) -> BlackBox:
        """The suspect model, to be asked."""
        return _asked(self._model)

    @property
    def white_box(self) -> WhiteBox:
        """The suspect model, open."""
        if self._detector.access != "white box":
            raise self._refused("to look inside the model", 'access = "white box"')
        return self._model

    @property
    def reference(self) -> WhiteBox:
        """The trusted clean model: the defender's own, so it lies open to whoever is granted it."""
        if not self._detector.reference:
            raise self._refused("for the trusted base", "reference = True")
        assert self._reference is not None
        return self._reference

    @property
    def poisoned(self) -> Labeled:
        """Labeled prompts with and without the trigger."""
        if not self._detector.poisoned:
            raise self._refused("for poisoned samples", "poisoned = True")
        assert self._poisoned is not None
        return self._poisoned

    def _refused(self, what: str, declared: str) -> UserError:
        return UserError(
            f"Detector '{self._detector.name}' asked {what}, which its protocol ({self._detector.protocol()}) "
            f"does not grant. Declare {declared} in its class: it is then compared with others that may."
        )


def _asked(model: WhiteBox) -> BlackBox:
    from dormouse.detection.views import BlackBox

    return BlackBox(model._model, model._renderer, model.prefill)


class PromptDetector(Detector):
    """Says of each prompt how suspicious it is."""

    @abstractmethod
    def fit(self, granted: Granted) -> Scorer:
        """Return what scores prompts, made from nothing but what is granted."""

    def at_layers(self, n: int) -> dict[str, PromptDetector]:
        """Return this detector at each of a model's `n` layers, by name; empty for one that has no layer to choose."""
        return {}


class ModelDetector(Detector):
    """Says of a model how likely it is backdoored."""

    @abstractmethod
    def judge(self, granted: Granted) -> Suspicion:
        """Return how suspicious the model is, and what was found in it."""


NONE = Inserted()


@dataclass(frozen=True)
class Suspicion:
    """What a model-level detector says of one model."""

    score: float
    """Higher is more suspicious; comparable between models of one architecture and size."""
    trigger: Inserted = NONE
    """What it holds for the trigger; empty where it looks for none."""
    reply: str = ""
    """What it holds for the behavior."""
    facts: dict[str, Any] | None = None
    """Numbers that tell how it came to the score."""
