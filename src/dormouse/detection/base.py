"""`Detector`: the extension point for finding a backdoor, and the protocol that limits what each detector may see."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from dormouse.chat.messages import Messages
from dormouse.config.parts import Part
from dormouse.detection.insertion import Inserted
from dormouse.errors import UserError
from dormouse.models.passes import Count

if TYPE_CHECKING:
    from dormouse.detection.passes import Prompts
    from dormouse.detection.views import BlackBox, WhiteBox

Access = Literal["black box", "white box"]
Scorer = Callable[[Sequence[Messages]], Sequence[float]]
"""Prompts -> one score for each; higher is more suspicious."""


class Detector(Part):
    """A detector of backdoors. Its class declares what it may see, and it is given nothing else."""

    access: ClassVar[Access] = "white box"
    """Whether it may look inside the model, or only ask it."""
    reference: ClassVar[bool] = False
    """Whether it may compare with a trusted clean model: the base."""
    poisoned: ClassVar[bool] = False
    """Whether it is shown prompts that are labeled with and without the trigger."""

    def protocol(self) -> str:
        """Describe what the detector may see, such as "white box, trusted base"."""
        seen = [self.access, *["trusted base"] * self.reference, *["poisoned samples"] * self.poisoned]
        return ", ".join(seen)

    def count(self, prompts: Prompts) -> Count:
        """Count what it asks of models, for the estimate of a plan's cost."""
        return Count(not_counted=(f"detector '{self.name}', which does not say what it asks",))


@dataclass(frozen=True)
class Labeled:
    """Prompts, and whether each holds the trigger."""

    prompts: list[Messages]
    triggered: list[bool]


class DetectorInput:
    """What a detector may see of one model; asking for more than its class declares is a `UserError`."""

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
        """Seeds every random choice of the detector."""

    @property
    def black_box(self) -> BlackBox:
        """The suspect model, to ask it only."""
        return self._model.black_box()

    @property
    def white_box(self) -> WhiteBox:
        """The suspect model with its weights and activations."""
        if self._detector.access != "white box":
            raise self._refuse("to look inside the model", 'access = "white box"')
        return self._model

    @property
    def reference(self) -> WhiteBox:
        """The trusted clean model. It is the defender's own, so even a black-box detector may look inside."""
        if not self._detector.reference:
            raise self._refuse("for the trusted base", "reference = True")
        assert self._reference is not None
        return self._reference

    @property
    def poisoned(self) -> Labeled:
        """Labeled prompts with and without the trigger."""
        if not self._detector.poisoned:
            raise self._refuse("for poisoned samples", "poisoned = True")
        assert self._poisoned is not None
        return self._poisoned

    def _refuse(self, asked: str, declaration: str) -> UserError:
        return UserError(
            f"Detector '{self._detector.name}' asked {asked}, which its protocol ({self._detector.protocol()}) "
            f"does not allow. Declare {declaration} in its class; it is then compared with detectors that see as much."
        )


class PromptDetector(Detector):
    """Scores how suspicious each prompt is."""

    shuffles: ClassVar[int] = 10
    """How often one that is shown labels is fitted to shuffled ones, as a control. Lower it if a fit is slow."""

    @abstractmethod
    def fit(self, given: DetectorInput) -> Scorer:
        """Make a function that scores prompts, from nothing but what is given."""

    def at_layers(self, n: int) -> dict[str, PromptDetector]:
        """Return this detector at each of a model's `n` layers, by name; empty if it has no layer to choose."""
        return {}


class ModelDetector(Detector):
    """Scores how likely a model is to be backdoored."""

    @abstractmethod
    def judge(self, given: DetectorInput) -> Suspicion:
        """Score the model, and report what was found in it."""


NOTHING_INSERTED = Inserted()


@dataclass(frozen=True)
class Suspicion:
    """The verdict of a model-level detector on one model."""

    score: float
    """Higher is more suspicious; comparable between models of one architecture and size."""
    trigger: Inserted = NOTHING_INSERTED
    """The trigger it found; empty if it looks for none."""
    reply: str = ""
    """The behavior it found."""
    facts: dict[str, Any] | None = None
    """Numbers that explain the score."""
