"""Prints what a plan is estimated to cost: a table by kind of stage, the disk, the hours, and what is assumed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dormouse.cli.arguments import Choice
from dormouse.cli.console import out, print_line, table
from dormouse.execute.compute import Compute
from dormouse.execute.compute import choose as choose_compute
from dormouse.runs.cost import NO_SIZE, Estimator, SpeedOf, StageCost, Total, totals
from dormouse.runs.disk_need import DiskNeed, disk_need
from dormouse.runs.gpus import BANDWIDTH_USED, GPU, SECONDS_A_LAYER, UTILIZATION, GPUSpeed, gpu_named
from dormouse.runs.sizes import Size
from dormouse.runs.speed import Speeds, measure_speeds
from dormouse.runs.timetable import makespan
from dormouse.store.kinds import TOKENIZER

ASSUMED = (
    "Sampled replies are taken to be as long as the world's own, and a batch to go on to the limit; the red team's "
    "prompts to be as long as in the quickstart; the red team to find prompts. Scoring of replies is not counted."
)
OF_A_TOKENIZER = 0.5
"""Seconds of the stage that trains a tokenizer, apart from its conversations."""


@dataclass(frozen=True)
class Where:
    """The machine that hours are estimated for."""

    name: str
    about: str
    workers: int
    speeds: Speeds | None = None
    gpu: GPU | None = None

    def seconds(self, cost: StageCost) -> float | None:
        """Return the seconds of a stage; None if the size of its model is not known."""
        if cost.stage.kind == TOKENIZER:
            text = self.speeds.known[0].text if self.speeds else 0.0
            return OF_A_TOKENIZER + cost.count.texts * text
        if cost.size is None:
            return None
        speed: SpeedOf
        if self.gpu is not None:
            speed = GPUSpeed(self.gpu, weights_on_gpu(cost))
        else:
            assert self.speeds is not None
            speed = self.speeds.of(cost.size)
        return speed.seconds(cost.count, cost.size)


@dataclass(frozen=True)
class Estimate:
    """What a plan costs, as far as it can be told before it runs."""

    where: Where
    kinds: Mapping[str, Total]
    whole: Total
    sizes: tuple[Size | None, ...]
    """Of its bases, each once."""
    left: float
    """Seconds until all stages that are not done have run."""
    in_all: float
    disk: DiskNeed
    counted_with: tuple[str, ...]
    too_large: bool

    def described(self) -> dict[str, Any]:
        """Return the numbers as JSON."""
        return {
            "estimate": True,
            "where": self.where.name,
            "speed": self.where.about,
            "parameters": [size.made.parameters if size else None for size in self.sizes],
            "size_from": [size.source if size else None for size in self.sizes],
            "total": self.whole.described(),
            "kinds": {kind: total.described() for kind, total in self.kinds.items()},
            "hours_left": None if NO_SIZE in self.whole.not_counted else round(self.left / 3600, 4),
            "hours_in_all": None if NO_SIZE in self.whole.not_counted else round(self.in_all / 3600, 4),
            "disk": self.disk.described(),
            "tokens_counted_with": list(self.counted_with),
            "not_counted": dict(self.whole.not_counted),
            "fits_gpu": not self.too_large if self.where.gpu else None,
            "assumed": ASSUMED,
        }


def estimate(choice: Choice, *, gpu: str = "", measure: bool = False) -> Estimate:
    """Estimate the cost of a plan on a named GPU, or on this machine, whose speed is measured if it is not known."""
    named = gpu_named(gpu) if gpu else None
    plan, store = choice.plan(), choice.store
    done = set(store.names())
    estimator = Estimator(store, done)
    costs = [estimator.cost(stage) for stage in plan.stages]
    compute = choose_compute(plan.experiment.execute, plan.sizes())
    where = _on(named) if named else _here(costs, compute, measure=measure)
    seconds = {cost.stage.key: where.seconds(cost) or 0.0 for cost in costs}
    kinds, whole = totals(costs, seconds)
    missing = {cost.stage.key: seconds[cost.stage.key] for cost in costs if not cost.done}
    return Estimate(
        where,
        kinds,
        whole,
        estimator.sizes(costs),
        makespan(plan.stages, missing, where.workers),
        makespan(plan.stages, seconds, where.workers),
        disk_need([cost.stage for cost in costs if not cost.done], store, compute.workers),
        tuple(sorted(estimator.counted_with)),
        named is not None and any(_too_large(cost, named) for cost in costs),
    )


def weights_on_gpu(cost: StageCost) -> str:
    """Return the number format that weights have on a GPU: a plan that trains all of them keeps them in float32."""
    return "bfloat16" if cost.stage.spec.get("lora_rank") else "float32"


def _too_large(cost: StageCost, gpu: GPU) -> bool:
    speed = GPUSpeed(gpu, weights_on_gpu(cost))
    adapters = bool(cost.stage.spec.get("lora_rank"))
    return bool(cost.size and cost.count.trainings and speed.too_large(cost.size, adapters=adapters))


def _on(gpu: GPU) -> Where:
    figures = (
        f"{gpu.bfloat16 / 1e12:g} TFLOPS in bfloat16, {gpu.float32 / 1e12:g} in float32 and {gpu.bandwidth / 1e12:g} "
        f"TB/s, as published ({gpu.source})"
    )
    assumed = (
        f"arithmetic is taken to reach {UTILIZATION:.0%} of that and memory {BANDWIDTH_USED:.0%}, a layer's launch to "
        f"take {1e3 * SECONDS_A_LAYER:g} ms, and replies to be sampled by Transformers"
    )
    return Where(gpu.name, f"{figures}; {assumed}", 1, gpu=gpu)


def _here(costs: Iterable[StageCost], compute: Compute, *, measure: bool) -> Where:
    made = [cost.size for cost in costs if cost.size is not None]
    if not made:
        return Where("this machine", "not measured: the size of no base is known", compute.workers, Speeds(()))
    speeds = measure_speeds(made, compute, again=measure)
    beside = " beside other programs, so it is too low" if speeds.disturbed else ""
    about = f"measured here on {speeds.date}{beside}; --measure repeats it"
    return Where("this machine", about, compute.workers, speeds)


def print_estimate(found: Estimate) -> None:
    """Print the table by kind, and lines on size, disk and time."""
    names = ("stage", "number", "done", "trained", "sampled", "read", "FLOPs", "time")
    shown = table(*names, right=names[1:])
    for kind, total in [*found.kinds.items(), ("all", found.whole)]:
        shown.add_row(kind, *_cells(total))
    out().print(shown)
    print_line("Trained, sampled and read are tokens, with padding; time is that of all stages, one after the other.")
    for size in found.sizes:
        known = f"{size.made.parameters:,} parameters, by {size.source}" if size else "size not known"
        print_line(f"Base: {known}.")
    print_line(f"Disk: the run {found.disk}.")
    print_line(f"Time on {found.where.name}: {_hours(found)}")
    print_line(f"Speed: {found.where.about}.")
    if found.too_large:
        print_line("This GPU's memory is too small to train a model of the plan: weights and optimizer do not fit.")
    for what, n in found.whole.not_counted.items():
        print_line(f"Not counted: {what} ({n} stages).")
    print_line(f"This is an estimate, not a result. Tokens are counted with {' and '.join(found.counted_with)}.")
    print_line(ASSUMED)


def _hours(found: Estimate) -> str:
    if NO_SIZE in found.whole.not_counted:
        return "not estimated. Download the base (run the plan once), or give a folder."
    at_once = f"{found.where.workers} stages" if found.where.workers > 1 else "one stage"
    return f"{duration(found.left)} left of {duration(found.in_all)}, {at_once} at a time."


def duration(seconds: float) -> str:
    """Return a time in words, with two figures."""
    for unit, size in (("hours", 3600), ("minutes", 60)):
        if seconds >= 1.5 * size:
            return f"{float(f'{seconds / size:.2g}'):g} {unit}"
    return f"{float(f'{seconds:.2g}'):g} seconds"


def amount(n: float) -> str:
    """Return a large number with three figures: 1.13 M."""
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n:.0f}"


def _cells(total: Total) -> tuple[str, ...]:
    tokens = (amount(n) if n else "" for n in (total.trained, total.sampled, total.read))
    done = str(total.done) if total.done else ""
    return (str(total.stages), done, *tokens, f"{total.operations:.1e}", duration(total.seconds))
