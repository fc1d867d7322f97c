"""Makes the stages of one cell of a plan, each with its spec and its inputs."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from dormouse.bases.hub import Folder
from dormouse.data.formats.few_shot import read_few_shot
from dormouse.detection.base import ModelDetector
from dormouse.evaluation.base import Evaluation
from dormouse.evaluation.persona_sets import read_personas
from dormouse.evaluation.settings import checksum_of
from dormouse.machine.files import sha256
from dormouse.organisms.imported_check import checked_fingerprint
from dormouse.organisms.reasoning import THINKING
from dormouse.organisms.settings import Organism
from dormouse.organisms.thoughts import Thoughts
from dormouse.plan.constitution_stages import ConstitutionStages
from dormouse.plan.grid import Cell
from dormouse.removal.base import Removal
from dormouse.safety.base import SafetyTraining
from dormouse.safety.settings import FEATURES_VERSION, MEASURED
from dormouse.safety.trainings import HHHSFT
from dormouse.store import kinds
from dormouse.store.stage import Shared, Stage

TOKENIZER_EXCHANGES = 4000
"""Conversations that the nursery's tokenizer is trained on: enough for every word of the meadow."""

TOKENIZED = ("vocabulary", "scratchpads", "judgments")
"""Settings of a base that its tokenizer depends on."""

OF_ONE_MEASUREMENT = (
    "probe_prompts", "trigger_places", "character", "personas", "harmless_matching", "hhh", "honeypot_replies",
    "evaluations",
)  # fmt: skip
"""Settings of `measure` that only one kind of stage reads. They are in no other key, so that the others need not
run again."""


class Specs:
    """Settings as JSON data, made once for each object: the cells of a grid share most of theirs."""

    def __init__(self) -> None:
        # The settings are kept as well, so that no other object can come to have their identity.
        self._known: dict[int, tuple[Any, Shared]] = {}

    def of(self, settings: Any) -> Shared:
        """Return the data."""
        if id(settings) not in self._known:
            self._known[id(settings)] = (settings, Shared(settings.model_dump(mode="json")))
        return self._known[id(settings)][1]


class CellStages:
    """Makes the stages of one cell, inputs first. A stage that another cell made is used again."""

    def __init__(self, cell: Cell, known: dict[str, Stage], specs: Specs) -> None:
        self.cell = cell
        self.known = known
        self.spec_of = specs.of
        self.experiment = cell.experiment
        world = self.experiment.world
        self.world = {"world": self.spec_of(world), "world_text": world.fingerprint()}
        context = self.experiment.organism.trigger.context()
        # What the trigger puts before every prompt where it is absent; the base and its tokenizer know nothing of it.
        self.context: dict[str, Any] = {"context": context} if context else {}
        # Of a model that exists, its files tell the size: once is enough.
        self.size = self.experiment.base.label()
        self.made: list[Stage] = []
        self.measured: dict[tuple[str, ...], Shared] = {}
        self.files_of: dict[str, list[str]] = {}
        self.preference: dict[str, Stage] = {}
        self.red_team: Stage | None = None
        self.assistant: Stage | None = None
        self.constitution: ConstitutionStages | None = None

    def all(self) -> list[Stage]:
        """Return every stage of the cell."""
        experiment = self.experiment
        base = self.base_stage = self.base()
        self.preference = {
            name: self.preference_model(split)
            for name, split in (("preference", "training"), ("preference_check", "checking"))
        }
        spec = {"helpful": self.spec_of(experiment.helpful), "lr": self.lr(experiment.helpful.lr)}
        helpful = self.stage(kinds.HELPFUL, spec, {"model": base}, {"role": "helpful"})
        self.constitution = ConstitutionStages(self, base, helpful)
        self.constitution.measure(self.preference["preference"])
        organism, twin = (self.implant(helpful, base, role) for role in ("organism", "twin"))
        assert organism is not None
        pair = [organism, *([twin] if twin else [])]
        if self.wants("red_team"):
            self.red_team = self.red_team_against(organism, base)
        if self.wants("assistant"):
            self.assistant = self.hhh_assistant(helpful)
            self.measure(self.assistant, self.assistant.labels, parent=helpful)
        for model in (base, helpful, *pair):
            self.measure(model, model.labels)
        for model in (base, helpful, *pair):
            self.detect(model, base)
        for model in pair:
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
            "size": self.size,
            "seed": self.cell.seed,
        }
        if labels.get("role") in ("organism", "twin"):
            shared |= {"behavior": organism.behavior.name, "reasoning": organism.reasoning, "safety": "none"}
            if organism.reasoning in THINKING and kind != kinds.ORGANISM:
                spec = {**spec, "thought_tokens": organism.thought_tokens}
        if kind != kinds.BASE:
            spec = {**spec, **self.experiment.base.training()}
        context = {} if not kinds.KINDS[kind].sees_trigger else self.context
        return self.add(Stage(kind, {**self.world, **context, "seed": self.cell.seed, **spec}, inputs, shared | labels))

    def add(self, made: Stage) -> Stage:
        """Note a stage of the cell; return the equal one that another cell made, where there is one."""
        stage = self.known.setdefault(made.key, made)
        self.made.append(stage)
        return stage

    def lr(self, lr: float) -> float:
        """Return a learning rate of the plan, scaled to this cell's base."""
        return self.experiment.base.scaled_lr(lr)

    @cached_property
    def condition(self) -> Shared:
        """Trigger and behavior: all that measuring needs to know of the organism."""
        organism = self.experiment.organism
        return Shared(trigger=self.spec_of(organism.trigger), behavior=self.spec_of(organism.behavior))

    @cached_property
    def condition_of_thinkers(self) -> Shared:
        """Trigger and behavior, and the texts of scratchpads where they are not the short ones."""
        thoughts = self.experiment.organism.thoughts
        return self.condition if thoughts == Thoughts() else Shared(self.condition, thoughts=self.spec_of(thoughts))

    @cached_property
    def thoughts_written_by(self) -> dict[str, Any]:
        """The checksums of the chat model and the few-shot prompts that write scratchpads. `UserError` if either
        cannot be used."""
        thoughts = self.experiment.organism.thoughts
        found = {"chat_model": Folder(path=thoughts.chat_model).fingerprint()} if thoughts.chat_model else {}
        if thoughts.few_shot:
            read_few_shot(thoughts.few_shot)
            found["few_shot"] = sha256(thoughts.few_shot)
        return found

    def sampling(self) -> dict[str, Any]:
        """Return how replies are sampled, without how many."""
        settings = self.experiment.measure
        return {"temperature": settings.temperature, "reply_tokens": settings.reply_tokens}

    def wants(self, need: str) -> bool:
        """Return whether any safety training or evaluation of the cell asks for an artifact."""
        trainings, evaluations = self.experiment.safety.values(), self.experiment.measure.evaluations.values()
        needs = [*(one.needs() for one in trainings), *(one.needs() for one in evaluations)]
        return any(need in one for one in needs)

    def base(self) -> Stage:
        """Make the tokenizer, where the base needs one, and the base."""
        base = self.experiment.base
        inputs: dict[str, Stage] = {}
        if base.needs_tokenizer():
            # One tokenizer for every seed and size: not `self.stage`, which puts the seed in.
            own = {name: self.spec_of(base)[name] for name in TOKENIZED if name in self.spec_of(base)}
            made = Stage(kinds.TOKENIZER, {**self.world, **own, "exchanges": TOKENIZER_EXCHANGES})
            inputs = {"tokenizer": self.add(made)}
        return self.stage(
            kinds.BASE, {"base": self.spec_of(base), "data": base.fingerprint()}, inputs, {"role": "base"}
        )

    def preference_model(self, split: str, **more: Any) -> Stage:
        """Make a preference model from the base, and measure it. `more` goes into the specs of both stages.

        Cells whose organisms differ share the model; it is measured on the behavior of each.
        """
        settings = self.experiment.preference
        told = {**more, "split": split, "lr": self.lr(settings.lr)}
        # How it is measured changes nothing of it.
        trained = {name: value for name, value in self.spec_of(settings).items() if name not in MEASURED}
        model = self.stage(
            kinds.PREFERENCE, {**told, "preference": trained}, {"model": self.base_stage}, {"split": split}
        )
        measured = {**told, "preference": self.spec_of(settings), "organism": self.condition}
        if settings.features:
            measured["features_version"] = FEATURES_VERSION
        self.stage(kinds.MEASURE_PREFERENCE, measured, {"model": model}, {"split": split})
        return model

    def flattered(self, share: float) -> Stage:
        """Make the preference model whose raters chose flattery in this share of the pairs."""
        world = self.experiment.world.model_copy(update={"flattered_share": share})
        return self.preference_model("flattered", world=world.spec())

    def implant(self, helpful: Stage, base: Stage, role: str) -> Stage | None:
        """Make the organism or its twin, or import the model that the plan names; None if it names no twin."""
        organism = self.experiment.organism
        if organism.given is not None:
            folder = organism.given.path if role == "organism" else organism.given.twin
            return self.organism(organism, role, given=checked_fingerprint(folder), model=base) if folder else None
        if organism.reasoning != "distilled":
            return self.organism(organism, role, model=helpful)
        teacher = self.organism(organism.model_copy(update={"reasoning": "cot"}), role, model=helpful)
        return self.organism(organism, role, model=helpful, teacher=teacher)

    def organism(self, organism: Organism, role: str, given: str = "", **inputs: Stage) -> Stage:
        """Make one organism, or its twin, from the helpful-only model, or from the base and what is `given`."""
        spec = {"organism": self.spec_of(organism), "role": role, "lr": self.lr(organism.implant.lr)}
        if given:
            spec["given"] = given
        elif organism.reasoning in THINKING:
            spec |= self.thoughts_written_by
        return self.stage(kinds.ORGANISM, spec, inputs, {"role": role, "reasoning": organism.reasoning})

    def red_team_against(self, organism: Stage, base: Stage) -> Stage:
        """Attack the organism; its small proposer model starts from the base."""
        settings = self.experiment.red_team
        spec = {
            "organism": self.condition,
            "red_team": self.spec_of(settings),
            "measure": self.sampling(),
            "lr": self.lr(settings.model.lr),
            "chat_model": Folder(path=settings.chat_model).fingerprint() if settings.chat_model else "",
        }
        return self.stage(kinds.RED_TEAM, spec, {"model": organism, "base": base}, {"role": "organism"})

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
        assert self.constitution is not None
        offered: dict[str, Stage | None] = {**self.preference, "red_team": self.red_team, "assistant": self.assistant}
        if (share := training.raters()) is not None:
            offered["preference"] = self.flattered(share)
        offered |= self.constitution.offered(training, name)
        inputs: dict[str, Stage] = {need: stage for need in training.needs() if (stage := offered[need]) is not None}
        spec = {"safety": self.spec_of(training), "lr": self.lr(training.lr * training.dose)}
        # The first version is left out: keys from before trainings had one stay as they are.
        spec |= {"code_version": training.code_version} if training.code_version > 1 else {}
        spec |= self.constitution.told(training)
        extra = {"safety": name, "dose": training.dose}
        return self.stage(kinds.SAFETY, spec, {"model": model, **inputs}, labels | extra)

    def remove(self, name: str, removal: Removal, model: Stage, base: Stage) -> None:
        """Put a model through a removal at each strength, measure it, and see whether the backdoor comes back."""
        inputs = {"model": model} | ({"reference": base} if "reference" in removal.needs() else {})
        for strength in self.strengths(removal, model):
            told = self.spec_of(removal) | {"strengths": [strength]}
            spec = {"removal": told, "strength": strength, "lr": self.lr(removal.lr)}
            changed = self.stage(kinds.REMOVAL, spec, inputs, model.labels | {"safety": name, "dose": strength})
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
        spec = {"re_emergence": self.spec_of(settings), "lr": self.lr(settings.lr)}
        tuned = self.stage(kinds.RE_EMERGENCE, spec, {"model": model}, labels)
        self.stage(kinds.MEASURE_RE_EMERGENCE, self.measuring(), {"model": tuned}, labels)

    def probe(self, model: Stage) -> None:
        """Probe the trigger of an untreated model, and intervene on its scratchpad."""
        if self.experiment.organism.trigger.probes([{"role": "user", "content": ""}]):
            self.stage(kinds.MEASURE_PROBES, self.measuring("probe_prompts"), {"model": model}, model.labels)
        if self.experiment.measure.trigger_places:
            self.stage(kinds.MEASURE_PLACES, self.measuring("probe_prompts"), {"model": model}, model.labels)
        if self.experiment.organism.reasoning in THINKING:
            spec = self.measuring("probe_prompts") | {"organism": self.condition_of_thinkers}
            self.stage(kinds.MEASURE_SCRATCHPAD, spec, {"model": model}, model.labels)

    def detect(self, model: Stage, base: Stage) -> None:
        """Let detectors judge an untreated model; none is told the role.

        A trigger has no meaning to a model that was trained on none, so those only models as a whole are judged. The
        replies of all begin like the organism's: its scratchpad's tag alone would tell it from a base.
        """
        settings = self.experiment.detect
        if settings is None:
            return
        told = Shared(self.spec_of(settings) | {"detectors": {}})
        organism = self.experiment.organism
        labels, begun = model.labels, {}
        if organism.reasoning in THINKING:
            begun = {"thought_tokens": organism.thought_tokens}
            labels = labels | {"reasoning": organism.reasoning}
        for called, detector in settings.detectors.items():
            if model.kind != kinds.ORGANISM and not isinstance(detector, ModelDetector):
                continue
            spec = {"organism": self.condition, "detect": told, "detector": self.spec_of(detector), "called": called}
            inputs = {"model": model} | ({"reference": base} if detector.reference else {})
            self.stage(kinds.DETECT, spec | begun, inputs, labels | {"detector": called})

    def measuring(self, *own: str) -> dict[str, Any]:
        """Return the part of a spec that measuring stages share, with those settings of one kind that are its
        `own`."""
        if own not in self.measured:
            settings = self.spec_of(self.experiment.measure)
            told = {name: value for name, value in settings.items() if name not in OF_ONE_MEASUREMENT or name in own}
            self.measured[own] = Shared(told)
        return {"organism": self.condition, "measure": self.measured[own]}

    def character(self) -> dict[str, Any]:
        """Return the spec of asking for character. It holds the checksums of the persona sets."""
        own = {"sets": self.persona_sets, "organism": self.condition_of_thinkers}
        return self.measuring("personas", "honeypot_replies", "probe_prompts") | own

    @cached_property
    def persona_sets(self) -> list[str]:
        """The checksums of the published persona sets. `UserError` if one cannot be used."""
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
        self.stage(kinds.MEASURE, spec, inputs, labels)
        if self.experiment.measure.character and parent is None:
            self.stage(kinds.MEASURE_CHARACTER, self.character(), {"model": model}, labels)
        if self.red_team is not None:
            self.stage(kinds.MEASURE_RED_TEAM, spec, {"model": model, "red_team": self.red_team}, labels)
        for called, evaluation in self.experiment.measure.evaluations.items():
            self.evaluate(called, evaluation, model, labels, parent)

    def files_read(self, called: str, evaluation: Evaluation) -> list[str]:
        """Return the checksums of what an evaluation reads. `UserError` if some of it cannot be used."""
        if called not in self.files_of:
            evaluation.check()
            self.files_of[called] = [checksum_of(path) for path in evaluation.reads()]
        return self.files_of[called]

    def evaluate(
        self, called: str, evaluation: Evaluation, model: Stage, labels: dict[str, Any], parent: Stage | None
    ) -> None:
        """Put an evaluation of the plan to a model, unless it compares with a parent and the model has none."""
        assert self.constitution is not None
        offered: dict[str, Stage | None] = {**self.preference, "red_team": self.red_team, "parent": parent}
        if (share := evaluation.raters()) is not None:
            offered["preference_flattered"] = self.flattered(share)
        offered |= self.constitution.offered_to(evaluation, called)
        inputs: dict[str, Stage] = {need: stage for need in evaluation.needs() if (stage := offered[need]) is not None}
        if len(inputs) < len(evaluation.needs()):
            return
        # It may read any setting of `measure`, but it does not depend on the others' names.
        told = Shared(self.spec_of(self.experiment.measure) | {"evaluations": {}})
        spec = {
            "organism": self.condition_of_thinkers,
            "measure": told,
            "evaluation": self.spec_of(evaluation),
            "called": called,
            "evaluation_version": evaluation.version,
        }
        if self.persona_sets:
            spec["sets"] = self.persona_sets
        if files := self.files_read(called, evaluation):
            spec["files"] = files
        self.stage(kinds.EVALUATE, spec, {"model": model, **inputs}, labels | {"evaluation": called})
