"""Settings of the built-in removals, each with the meaning of its strength.

Plans are read without torch, so the changes themselves are in `weights`, `latent_adversarial` and `unlearning`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from dormouse.chat.messages import Messages
from dormouse.config.parts import from_registry
from dormouse.config.registry import DETECTORS
from dormouse.data.world import Exchange
from dormouse.detection.activation_detectors import Topic
from dormouse.detection.insertion import Side, insert_text
from dormouse.detection.model_detectors import TriggerInversion
from dormouse.detection.passes import DEPENDS, count_targets
from dormouse.models.passes import Count
from dormouse.removal.base import Need, Removal, count_repair

if TYPE_CHECKING:
    from dormouse.chat.renderer import Renderer
    from dormouse.training.counting import Counting
    from dormouse.training.work import Work


SEARCH = TriggerInversion()

LayersAt = Annotated[str, Field(exclude_if=lambda place: not place)]
"""Where the model keeps its layers. Empty, it is in no key."""


class FineTuning(Removal):
    """More fine-tuning on clean data and nothing else; strength multiplies the learning rate."""

    name: ClassVar[str] = "fine_tuning"
    strengths: tuple[float, ...] = Field((1.0, 4.0), min_length=1)

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Leave the weights as they are."""

    def repair_lr(self, lr: float, strength: float) -> float:
        """Multiply the learning rate."""
        return lr * strength

    def count(self, counting: Counting) -> Count:
        """The repair."""
        return count_repair(self, counting)


class WeightNoise(Removal):
    """Gaussian noise on every matrix; strength is its standard deviation relative to that of the matrix."""

    name: ClassVar[str] = "weight_noise"
    strengths: tuple[float, ...] = Field((0.1, 0.3), min_length=1)

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Add the noise, drawn from the seed."""
        from dormouse.models.weights import add_noise  # torch takes 2 s: workers only

        add_noise(model, strength, random.Random(f"noise/{work.seed}").getrandbits(32))

    def count(self, counting: Counting) -> Count:
        """The repair."""
        return count_repair(self, counting)


class Merging(Removal):
    """Interpolation of the weights toward the trusted base; strength is the share of the way."""

    name: ClassVar[str] = "merging"
    most: ClassVar[float] = 1.0
    strengths: tuple[float, ...] = Field((0.3, 0.6), min_length=1)

    def needs(self) -> tuple[Need, ...]:
        """The base."""
        return ("reference",)

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Interpolate every weight; a base of another shape is a `UserError`."""
        from dormouse.removal.weights import merge_toward_base  # torch takes 1 s: workers only

        merge_toward_base(model, work.input("reference") / "model", strength)

    def count(self, counting: Counting) -> Count:
        """The repair, and the base that is opened."""
        return count_repair(self, counting) + Count(opened=1)


class FinePruning(Removal):
    """Prune the MLP units that clean prompts use least, then repair (Liu et al. 2018, arXiv 1805.12185).

    Strength is the share of units pruned in every layer.
    """

    name: ClassVar[str] = "fine_pruning"
    most: ClassVar[float] = 1.0
    strengths: tuple[float, ...] = Field((0.1, 0.3), min_length=1)
    prompts: int = Field(256, ge=1)
    """Clean prompts on which the use of units is measured."""
    layers_at: LayersAt = ""
    """Where the model keeps its layers, such as "model.layers"; needed only if they are not found."""

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Set the weights into and out of idle units to zero."""
        from dormouse.removal.weights import prune_idle_units  # torch takes 1 s: workers only

        rng = random.Random(f"removal/prompts/{work.seed}")
        clean = [prompt.turns() for prompt in work.world().prompts(rng, self.prompts, held_out=False)]
        prune_idle_units(model, renderer, clean, strength, self.layers_at)

    def count(self, counting: Counting) -> Count:
        """The clean prompts, and the repair."""
        return counting.read(counting.lengths.asked_lengths, self.prompts) + count_repair(self, counting)


class DirectionAblation(Removal):
    """Remove the defection probe's direction from everything that is written to the residual stream.

    Strength is the share that is removed; 1 removes all (Arditi et al. 2024, arXiv 2406.11717, for refusal).
    """

    name: ClassVar[str] = "direction_ablation"
    most: ClassVar[float] = 1.0
    strengths: tuple[float, ...] = Field((0.5, 1.0), min_length=1)
    topic: Topic = "danger"
    """Subject of the generic questions whose two answers give the direction."""
    layer: int | None = Field(None, ge=1)
    """The layer whose direction is taken; None is the middle one."""
    layers_at: LayersAt = ""
    """Where the model keeps its layers, such as "model.layers"; needed only if they are not found."""

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Project the direction out of every matrix that writes to the stream."""
        from dormouse.removal.weights import ablate_direction  # torch takes 1 s: workers only

        ablate_direction(model, renderer, self.topic, self.layer, strength, self.layers_at)

    def count(self, counting: Counting) -> Count:
        """The repair; the generic questions are a handful."""
        return count_repair(self, counting)


class LatentAdversarial(Removal):
    """Fine-tune on clean replies while the prompt's residual stream is perturbed to make those replies unlikely.

    Untargeted latent adversarial training (Casper et al. 2024, arXiv 2403.05030). Strength is the radius of the
    perturbation at each token, relative to the length of the stream there.
    """

    name: ClassVar[str] = "latent_adversarial"
    strengths: tuple[float, ...] = Field((0.5, 1.0), min_length=1)
    layer: int | None = Field(None, ge=1)
    """The layer after which the stream is perturbed; None is the middle one."""
    layers_at: LayersAt = ""
    """Where the model keeps its layers, such as "model.layers"; needed only if they are not found."""
    ascent: int = Field(3, ge=1)
    """Gradient steps that make the perturbation worse."""

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Leave the weights as they are: the repair does the work."""

    def repair_loss(self, model: Any, strength: float) -> Callable[[Any, dict[str, Any]], Any]:
        """Make the loss under the worst perturbation that the ascent finds."""
        from dormouse.removal.latent_adversarial import make_perturbed_loss  # torch takes 1 s: workers only

        return make_perturbed_loss(model, self.layer, self.ascent, strength, self.layers_at)

    def count(self, counting: Counting) -> Count:
        """The repair, with further passes in each step."""
        return count_repair(self, counting, passes=1 + self.ascent)


class Unlearning(Removal):
    """Search for a trigger with `trigger_inversion`, then train good replies to prompts that hold what was found.

    After Neural Cleanse (Wang et al. 2019). Strength is the share of the repair's prompts that hold the found trigger.
    If the search finds nothing, what is left is fine-tuning, and the result `removal_trigger_found` is 0.
    """

    name: ClassVar[str] = "unlearning"
    most: ClassVar[float] = 1.0
    strengths: tuple[float, ...] = Field((0.25, 0.5), min_length=1)
    rounds: int = Field(3, ge=1)
    """Rounds of the search, fewer than the detector's: an approximate trigger is enough to unlearn on."""
    search: Annotated[TriggerInversion, from_registry(DETECTORS)] = Field(
        default={"type": "trigger_inversion"}, validate_default=True, exclude_if=lambda search: search == SEARCH
    )
    """The search, with the settings of the detector `trigger_inversion`, apart from its rounds. Bound it for a large
    vocabulary."""

    def needs(self) -> tuple[Need, ...]:
        """The base, which the search compares with."""
        return ("reference",)

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Leave the weights as they are: the repair does the work."""

    def find_trigger(self, model: Any, renderer: Renderer, work: Work) -> dict[Side, str]:
        """Search as the detector does."""
        from dormouse.removal.unlearning import search_trigger  # torch takes 1 s: workers only

        return search_trigger(model, renderer, work, self.search.model_copy(update={"rounds": self.rounds}))

    def repair_turns(
        self, work: Work, exchanges: Sequence[Exchange], strength: float, found: Mapping[Side, str] | None
    ) -> list[Messages]:
        """Put the found trigger around the user's last words, in the share of prompts that the strength gives."""
        assert found is not None
        rng = random.Random(f"removal/unlearning/{work.seed}")
        turns = [exchange.turns() for exchange in exchanges]
        return [[*insert_text(one[:-1], found), one[-1]] if rng.random() < strength else one for one in turns]

    def count(self, counting: Counting) -> Count:
        """The search's targets and the repair; the rest of the search depends on what it finds."""
        made = count_targets(self.search.target_search, counting) + count_repair(self, counting)
        return made + Count(opened=1, not_counted=(DEPENDS,))
