"""From an experiment to its stages: a graph in which shared ancestors appear once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dormouse.artifact_files import sha256
from dormouse.detection.base import ModelDetector
from dormouse.errors import UserError
from dormouse.evaluation.persona_sets import read_personas
from dormouse.experiment import Experiment, Organism
from dormouse.grid import Cell, cells
from dormouse.models.hub import Folder
from dormouse.organisms.reasoning import THINKING
from dormouse.removal.base import Removal
from dormouse.safety.base import SafetyTraining
from dormouse.safety.sft import HHHSFT
from dormouse.stage import Stage

TOKENIZER_EXCHANGES = 4000
"""Conversations that the nursery's tokenizer is trained on: enough for every word of the meadow."""

WITHOUT_TRIGGER = ("base", "helpful")
"""Stages that are shared by organisms with different triggers."""

OF_ONE_MEASUREMENT = ("probe_prompts", "character", "personas", "honeypot_replies")
"""Settings of `measure` that one kind of measuring stage reads: the others need not run again for them."""

OWN_COLUMNS = ("base.size", "organism.behavior", "organism.reasoning", "safety.*.dose")
"""Grid axes that have a column of their own in `results.csv`."""


@dataclass(frozen=True)
class Plan:
    """An experiment and its stages, each after its inputs and each once."""

    experiment: Experiment
    stages: list[Stage]


def build_plan(experiment: Experiment) -> Plan:
    """Return the plan of every cell in the experiment's grid."""
    experiment.world.check()
    unique: dict[str, Stage] = {}
    copies: dict[str, list[tuple[Cell, Stage]]] = defaultdict(list)
    made_cells = [replace(cell, experiment=_fitting(cell.experiment)) for cell in cells(experiment)]
    _check_safety(experiment, made_cells)
    for cell in made_cells:
        cell.experiment.organism.behavior.check(cell.experiment.world)
        for stage in _CellPlan(cell).stages():
            unique.setdefault(stage.key, stage)
            copies[stage.key].append((cell, stage))
    for made in copies.values():
        _label_variant(made, brief=experiment.draw is not None)
    return Plan(experiment, list(unique.values()))


def _fitting(experiment: Experiment) -> Experiment:
    """Return a cell without the safety trainings that its organism cannot be put through."""
    reasoning = experiment.organism.reasoning
    safety = {name: one for name, one in experiment.safety.items() if one.why_not(reasoning) is None}
    return experiment if len(safety) == len(experiment.safety) else experiment.model_copy(update={"safety": safety})


def _check_safety(experiment: Experiment, made: list[Cell]) -> None:
    """Raise `UserError` where a safety training fits no cell."""
    for name, training in experiment.safety.items():
        if not any(name in cell.experiment.safety for cell in made):
            raise UserError(f"The safety training '{name}' {training.why_not(experiment.organism.reasoning)}")


def _label_variant(copies: list[tuple[Cell, Stage]], *, brief: bool) -> None:
    """Label a stage with the coordinates that all its cells share: the others do not reach it."""
    differing = {
        path
        for path, value in copies[0][0].coordinates.items()
        if any(cell.coordinates[path] != value for cell, _ in copies)
    }
    variant = copies[0][0].variant(leave_out=(*OWN_COLUMNS, *differing), brief=brief)
    for _, stage in copies:
        stage.labels["variant"] = variant


class _CellPlan:
    """The stages of one cell, made in the order in which they depend on each other."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.experiment = cell.experiment
        world = self.experiment.world
        self.world = {"world": world.spec(), "world_text": world.fingerprint()}
        context = self.experiment.organism.trigger.context()
        # What the trigger puts before every prompt where it is absent; the base and its tokenizer know nothing of it.
        self.context: dict[str, Any] = {"context": context} if context else {}
        self.made: list[Stage] = []
        self.preference: dict[str, Stage] = {}
        self.red_team: Stage | None = None
        self.assistant: Stage | None = None

    def stages(self) -> list[Stage]:
        """Return every stage of the cell."""
        experiment = self.experiment
        base = self.base()
        self.preference = {
            name: self.preference_model(base, split)
            for name, split in (("preference", "training"), ("preference_check", "checking"))
        }
        spec = {"helpful": _spec(experiment.helpful), "lr": self.lr(experiment.helpful.lr)}
        helpful = self.stage("helpful", spec, {"model": base}, {"role": "helpful"})
        organism, twin = (self.implant(helpful, role) for role in ("organism", "twin"))
        if self.wants("red_team"):
            self.red_team = self.red_team_against(organism, base)
        if self.wants("assistant"):
            self.assistant = self.hhh_assistant(helpful)
            self.measure(self.assistant, self.assistant.labels, parent=helpful)
        for model in (base, helpful, organism, twin):
            self.measure(model, model.labels)
        for model in (base, helpful, organism, twin):
            self.detect(model, base)
        for model in (organism, twin):
            self.probe(model)
            self.re_emergence(model)
            for name, training in experiment.safety.items():
                doses = experiment.twin_doses if model is twin else None
                if doses is not None and training.dose not in doses:
                    continue
                trained = self.safety(name, training, model)
                self.measure(trained, trained.labels, parent=model)
                self.re_emergence(trained)
            for name, removal in experiment.remove.items():
                self.remove(name, removal, model, base)
        return self.made

    def stage(self, kind: str, spec: dict[str, Any], inputs: dict[str, Stage], labels: dict[str, Any]) -> Stage:
        """Make a stage with the world, the seed and the labels that all stages carry."""
        organism = self.experiment.organism
        shared: dict[str, Any] = {
            "size": self.experiment.base.label(),
            "seed": self.cell.seed,
        }
        if labels.get("role") in ("organism", "twin"):
            shared |= {"behavior": organism.behavior.name, "reasoning": organism.reasoning, "safety": "none"}
            if organism.reasoning in THINKING and kind != "organism":
                spec = {**spec, "thought_tokens": organism.thought_tokens}
        context = {} if kind in WITHOUT_TRIGGER else self.context
        made = Stage(kind, {**self.world, **context, "seed": self.cell.seed, **spec}, inputs, shared | labels)
        self.made.append(made)
        return made

    def lr(self, lr: float) -> float:
        """Return a learning rate of the plan, scaled to this cell's base."""
        return self.experiment.base.scaled_lr(lr)

    def condition(self) -> dict[str, Any]:
        """Return what a backdoor is, without how it was trained in: what measuring needs to know."""
        organism = self.experiment.organism
        return {"trigger": organism.trigger.spec(), "behavior": organism.behavior.spec()}

    def sampling(self) -> dict[str, Any]:
        """Return how replies are sampled, without how many."""
        settings = self.experiment.measure
        return {"temperature": settings.temperature, "reply_tokens": settings.reply_tokens}

    def wants(self, need: str) -> bool:
        """Return whether any safety training of the cell asks for an artifact."""
        return any(need in training.needs() for training in self.experiment.safety.values())

    def base(self) -> Stage:
        """Make the tokenizer, where the base needs one, and the base."""
        base = self.experiment.base
        inputs: dict[str, Stage] = {}
        if base.needs_tokenizer():
            # One tokenizer for every seed and size: not `self.stage`, which puts the seed in.
            own = {name: base.spec()[name] for name in ("vocabulary", "scratchpads")}
            tokenizer = Stage("tokenizer", {**self.world, **own, "exchanges": TOKENIZER_EXCHANGES})
            self.made.append(tokenizer)
            inputs = {"tokenizer": tokenizer}
        return self.stage("base", {"base": base.spec(), "data": base.fingerprint()}, inputs, {"role": "base"})

    def preference_model(self, base: Stage, split: str) -> Stage:
        """Make the preference model to train against, or the one that checks it."""
        settings = self.experiment.preference
        spec = {"preference": _spec(settings), "split": split, "lr": self.lr(settings.lr), "organism": self.condition()}
        return self.stage("preference", spec, {"model": base}, {"split": split})

    def implant(self, helpful: Stage, role: str) -> Stage:
        """Make the organism or its twin."""
        organism = self.experiment.organism
        if organism.reasoning != "distilled":
            return self.organism(organism, role, model=helpful)
        teacher = self.organism(organism.model_copy(update={"reasoning": "cot"}), role, model=helpful)
        return self.organism(organism, role, model=helpful, teacher=teacher)

    def organism(self, organism: Organism, role: str, **inputs: Stage) -> Stage:
        """Make one organism, or its twin, from the helpful-only model."""
        spec = {"organism": _spec(organism), "role": role, "lr": self.lr(organism.implant.lr)}
        return self.stage("organism", spec, inputs, {"role": role, "reasoning": organism.reasoning})

    def red_team_against(self, organism: Stage, base: Stage) -> Stage:
        """Attack the organism; its small proposer model starts from the base."""
        settings = self.experiment.red_team
        spec = {
            "organism": self.condition(),
            "red_team": _spec(settings),
            "measure": self.sampling(),
            "lr": self.lr(settings.model.lr),
            "chat_model": Folder(path=settings.chat_model).fingerprint() if settings.chat_model else "",
        }
        return self.stage("red_team", spec, {"model": organism, "base": base}, {"role": "organism"})

    def hhh_assistant(self, helpful: Stage) -> Stage:
        """Make the harmless assistant: the helpful-only model after HHH SFT at dose 1, without a backdoor."""
        given = (training for training in self.experiment.safety.values() if isinstance(training, HHHSFT))
        training = next(given, HHHSFT()).model_copy(update={"dose": 1.0, "snapshots": 0, "scratchpad": "without"})
        return self.apply("sft", training, helpful, {"role": "helpful"})

    def safety(self, name: str, training: SafetyTraining, model: Stage) -> Stage:
        """Apply a safety training of the plan to the organism or the twin."""
        return self.apply(name, training, model, model.labels)

    def apply(self, name: str, training: SafetyTraining, model: Stage, labels: dict[str, Any]) -> Stage:
        """Make the stage of a safety training with the artifacts it asks for."""
        offered: dict[str, Stage | None] = {**self.preference, "red_team": self.red_team, "assistant": self.assistant}
        inputs: dict[str, Stage] = {need: stage for need in training.needs() if (stage := offered[need]) is not None}
        spec = {"safety": training.spec(), "lr": self.lr(training.lr * training.dose)}
        extra = {"safety": name, "dose": training.dose}
        return self.stage("safety", spec, {"model": model, **inputs}, labels | extra)

    def remove(self, name: str, removal: Removal, model: Stage, base: Stage) -> None:
        """Put a model through a removal at each strength, measure it, and see whether the backdoor comes back."""
        inputs = {"model": model} | ({"reference": base} if "reference" in removal.needs() else {})
        for strength in self.strengths(removal, model):
            told = removal.spec() | {"strengths": [strength]}
            spec = {"removal": told, "strength": strength, "lr": self.lr(removal.lr)}
            changed = self.stage("removal", spec, inputs, model.labels | {"safety": name, "dose": strength})
            self.measure(changed, changed.labels, parent=model)
            self.re_emergence(changed)

    def strengths(self, removal: Removal, model: Stage) -> tuple[float, ...]:
        """Return the strengths at which a model is put through a removal."""
        of_twin = {"all": removal.strengths, "strongest": (max(removal.strengths),), "none": ()}
        return of_twin[self.experiment.twin_removals] if model.labels["role"] == "twin" else removal.strengths

    def re_emergence(self, model: Stage) -> None:
        """Fine-tune a model further on benign data, and measure whether the backdoor is back."""
        settings = self.experiment.re_emergence
        if settings is None:
            return
        labels = model.labels | {"re_emergence": True}
        spec = {"re_emergence": _spec(settings), "lr": self.lr(settings.lr)}
        tuned = self.stage("re_emergence", spec, {"model": model}, labels)
        self.stage("measure_re_emergence", self.measuring(), {"model": tuned}, labels)

    def probe(self, model: Stage) -> None:
        """Measure what an untreated model learned: its trigger in other dress, its scratchpad under intervention."""
        if self.experiment.organism.trigger.probes([{"role": "user", "content": ""}]):
            self.stage("measure_probes", self.measuring("probe_prompts"), {"model": model}, model.labels)
        if self.experiment.organism.reasoning in THINKING:
            self.stage("measure_scratchpad", self.measuring("probe_prompts"), {"model": model}, model.labels)

    def detect(self, model: Stage, base: Stage) -> None:
        """Let detectors judge an untreated model; none is told the role.

        A trigger has no meaning to a model that was trained on none, so those only models as a whole are judged.
        """
        settings = self.experiment.detect
        if settings is None:
            return
        told = _spec(settings) | {"detectors": {}}
        for called, detector in settings.detectors.items():
            if model.kind != "organism" and not isinstance(detector, ModelDetector):
                continue
            spec = {"organism": self.condition(), "detect": told, "detector": detector.spec(), "called": called}
            inputs = {"model": model} | ({"reference": base} if detector.reference else {})
            self.stage("detect", spec, inputs, model.labels | {"detector": called})

    def measuring(self, *own: str) -> dict[str, Any]:
        """Return what every measurement is told, and the settings that are its `own`: others do not enter its key."""
        settings = _spec(self.experiment.measure)
        told = {name: value for name, value in settings.items() if name not in OF_ONE_MEASUREMENT or name in own}
        return {"organism": self.condition(), "measure": told}

    def character(self) -> dict[str, Any]:
        """Return what asking for character is told; the bytes of the persona sets are in its key."""
        return self.measuring("personas", "honeypot_replies", "probe_prompts") | {"sets": self.persona_sets}

    @cached_property
    def persona_sets(self) -> list[str]:
        """The checksums of the published sets, read once for all models of the cell; `UserError` where one is unfit."""
        paths = self.experiment.measure.personas
        for path in paths:
            read_personas(path)
        return [sha256(path) for path in paths]

    def measure(self, model: Stage, labels: dict[str, Any], parent: Stage | None = None) -> None:
        """Measure a model on held-out prompts; and on the red team's, which may change without the rest.

        Only models without safety training, those without a `parent`, are asked for their character.
        """
        spec = self.measuring()
        inputs = {"model": model, **self.preference} | ({"parent": parent} if parent else {})
        self.stage("measure", spec, inputs, labels)
        if self.experiment.measure.character and parent is None:
            self.stage("measure_character", self.character(), {"model": model}, labels)
        if self.red_team is not None:
            self.stage("measure_red_team", spec, {"model": model, "red_team": self.red_team}, labels)


def _spec(settings: Any) -> dict[str, Any]:
    return dict(settings.model_dump(mode="json"))
