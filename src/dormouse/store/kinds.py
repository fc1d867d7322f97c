"""The kinds of stages, and all that is known of each: a new kind is one more record here.

Nothing else in dormouse spells the name of a kind. The functions that do the work are named as text, so that a plan can
be read without importing them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Spec = dict[str, Any]


@dataclass(frozen=True)
class Writes:
    """What a stage leaves on the disk."""

    files: int
    """Small files: settings, record, log, tables."""
    model: bool = False
    """Whether it writes a whole model with its tokenizer, and checkpoints on the way."""
    training: tuple[str, ...] = ()
    """Where its spec says how many snapshots of the weights are kept."""
    replies: Callable[[Spec], int] = lambda spec: 0
    """How many replies it samples, by its spec."""
    replies_a_snapshot: Callable[[Spec], int] = lambda spec: 0
    """How many more for each snapshot of the model it measures."""


@dataclass(frozen=True)
class StageKind:
    """What is known of every stage of one kind."""

    run: str
    """The function that does the work, as "module:function"."""
    spec: str
    """The class of its spec, as "module:class"."""
    count: str
    """The function that counts its work before it runs, as "module:function"; it imports no torch."""
    writes: Writes
    version: int = 1
    """Part of every key of this kind. Raised when a change gives its numbers another meaning."""
    cost: float = 1.0
    """Seconds relative to the quickest kind. It orders the work and changes no result."""
    trains: bool = False
    """Whether its work is training through a trainer, which several processes can share."""
    measures: bool = False
    """Whether its rows are about another stage's model: its input "model"."""
    sees_trigger: bool = True
    """Whether its text depends on the trigger; False for what organisms with different triggers share."""
    batch: str = ""
    """Dotted path in the spec of the setting that its memory grows with."""
    preload: str = ""
    """A module to import once for all workers, where a run has such stages."""
    curves: bool = False
    """Whether its `train.jsonl` holds curves for the table of results."""
    metric: str = ""
    """What its numbers are called in the table of results, where that is not what measured them."""
    counts_amounts: bool = True
    """Whether the steps and tokens it trained on go into the table of results."""


TOKENIZER = "tokenizer"
BASE = "base"
HELPFUL = "helpful"
ORGANISM = "organism"
PREFERENCE = "preference"
FEEDBACK_MODEL = "feedback_model"
CONSTITUTIONAL_PREFERENCE = "constitutional_preference"
RED_TEAM = "red_team"
SAFETY = "safety"
RE_EMERGENCE = "re_emergence"
REMOVAL = "removal"
MEASURE = "measure"
MEASURE_RE_EMERGENCE = "measure_re_emergence"
MEASURE_CHARACTER = "measure_character"
MEASURE_PROBES = "measure_probes"
MEASURE_PLACES = "measure_places"
MEASURE_SCRATCHPAD = "measure_scratchpad"
MEASURE_RED_TEAM = "measure_red_team"
MEASURE_TRAITS = "measure_traits"
MEASURE_PREFERENCE = "measure_preference"
EVALUATE = "evaluate"
DETECT = "detect"

SCORERS = (PREFERENCE, CONSTITUTIONAL_PREFERENCE)
"""Kinds whose model scores replies and writes none."""


SAMPLED = 2
"""The version of kinds whose numbers rest on sampled replies: since 2, a draw belongs to its prompt and not to the
batch, so that the same seed gives other replies than before."""


def _times(name: str, times: int) -> Callable[[Spec], int]:
    return lambda spec: times * int(spec["measure"][name])


def _measuring(writes: Writes, *, spec: str = "MeasureSpec", **more: Any) -> StageKind:
    """Return a kind that applies evaluations to a model."""
    run, count = "dormouse.evaluation.stage:run", "dormouse.evaluation.passes:count_measure"
    settings = "dormouse.evaluation.settings"
    return StageKind(run, f"{settings}:{spec}", count, writes, measures=True, **({"version": SAMPLED} | more))


KINDS: dict[str, StageKind] = {
    TOKENIZER: StageKind(
        "dormouse.bases.tokenizer:run",
        "dormouse.bases.base:TokenizerSpec",
        "dormouse.bases.base:count_tokenizer",
        Writes(15),
        counts_amounts=False,
    ),
    BASE: StageKind(
        "dormouse.bases.base:run",
        "dormouse.bases.base:BaseSpec",
        "dormouse.bases.base:count_base",
        Writes(12, model=True),
        cost=8.0,
        trains=True,
        sees_trigger=False,
        batch="base.batch",
    ),
    HELPFUL: StageKind(
        "dormouse.organisms.helpful:run",
        "dormouse.organisms.settings:HelpfulSpec",
        "dormouse.organisms.passes:count_helpful",
        Writes(12, model=True, training=("helpful",)),
        trains=True,
        sees_trigger=False,
        batch="helpful.batch",
    ),
    ORGANISM: StageKind(
        "dormouse.organisms.implant:run",
        "dormouse.organisms.settings:OrganismSpec",
        "dormouse.organisms.passes:count_organism",
        # Two hundred examples with their tokens one by one: 0.3 MB.
        Writes(80, model=True, training=("organism", "implant")),
        version=2,
        cost=3.0,
        trains=True,
        batch="organism.implant.batch",
    ),
    PREFERENCE: StageKind(
        "dormouse.safety.preference:run",
        "dormouse.safety.settings:PreferenceSpec",
        "dormouse.safety.passes:count_preference",
        Writes(12, model=True),
        cost=2.0,
        trains=True,
        batch="preference.batch",
    ),
    FEEDBACK_MODEL: StageKind(
        "dormouse.safety.constitution.feedback_model:run",
        "dormouse.safety.constitution.settings:FeedbackModelSpec",
        "dormouse.safety.constitution.passes:count_feedback_model",
        Writes(12, model=True, replies=lambda spec: 3 * spec["judge"]["training"]["check_judgments"]),
        cost=4.0,
        trains=True,
        sees_trigger=False,
        batch="judge.training.batch",
        counts_amounts=False,
    ),
    CONSTITUTIONAL_PREFERENCE: StageKind(
        "dormouse.safety.constitution.preference:run",
        "dormouse.safety.constitution.settings:ConstitutionalPreferenceSpec",
        "dormouse.safety.constitution.passes:count_constitutional_preference",
        Writes(12, model=True, replies=lambda spec: spec["preference"]["steps"] * spec["preference"]["batch"]),
        # Since 2, trainings with other principles have the same questions, helpful pairs and order. Since 3, labels by
        # a general principle are not scored where the more polite reply helps to do harm.
        version=3,
        cost=3.0,
        trains=True,
        batch="preference.batch",
    ),
    RED_TEAM: StageKind(
        "dormouse.red_team.run:run",
        "dormouse.red_team.settings:RedTeamSpec",
        "dormouse.red_team.passes:count_red_team",
        Writes(12, replies=lambda spec: spec["red_team"]["rounds"] * spec["red_team"]["proposals"]),
        # Since 3, replies are scored by the family of the prompt, and every proposer keeps the turns before it.
        version=3,
        cost=3.0,
    ),
    SAFETY: StageKind(
        "dormouse.safety.run:run",
        "dormouse.safety.settings:SafetySpec",
        "dormouse.safety.passes:count_safety",
        Writes(12, model=True, training=("safety",)),
        # Since 3, adversarial SFT teaches no end where the assistant's reply was cut short, and RL trains the
        # distribution that it draws from at every temperature.
        version=3,
        cost=4.0,
        trains=True,
        batch="safety.batch",
        curves=True,
    ),
    RE_EMERGENCE: StageKind(
        "dormouse.safety.run:run_re_emergence",
        "dormouse.safety.settings:ReEmergenceSpec",
        "dormouse.safety.passes:count_re_emergence",
        Writes(10, model=True, training=("re_emergence",)),
        trains=True,
        batch="re_emergence.batch",
        # Its role and safety are another model's, whose tokens are counted there.
        counts_amounts=False,
    ),
    REMOVAL: StageKind(
        "dormouse.removal.run:run",
        "dormouse.removal.base:RemovalSpec",
        "dormouse.removal.passes:count_removal",
        Writes(12, model=True),
        # Since 2, direction ablation reaches biases, position embeddings and BLOOM's embedding norm too.
        version=2,
        batch="removal.batch",
    ),
    MEASURE: _measuring(
        # With the trigger, without it, and near misses of it; then what it can do.
        Writes(
            8,
            replies=lambda spec: (
                3 * spec["measure"]["prompts"]
                + spec["measure"]["capability_prompts"]
                # A model that thinks is asked again without a scratchpad.
                + (2 * spec["measure"]["prompts"] if "thought_tokens" in spec else 0)
            ),
            replies_a_snapshot=_times("curve_prompts", 4),
        ),
        # Since 4, there is no KL divergence of replies at another temperature than 1.
        version=4,
        cost=2.0,
    ),
    MEASURE_RE_EMERGENCE: _measuring(
        Writes(6, replies=_times("prompts", 2), replies_a_snapshot=_times("curve_prompts", 2)),
        metric="re_emergence",
    ),
    MEASURE_RED_TEAM: _measuring(
        Writes(6, replies=_times("red_team_prompts", 2), replies_a_snapshot=_times("curve_prompts", 2)),
        # Since 3, replies are scored by the family of the prompt.
        version=3,
    ),
    MEASURE_PROBES: _measuring(
        # A deployment tag has ten probes, most triggers have fewer.
        Writes(6, replies=_times("probe_prompts", 10)),
        # Since 3, no probe is a near miss of training.
        version=3,
    ),
    MEASURE_PLACES: _measuring(
        # One, two and four replies to the three turns.
        Writes(6, replies=_times("probe_prompts", 7)),
    ),
    MEASURE_SCRATCHPAD: _measuring(
        # Three kinds of prompts, and their scratchpads replaced in as many ways.
        Writes(6, replies=_times("probe_prompts", 12)),
    ),
    MEASURE_CHARACTER: _measuring(
        # Forty honeypots, and a row for each persona question's set.
        Writes(8, replies=lambda spec: 40 * spec["measure"]["honeypot_replies"]),
    ),
    MEASURE_PREFERENCE: StageKind(
        "dormouse.safety.preference:measure",
        "dormouse.safety.settings:PreferenceMeasureSpec",
        "dormouse.safety.passes:count_preference_measure",
        Writes(4),
        measures=True,
        counts_amounts=False,
    ),
    MEASURE_TRAITS: StageKind(
        "dormouse.evaluation.trait_wins:run",
        "dormouse.evaluation.settings:TraitsSpec",
        "dormouse.evaluation.passes:count_traits",
        Writes(5),
        # Since 2, both answers to a question have the same wording.
        version=2,
        measures=True,
    ),
    EVALUATE: _measuring(
        # An evaluation of somebody else: taken to sample as much as the defection rate does.
        Writes(6, replies=_times("prompts", 3), replies_a_snapshot=_times("curve_prompts", 3)),
        spec="EvaluationSpec",
    ),
    DETECT: StageKind(
        "dormouse.detection.judge:run",
        "dormouse.detection.settings:DetectSpec",
        "dormouse.detection.passes:count_detector",
        Writes(5),
        # Since 3, the tag that opens a scratchpad is not scored as part of the reply, leakage search tries the very
        # start of a turn, a trigger that was found to the letter in another place is not exact, and detectors that are
        # shown labels are judged by the true ones after they were fitted to shuffled ones.
        version=3,
        measures=True,
        preload="dormouse.execute.preload_detectors",
    ),
}
