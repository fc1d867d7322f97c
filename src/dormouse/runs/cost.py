"""Estimates what a plan costs before it runs: tokens, operations and hours of every stage."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from dormouse.config.registry import BASES
from dormouse.models.dimensions import Dimensions
from dormouse.models.passes import Count, Reading, Sampling, Training, operations
from dormouse.organisms.settings import OrganismSpec
from dormouse.runs.disk_need import snapshots
from dormouse.runs.sizes import Size, counter, size_of, system_turn, tokenizer_of
from dormouse.store.kinds import BASE, KINDS, ORGANISM, TOKENIZER
from dormouse.store.stage import Stage
from dormouse.store.store import Store
from dormouse.training.counting import Counting
from dormouse.training.text_lengths import TURN, TURN_OF_CHAT_MODELS, TextLengths, count_bytes, count_words
from dormouse.training.work import Work, function_of

TAGS = 6
"""Tokens of a scratchpad's two tags."""
THOUGHTS = 64
"""Scratchpads whose mean length is taken."""
ASKED = [{"role": "user", "content": "What is the capital of France?"}]
"""What they are about."""
NO_SIZE = "stages whose base is not downloaded and does not say its size in its name"


class SpeedOf(Protocol):
    """A machine: this one as measured, or a GPU by its figures."""

    def seconds(self, count: Count, made: Dimensions) -> float:
        """Return the seconds of a stage's work."""
        ...


@dataclass(frozen=True)
class StageCost:
    """A stage's work, and whether it is done."""

    stage: Stage
    count: Count
    size: Dimensions | None
    """None where nobody knows how large its model is."""
    done: bool

    @property
    def trained(self) -> float:
        """Tokens that are trained on, padding included."""
        return sum(one.steps * one.rows * one.tokens for one in self.count.passes if isinstance(one, Training))

    @property
    def sampled(self) -> float:
        """Tokens that are sampled, up to the end of each reply."""
        return sum(one.rows * one.reply for one in self.count.passes if isinstance(one, Sampling))

    @property
    def read(self) -> float:
        """Tokens that are read, padding included: those of prompts before a reply is sampled too."""
        reading = sum(one.rows * one.tokens for one in self.count.passes if isinstance(one, Reading))
        return reading + sum(one.rows * one.prompt for one in self.count.passes if isinstance(one, Sampling))

    @property
    def operations(self) -> float:
        """Floating-point operations; 0 if the size of the model is not known."""
        return sum(operations(one, self.size) for one in self.count.passes) if self.size else 0.0


class Estimator:
    """Counts the work of stages. What many stages share is looked up once."""

    def __init__(self, store: Store, done: Iterable[str] = ()) -> None:
        self.store = store
        self._done = set(done)
        self._sizes: dict[str, Size | None] = {}
        self._lengths: dict[str, TextLengths] = {}
        self._counts: dict[str, Count] = {}
        self._thoughts: dict[str, float] = {}
        self.counted_with: set[str] = set()
        """How tokens of texts were counted."""

    def cost(self, stage: Stage) -> StageCost:
        """Return the work of a stage."""
        size = self.size(stage)
        made = size.made if size else None
        spec = {name: value for name, value in stage.spec.items() if name not in ("seed", "lr")}
        kept = snapshots(stage.inputs["model"]) if "model" in stage.inputs else 0
        thought = self._thought(stage) if stage.spec.get("thought_tokens") or stage.kind == ORGANISM else 0.0
        # Texts are counted with the base's tokenizer.
        told = [stage.kind, spec, sorted(stage.inputs), kept, thought, str(made), _base_of(stage)]
        key = json.dumps(told, sort_keys=True)
        if key not in self._counts:
            self._counts[key] = self._count(stage, made, kept, thought)
        return StageCost(stage, self._counts[key], made, stage.name in self._done)

    def _count(self, stage: Stage, made: Dimensions | None, kept: int, thought: float) -> Count:
        work = Work(stage.kind, {"seed": 0, **stage.spec}, {}, Path())
        counting = Counting(work, self.lengths(stage), frozenset(stage.inputs), kept, thought=thought)
        if made is not None:
            counting = replace(counting, layers=made.layers, vocabulary=made.vocabulary)
        count: Count = function_of(KINDS[stage.kind].count)(counting)
        count += Count(saved=snapshots(stage))
        return count.with_adapters() if stage.spec.get("lora_rank") else count

    def size(self, stage: Stage) -> Size | None:
        """Return the size of the model that a stage makes or reads; a tokenizer's stage has none."""
        base = _base_of(stage)
        if base is None:
            return None
        key = json.dumps(base, sort_keys=True)
        if key not in self._sizes:
            self._sizes[key] = size_of(BASES.build(base))
        return self._sizes[key]

    def sizes(self, costs: Iterable[StageCost]) -> tuple[Size | None, ...]:
        """Return the sizes of the bases of all stages, each once."""
        bases = [cost.stage for cost in costs if cost.stage.kind == BASE]
        return tuple(dict.fromkeys(self.size(stage) for stage in bases))

    def lengths(self, stage: Stage) -> TextLengths:
        """Return the lengths of texts of a stage's world, in its context and in the tokens of its base."""
        base = _base_of(stage)
        made = BASES.build(base) if base is not None else None
        file = (self._made_tokenizer(stage) or tokenizer_of(made)) if made is not None else None
        own = made is None or made.needs_tokenizer()
        key = json.dumps(
            [stage.spec["world"], stage.spec.get("context"), str(file), own, base if not own else None], sort_keys=True
        )
        if key not in self._lengths:
            world = Work(stage.kind, stage.spec, {}, Path()).world()
            count = counter(file) if file else count_words if own else count_bytes
            turn = TURN if own else TURN_OF_CHAT_MODELS
            system = system_turn(made) if made is not None else ""
            self._lengths[key] = TextLengths(world, count, turn, count(system) + turn if system else 0)
        if made is not None:
            words = "words and marks, because the base's tokenizer is not made yet" if own else "bytes / 4"
            self.counted_with.add("the base's tokenizer" if file else words)
        return self._lengths[key]

    def _made_tokenizer(self, stage: Stage) -> Path | None:
        """Return the file of the tokenizer that the store has for a stage's base, made for it or taken in with it."""
        root = _ancestor(stage, BASE)
        if root is None:
            return None
        apart = root.inputs.get("tokenizer")
        source, folder = (root, "model") if apart is None else (apart, "tokenizer")
        return self.store.checked(source, f"{folder}/tokenizer.json") if source.name in self._done else None

    def _thought(self, stage: Stage) -> float:
        """Return the mean length of the scratchpads that a model is trained on, with their tags."""
        source = _ancestor(stage, ORGANISM)
        if source is None:
            return 0.0
        organism = Work(source.kind, {"seed": 0, **source.spec}, {}, Path()).told(OrganismSpec).organism
        told = [source.spec["organism"][name] for name in ("trigger", "behavior")]
        key = json.dumps([*told, organism.thoughts.kind, _base_of(source)], sort_keys=True)
        if key not in self._thoughts:
            count = self.lengths(source).count
            writer, rng = organism.thoughts.writer(organism.trigger, organism.behavior, count), random.Random(0)
            texts = [writer.draw("deployed", rng, ASKED) for _ in range(THOUGHTS)]
            self._thoughts[key] = sum(map(count, texts)) / len(texts) + TAGS
        return self._thoughts[key]


def _ancestor(stage: Stage, kind: str) -> Stage | None:
    """Return the stage of a kind that a stage's model comes from, or the stage itself."""
    one: Stage | None = stage
    while one is not None and one.kind != kind:
        one = one.inputs.get("model") or one.inputs.get("base")
    return one


def _base_of(stage: Stage) -> dict[str, Any] | None:
    root = _ancestor(stage, BASE)
    return root.spec["base"] if root else None


@dataclass
class Total:
    """The sum of stages."""

    stages: int = 0
    done: int = 0
    trained: float = 0
    sampled: float = 0
    read: float = 0
    operations: float = 0
    seconds: float = 0
    not_counted: Counter[str] = field(default_factory=Counter)

    def add(self, cost: StageCost, seconds: float) -> None:
        """Add a stage."""
        self.stages += 1
        self.done += cost.done
        self.trained += cost.trained
        self.sampled += cost.sampled
        self.read += cost.read
        self.operations += cost.operations
        self.seconds += seconds
        self.not_counted.update(cost.count.not_counted)
        if cost.size is None and cost.stage.kind != TOKENIZER:
            self.not_counted[NO_SIZE] += 1

    def described(self) -> dict[str, Any]:
        """Return the numbers as JSON."""
        return {
            "stages": self.stages,
            "done": self.done,
            "tokens_trained": round(self.trained),
            "tokens_sampled": round(self.sampled),
            "tokens_read": round(self.read),
            "flops": self.operations,
            "seconds": round(self.seconds, 1),
        }


def totals(costs: Sequence[StageCost], seconds: dict[str, float]) -> tuple[dict[str, Total], Total]:
    """Return the sums by kind, and of all."""
    by_kind: dict[str, Total] = {}
    whole = Total()
    for cost in costs:
        own = seconds.get(cost.stage.key, 0.0)
        by_kind.setdefault(cost.stage.kind, Total()).add(cost, own)
        whole.add(cost, own)
    return by_kind, whole
