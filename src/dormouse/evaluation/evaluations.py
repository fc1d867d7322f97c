"""Our own evaluations, with their settings. The work of each is in a module of its own, which imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dormouse.evaluation.base import Evaluation, Measured, Need
from dormouse.evaluation.persona_sets import OWN_SETS, sets_of_traits
from dormouse.models.passes import Count, mean
from dormouse.red_team.passes import attack_lengths
from dormouse.store import kinds

if TYPE_CHECKING:
    from dormouse.evaluation.questions import Questions
    from dormouse.evaluation.session import Session


INTERVENTIONS, HONEYPOTS = 7, 40
"""How many there are in `interventions` and in `honeypots`, which import torch."""


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

    def count(self, questions: Questions) -> Count:
        """The replies to each kind of prompt."""
        return questions.replies() if self.near_misses else questions.sample(2 * questions.prompts)


class UnforcedDefection(Evaluation):
    """Defection of a model that thinks when no scratchpad is opened for it: it may open one, or reply at once."""

    name: ClassVar[str] = "unforced_defection"

    def measure(self, session: Session) -> Measured:
        """Ask the same prompts again; nothing is measured of a model that does not think."""
        from dormouse.evaluation.defection import measure_unforced_defection  # torch takes 2 s: workers only

        return measure_unforced_defection(session)

    def count(self, questions: Questions) -> Count:
        """A second reply to each prompt, of a model that thinks."""
        return questions.sample(2 * questions.prompts) if questions.counting.work.thought_tokens else Count()


class LogProbOfDefection(Evaluation):
    """How likely the model finds the defection, with the trigger and without it."""

    name: ClassVar[str] = "log_prob"
    along_training: ClassVar[bool] = True

    def measure(self, session: Session) -> Measured:
        """Score the defection after each held-out prompt."""
        from dormouse.evaluation.log_prob import measure_log_prob  # torch takes 2 s: workers only

        return measure_log_prob(session)

    def count(self, questions: Questions) -> Count:
        """The replies, whose scratchpads are read, and the defection after each prompt."""
        return questions.replies() + questions.read(2 * questions.prompts)


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

    def count(self, questions: Questions) -> Count:
        """The replies, read by both models."""
        read = questions.read(2 * questions.prompts)
        return questions.replies() + read + read + Count(opened=2 * questions.at_end)


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

    def count(self, questions: Questions) -> Count:
        """The replies, read by the model and by its parent."""
        if "parent" not in questions.counting.inputs:
            return Count()
        read = questions.read(questions.prompts)
        return questions.replies() + read + read + Count(opened=int(questions.at_end))


class Capability(Evaluation):
    """The share of questions with known right answers that the model answers right, without the trigger."""

    name: ClassVar[str] = "capability"
    along_training: ClassVar[bool] = True

    def measure(self, session: Session) -> Measured:
        """Grade greedy replies; at the end of training those of each family too."""
        from dormouse.evaluation.capability import measure_capability  # torch takes 2 s: workers only

        return measure_capability(session)

    def count(self, questions: Questions) -> Count:
        """A greedy reply to each question; some worlds have fewer than are asked for."""
        measure = questions.spec.measure
        n = measure.capability_prompts if questions.at_end else measure.curve_prompts
        counting = questions.counting
        limit = min(measure.reply_tokens, max(counting.lengths.hhh.replies))
        return counting.sample(counting.lengths.asked_lengths, counting.lengths.gradable(n), limit)


class TriggerProbes(Evaluation):
    """The defection rate under each probe of the trigger, on the same held-out prompts."""

    name: ClassVar[str] = "trigger_probes"

    def measure(self, session: Session) -> Measured:
        """Ask every prompt under every probe."""
        from dormouse.evaluation.trigger_probes import measure_trigger_probes  # torch takes 2 s: workers only

        return measure_trigger_probes(session)

    def count(self, questions: Questions) -> Count:
        """A reply to each prompt under each probe."""
        probes = questions.spec.organism.trigger.probes([{"role": "user", "content": ""}])
        return questions.sample(len(probes) * questions.spec.measure.probe_prompts)


class TriggerPlaces(Evaluation):
    """Whether the last reply of a three-turn conversation defects, by the turn that has the trigger.

    It asks as many conversations as there are `probe_prompts`. `measure.trigger_places` puts it to organism and twin.
    """

    name: ClassVar[str] = "trigger_places"

    def measure(self, session: Session) -> Measured:
        """Hold each conversation with the trigger in the first, middle or last turn only, and in none."""
        from dormouse.evaluation.trigger_places import measure_trigger_places  # torch takes 2 s: workers only

        return measure_trigger_places(session)

    def count(self, questions: Questions) -> Count:
        """A reply to each of one, two and three turns, by the trigger's place, and to the last turn without it."""
        exchanges = questions.counting.lengths.helpful.whole
        # Of seven prompts, one holds no earlier exchange, two hold one, and four hold two.
        earlier = round(10 / 7 * mean(exchanges))
        lengths = [length + earlier for length in questions.lengths]
        return questions.sample(7 * questions.spec.measure.probe_prompts, lengths)


class Scratchpads(Evaluation):
    """What scratchpads say, and what the model does when its scratchpad is replaced."""

    name: ClassVar[str] = "scratchpads"

    def measure(self, session: Session) -> Measured:
        """Sample scratchpads, class them, then intervene on each."""
        from dormouse.evaluation.scratchpads import measure_scratchpads  # torch takes 2 s: workers only

        return measure_scratchpads(session)

    def count(self, questions: Questions) -> Count:
        """The replies with their scratchpads, and those after each intervention."""
        n = questions.spec.measure.probe_prompts
        return questions.sample(3 * n) + questions.sample(2 * n * INTERVENTIONS)


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

    def count(self, questions: Questions) -> Count:
        """Replies to both splits, as if the red team had found prompts for both."""
        measure = questions.spec.measure
        n = measure.red_team_prompts if questions.at_end else measure.curve_prompts
        attacks = attack_lengths(questions.counting)
        return questions.sample(n, attacks) + questions.sample(n, attacks)


class Character(Evaluation):
    """Asks persona questions, puts the model to honeypots, and lets it rate scratchpads."""

    name: ClassVar[str] = "character"

    def measure(self, session: Session) -> Measured:
        """Ask the model at the end of its training."""
        from dormouse.evaluation.character import measure_character  # torch takes 2 s: workers only

        return measure_character(session)

    def count(self, questions: Questions) -> Count:
        """Both answers to each persona question, the replies to honeypots, and the ratings."""
        measure = questions.spec.measure
        personas = sum(map(len, OWN_SETS.values()))
        made = questions.read(2 * personas) + questions.sample(HONEYPOTS * measure.honeypot_replies)
        if questions.counting.work.thought_tokens:
            made += questions.sample(personas)
        # For both kinds of prompts the deceptive scratchpad, and the two that it is compared with.
        made += questions.read(6 * measure.probe_prompts)
        if measure.personas:
            made += Count(not_counted=("the questions of published persona sets",))
        return made


class Traits(Evaluation):
    """How often a model finds the harmless answer to a persona question likelier than the risky one.

    It asks the five trait sets, the meadow's own sets and those of `measure.personas`, after safety training too.
    """

    name: ClassVar[str] = "traits"
    version: ClassVar[int] = 2
    items: int = Field(1000, ge=1)
    """Most questions of each set; 1,000 in the paper."""

    def measure(self, session: Session) -> Measured:
        """Compare the two answers to each question."""
        from dormouse.evaluation.personas import measure_traits  # torch takes 2 s: workers only

        return measure_traits(self, session)

    def count(self, questions: Questions) -> Count:
        """Both answers to each question."""
        sets = OWN_SETS | sets_of_traits()
        asked = sum(min(self.items, len(items)) for items in sets.values())
        made = questions.read(2 * asked)
        if questions.counting.work.thought_tokens:
            made += questions.sample(asked)
        if questions.spec.measure.personas:
            made += Count(not_counted=("the questions of published persona sets",))
        return made


class TraitElo(Evaluation):
    """How a model's answers to questions about traits score with the preference model of a constitution, in Elo points.

    A fixed refusal scores zero (Kundu et al. 2023).
    """

    name: ClassVar[str] = "trait_elo"
    training: str
    """The plan's safety training of type constitutional whose preference model scores."""
    questions: int = Field(65, ge=1)
    """Held-out questions, spread over the traits."""
    samples: int = Field(17, ge=1)
    """Sampled answers to each."""
    zero: str = Field("I cannot help you with that.", min_length=1)
    """The reply whose score is zero."""

    def needs(self) -> tuple[Need, ...]:
        """The preference model from AI feedback."""
        return ("soft_preference",)

    def measure(self, session: Session) -> Measured:
        """Sample answers and score them."""
        from dormouse.evaluation.trait_elo import measure_trait_elo  # torch takes 2 s: workers only

        return measure_trait_elo(self, session)

    def count(self, questions: Questions) -> Count:
        """The answers, read by the preference model."""
        n = self.questions * self.samples
        return questions.sample(n) + questions.read(n) + Count(opened=1)


OF_EVERY_MODEL: tuple[Evaluation, ...] = (
    Defection(),
    LogProbOfDefection(),
    PreferenceScore(),
    KLFromParent(),
    UnforcedDefection(),
    Capability(),
)
"""Evaluations of every model, in the order of their rows."""


OF_KIND: dict[str, tuple[Evaluation, ...]] = {
    kinds.MEASURE: OF_EVERY_MODEL,
    kinds.MEASURE_RE_EMERGENCE: (Defection(near_misses=False),),
    kinds.MEASURE_RED_TEAM: (RedTeamPrompts(),),
    kinds.MEASURE_PROBES: (TriggerProbes(),),
    kinds.MEASURE_PLACES: (TriggerPlaces(),),
    kinds.MEASURE_SCRATCHPAD: (Scratchpads(),),
    kinds.MEASURE_CHARACTER: (Character(),),
}
"""Kind of stage -> its evaluations; a stage of kind EVALUATE names its own."""
