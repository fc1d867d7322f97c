"""Measures how fast this machine trains, reads and samples models of a plan's size, and keeps it with its date."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import dormouse
from dormouse.errors import UserError
from dormouse.execute.compute import Compute
from dormouse.execute.worker import environment
from dormouse.machine.files import replace_file
from dormouse.machine.hardware import cores
from dormouse.machine.packages import cache_folder
from dormouse.models.dimensions import Dimensions
from dormouse.models.passes import Count, Passes, Reading, Sampling, Training, operations
from dormouse.safety.settings import CHECK_EVERY

if TYPE_CHECKING:
    from dormouse.safety.trainings import HHHRL

WIDEST, MOST_LAYERS, MOST_TOKENS = 768, 2, 4096
"""Limits of a model that is measured. Wider ones compute as fast, and more layers take as much longer."""
WHOLE = 5_000_000
"""Parameters up to which the model is measured as it is."""
LONGEST = 600.0
"""Seconds after which a measurement is given up."""
MOST_PROCESSES = 8
"""Most processes that measure at a time."""
VERSION = 1
"""Raised when a measurement means something else than before."""
START = 0.15
"""Seconds in which a worker is forked and a stage's files are written: the 65 stages of the quickstart took 0.15 s
each beside their own time."""


@dataclass(frozen=True)
class Line:
    """Seconds as a line in operations: small models wait for each step, and large ones for arithmetic."""

    step: float
    """Seconds of a step without any arithmetic."""
    rate: float
    """Operations a second."""

    @classmethod
    def through(cls, few: tuple[float, float], many: tuple[float, float]) -> Line:
        """Return the line through two measured pairs of operations and seconds, neither part below zero."""
        slope = max((many[1] - few[1]) / (many[0] - few[0]), 0.2 * many[1] / many[0])
        return cls(max(0.0, few[1] - slope * few[0]), 1 / slope)


@dataclass(frozen=True)
class Speed:
    """What was measured of one model."""

    train: Line
    read: Line
    sample: Line
    """A token of all replies in a batch."""
    opening: float
    """Seconds to open the model."""
    setup: float
    """Seconds of a training before its first step and after its last."""
    text: float
    """Seconds to draw a conversation and turn it into tokens."""
    reinforce: float
    """Seconds of a step of reinforcement learning beside its passes."""
    layers: int
    parameters: int
    device: str
    date: str = ""
    busy: float = 0.0
    """Programs that were at work before the measurement: the system's load average, 0 where it has none."""

    def described(self) -> dict[str, Any]:
        """Return the numbers as JSON."""
        return asdict(self)

    @classmethod
    def read_from(cls, content: dict[str, Any]) -> Speed:
        """Return what `described` gave."""
        lines = {name: Line(**content[name]) for name in ("train", "read", "sample")}
        return cls(**{**content, **lines})

    def with_reinforcement(self, step: float, settings: HHHRL, made: Dimensions) -> Speed:
        """Add what a step of reinforcement learning took beyond the passes that it is made of."""
        rows, tokens = settings.batch, 16 + settings.reply_tokens
        read = Reading(rows, tokens, rows)
        passes: tuple[Passes, ...] = (
            Sampling(rows, 16, settings.reply_tokens, settings.reply_tokens, rows),
            # Under the model as it was, and by both preference models.
            read, read, Reading(rows / CHECK_EVERY, tokens, rows),
            Training(1, rows, tokens),
        )  # fmt: skip
        return replace(self, reinforce=max(0.0, step - sum(self.seconds_of(one, made) for one in passes)))

    def seconds(self, count: Count, made: Dimensions) -> float:
        """Return the seconds of a stage."""
        larger = max(1.0, made.parameters / self.parameters)
        around = START + count.opened * self.opening * larger + count.trainings * self.setup * larger
        around += count.texts * self.text + count.reinforced * self.reinforce
        return around + sum(self.seconds_of(one, made) for one in count.passes)

    def seconds_of(self, passes: Passes, made: Dimensions) -> float:
        """Return the seconds of passes of a model."""
        deeper, work = made.layers / self.layers, operations(passes, made)
        if isinstance(passes, Training):
            return passes.steps * passes.passes * self.train.step * deeper + work / self.train.rate
        if isinstance(passes, Reading):
            return passes.batches * self.read.step * deeper + work / self.read.rate
        prompts = Reading(passes.rows, passes.prompt, passes.at_once)
        said = work - operations(prompts, made)
        waiting = passes.batches * passes.longest * self.sample.step * deeper
        return self.seconds_of(prompts, made) + waiting + said / self.sample.rate


class Speeds:
    """The speeds of models of several sizes."""

    def __init__(self, known: Sequence[Speed]) -> None:
        self.known = known

    def of(self, made: Dimensions) -> Speed:
        """Return the speed that was measured at the nearest size."""
        size = as_measured(made).parameters
        return min(self.known, key=lambda speed: abs(math.log(speed.parameters / size)))

    @property
    def date(self) -> str:
        """When the oldest of them was measured."""
        return min(speed.date for speed in self.known)

    @property
    def disturbed(self) -> bool:
        """Whether other programs took half of the cores or more while one of them was measured."""
        return max(speed.busy for speed in self.known) >= cores() / 2


def as_measured(made: Dimensions) -> Dimensions:
    """Return the dimensions at which a model is measured: as it is, or with fewer layers and no wider than needed."""
    if made.parameters <= WHOLE:
        return made
    width, vocabulary = min(made.width, WIDEST), min(made.vocabulary, MOST_TOKENS)
    layers = min(made.layers, MOST_LAYERS)
    return Dimensions(12 * width * width * layers + width * vocabulary, width, layers, vocabulary)


def measure_speeds(sizes: Sequence[Dimensions], compute: Compute, *, again: bool) -> Speeds:
    """Return the speeds of this machine at some of the sizes, from the cache where they were measured before."""
    distinct = sorted({as_measured(made) for made in sizes}, key=lambda made: made.parameters)
    chosen = list(dict.fromkeys((distinct[0], distinct[len(distinct) // 2], distinct[-1])))
    files = [_file(made, compute) for made in chosen]
    known = [] if again else [speed for file in files if (speed := _read(file))]
    if len(known) == len(files):
        return Speeds(known)
    measured = _measure(chosen, compute)
    # Where the cache cannot be written, the next call measures again.
    with contextlib.suppress(OSError):
        for file, speed in zip(files, measured, strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            replace_file(file, json.dumps(speed.described(), indent=1))
    return Speeds(measured)


def _file(made: Dimensions, compute: Compute) -> Path:
    """Return the file in the cache for a model, and for what its speed depends on."""
    own = [asdict(made), compute.device, compute.workers, compute.threads, cores(), platform.node()]
    versions = [dormouse.__version__, *(version(name) for name in ("torch", "transformers", "trl"))]
    digest = hashlib.sha256(json.dumps([own, versions, VERSION]).encode()).hexdigest()
    return cache_folder() / "speed" / f"{digest[:16]}.json"


def _read(file: Path) -> Speed | None:
    """Return what an earlier call measured; None where there is nothing, or nothing that can be read."""
    try:
        return Speed.read_from(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _measure(sizes: Sequence[Dimensions], compute: Compute) -> list[Speed]:
    """Measure in as many processes as a run would have, because they slow each other down; return the means."""
    question = json.dumps({"threads": compute.threads, "models": [asdict(made) for made in sizes]})
    date = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "question").write_text(question, encoding="utf-8")
        n = min(compute.workers, MOST_PROCESSES)
        said = _answers([_start(Path(folder), i, compute.threads) for i in range(n)], Path(folder))
    return [replace(_mean([answer[i] for answer in said]), date=date, busy=busy) for i in range(len(sizes))]


def _start(folder: Path, number: int, threads: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "dormouse.runs.benchmark"]
    # Files take any amount of output; a pipe that nobody reads would stop its writer.
    with (
        (folder / "question").open("rb") as question,
        (folder / f"answer-{number}").open("wb") as answer,
        (folder / f"log-{number}").open("wb") as log,
    ):
        return subprocess.Popen(
            command, stdin=question, stdout=answer, stderr=log, env=os.environ | environment(threads)
        )


def _answers(started: Sequence[subprocess.Popen[bytes]], folder: Path) -> list[list[Speed]]:
    """Wait for the processes and read what they measured; `UserError` if one fails."""
    end, advice = time.monotonic() + LONGEST, "give --gpu NAME to estimate the hours on a GPU instead."
    try:
        for number, process in enumerate(started):
            if process.wait(max(0.0, end - time.monotonic())):
                log = (folder / f"log-{number}").read_text(encoding="utf-8", errors="replace")
                last = (log.strip().splitlines() or ["no message"])[-1]
                raise UserError(
                    f"This machine's speed could not be measured: {last[:300]}. Run dormouse doctor, or {advice}"
                )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"This machine's speed could not be measured in {LONGEST:g} seconds. Wait until it is less busy, or "
            f"{advice}"
        ) from None
    finally:
        for process in started:
            process.kill()
            process.wait()
    answers = [(folder / f"answer-{i}").read_text(encoding="utf-8") for i in range(len(started))]
    return [[Speed.read_from(content) for content in json.loads(answer)] for answer in answers]


def _mean(measured: Sequence[Speed]) -> Speed:
    """Return the mean of what several processes measured."""

    def line(lines: Sequence[Line]) -> Line:
        return Line(fmean(one.step for one in lines), 1 / fmean(1 / one.rate for one in lines))

    return replace(
        measured[0],
        train=line([one.train for one in measured]),
        read=line([one.read for one in measured]),
        sample=line([one.sample for one in measured]),
        opening=fmean(one.opening for one in measured),
        setup=fmean(one.setup for one in measured),
        text=fmean(one.text for one in measured),
        reinforce=fmean(one.reinforce for one in measured),
    )
