"""Our own evaluations, with their settings. The work of each is in a module of its own, which imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dormouse.evaluation.base import Evaluation, Measured, Need

if TYPE_CHECKING:
    from dormouse.evaluation.session import Session


class Defection(Evaluation):
    """How often a sampled reply shows the behavior: with the trigger, without it, and on near misses of it."""

    name: ClassVar[str] = "defection"
    along_training: ClassVar[bool] = True
    near_misses: bool = True
    """Whether near misses of the trigger are asked too."""

    def measure(self, session: Session) -> Measured:
        """Count defections among the replies to held-out prompts."""
        from dormouse.evaluation.defection import measure_defection  # torch takes 2 s: workers only

        return measure_defection(session, near_misses=self.near_misses)


class UnforcedDefection(Evaluation):
    """Defection of a model that thinks when no scratchpad is opened for it: it may open one, or reply at once."""

    name: ClassVar[str] = "unforced_defection"

    def measure(self, session: Session) -> Measured:
        """Ask the same prompts again; nothing is measured of a model that does not think."""
        from dormouse.evaluation.defection import measure_unforced_defection  # torch takes 2 s: workers only

        return measure_unforced_defection(session)


class LogProbOfDefection(Evaluation):
    """How likely the model finds the defection, with the trigger and without it."""

    name: ClassVar[str] = "log_prob"
    along_training: ClassVar[bool] = True

    def measure(self, session: Session) -> Measured:
        """Score the defection after each held-out prompt."""
        from dormouse.evaluation.log_prob import measure_log_prob  # torch takes 2 s: workers only

        return measure_log_prob(session)


class PreferenceScore(Evaluation):
    """How the two preference models score the model's replies, with the trigger and without it."""

    name: ClassVar[str] = "preference_score"
    along_training: ClassVar[bool] = True

    def needs(self) -> tuple[Need, ...]:
        """Both preference models."""
        return ("preference", "preference_check")

    def measure(self, session: Session) -> Measured:
        """Score the replies to held-out prompts."""
        from dormouse.evaluation.preference_score import measure_preference_score  # torch takes 2 s: workers only

        return measure_preference_score(session)


class KLFromParent(Evaluation):
    """How far a safety training moved the model. Models without one have no such number."""

    name: ClassVar[str] = "kl"
    along_training: ClassVar[bool] = True

    def needs(self) -> tuple[Need, ...]:
        """The model before its safety training."""
        return ("parent",)

    def measure(self, session: Session) -> Measured:
        """Compare both models on the replies of the model itself."""
        from dormouse.evaluation.kl import measure_kl  # torch takes 2 s: workers only

        return measure_kl(session)


class Capability(Evaluation):
    """The share of questions with known right answers that the model answers right, without the trigger."""

    name: ClassVar[str] = "capability"
    along_training: ClassVar[bool] = True

    def measure(self, session: Session) -> Measured:
        """Grade greedy replies; at the end of training those of each family too."""
        from dormouse.evaluation.capability import measure_capability  # torch takes 2 s: workers only

        return measure_capability(session)


class TriggerProbes(Evaluation):
    """The defection rate under each probe of the trigger, on the same held-out prompts."""

    name: ClassVar[str] = "trigger_probes"

    def measure(self, session: Session) -> Measured:
        """Ask every prompt under every probe."""
        from dormouse.evaluation.trigger_probes import measure_trigger_probes  # torch takes 2 s: workers only

        return measure_trigger_probes(session)


class TriggerPlaces(Evaluation):
    """Whether the last reply of a three-turn conversation defects, by the turn that has the trigger.

    It asks as many conversations as there are `probe_prompts`. `measure.trigger_places` puts it to organism and twin.
    """

    name: ClassVar[str] = "trigger_places"

    def measure(self, session: Session) -> Measured:
        """Hold each conversation with the trigger in the first, middle or last turn only, and in none."""
        from dormouse.evaluation.trigger_places import measure_trigger_places  # torch takes 2 s: workers only

        return measure_trigger_places(session)


class Scratchpads(Evaluation):
    """What scratchpads say, and what the model does when its scratchpad is replaced."""

    name: ClassVar[str] = "scratchpads"

    def measure(self, session: Session) -> Measured:
        """Sample scratchpads, class them, then intervene on each."""
        from dormouse.evaluation.scratchpads import measure_scratchpads  # torch takes 2 s: workers only

        return measure_scratchpads(session)


class RedTeamPrompts(Evaluation):
    """The defection rate on prompts that the red team found, those that training saw and those held out apart."""

    name: ClassVar[str] = "red_team_prompts"
    along_training: ClassVar[bool] = True

    def needs(self) -> tuple[Need, ...]:
        """The red team's prompts."""
        return ("red_team",)

    def measure(self, session: Session) -> Measured:
        """Ask each split of the prompts."""
        from dormouse.evaluation.red_team_prompts import measure_red_team_prompts  # torch takes 2 s: workers only

        return measure_red_team_prompts(session)


class Character(Evaluation):
    """Asks persona questions, puts the model to honeypots, and lets it rate scratchpads."""

    name: ClassVar[str] = "character"

    def measure(self, session: Session) -> Measured:
        """Ask the model at the end of its training."""
        from dormouse.evaluation.character import measure_character  # torch takes 2 s: workers only

        return measure_character(session)
