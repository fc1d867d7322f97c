"""`Result`: one measured number with its labels, as claims, figures, tables and `results.csv` use it."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from dormouse.errors import UserError
from dormouse.machine.files import replace_file
from dormouse.results.rates import NotMeasured, Rate, judgeable, pool

Repeat = Literal["seed", "member"]
"""The repetitions of a model: training seeds, or the members of a zoo."""


@dataclass(frozen=True)
class Model:
    """A model without its seed. Figures draw it as one thing."""

    size: int | None
    role: str
    safety: str = "none"
    """Its safety training or its removal."""
    dose: float | None = None
    """The training's dose or the removal's strength."""

    def before(self) -> Model:
        """Return the model before its safety training or removal."""
        return Model(self.size, self.role)

    def twin(self) -> Model:
        """Return the benign twin with the same training."""
        return Model(self.size, "twin", self.safety, self.dose)


@dataclass(frozen=True, kw_only=True)
class Result:
    """One number of a run with its labels. An unknown number is None; an unknown word is "".

    The fields are the columns of `results.csv`, in order.
    """

    size: int | None = None
    seed: int | None = None
    role: str = ""
    behavior: str = ""
    reasoning: str = ""
    safety: str = ""
    """The name of the safety training or removal; "none" or "" if there was none."""
    step: int | None = None
    """The training step; None at the end of training."""
    metric: str
    prompts: str = ""
    value: float | None = None
    hits: int | None = None
    total: int | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    artifact: str = ""
    dose: float | None = None
    variant: str = ""
    family: str = ""
    reason: str = ""
    """Why there is no value."""
    unscorable: int | None = None
    """Samples that could not be scored. `total` leaves them out."""
    repeat: Repeat = "seed"
    """What `seed` counts. Not a column: the plan says it."""

    @classmethod
    def of_rate(cls, rate: Rate, **labels: Any) -> Result:
        """Make a result of a proportion."""
        low, high = rate.interval
        counts: dict[str, Any] = {"hits": rate.hits, "total": rate.total, "unscorable": rate.unscorable}
        return cls(value=rate.value, low=low, high=high, unit="fraction", **counts, **labels)

    @classmethod
    def of_line(cls, line: Mapping[str, Any], labels: Mapping[str, Any]) -> Result:
        """Make a result of a line of `rows.jsonl` and the labels of its stage. Other keys of the line are ignored."""
        cells = dict(labels) | dict(line)
        return cls(**{name: cell for name, cell in cells.items() if name in COLUMNS and cell is not None})

    def line(self) -> dict[str, Any]:
        """Return its line in `rows.jsonl`: the number without the labels of its stage."""
        return {name: getattr(self, name) for name in MEASURED}

    @property
    def rate(self) -> Rate | NotMeasured:
        """The proportion, or why there is none."""
        if self.hits is None or not self.total:
            return NotMeasured(self.reason)
        rate = Rate(self.hits, self.total, self.unscorable or 0)
        return rate if self.low is None or self.high is None else rate.within((self.low, self.high))

    @property
    def model(self) -> Model:
        """The model this number is about, without its seed."""
        return Model(self.size, self.role) if self.untreated else Model(self.size, self.role, self.safety, self.dose)

    @property
    def untreated(self) -> bool:
        """Whether the model had neither a safety training nor a removal."""
        return self.safety in ("", "none")


COLUMNS = tuple(field.name for field in fields(Result) if field.name != "repeat")
MEASURED = (
    "step", "metric", "prompts", "family", "value", "hits", "total", "unscorable", "low", "high", "unit", "reason",
)  # fmt: skip
"""The keys of a line of `rows.jsonl`, in order."""
WHOLE = {"size", "seed", "step", "hits", "total", "unscorable"}
REAL = {"value", "low", "high", "dose"}
AMOUNT_UNITS = {"tokens_trained": "tokens", "reply_tokens_trained": "tokens", "training_steps": "steps"}
"""Metrics of how much a model was trained, and their units: known without measuring the model."""
OPTIONAL = {"dose", "variant", "family", "reason", "unscorable"}
"""Columns that older tables lack."""


def rate_over_seeds(results: Sequence[Result]) -> Rate | NotMeasured:
    """Pool a proportion over seeds, if at least half of all samples were scored.

    A seed without any scored sample adds to the unscorable samples.
    """
    rates = [rate for _, rate in rates_by_seed(results)]
    if not rates:
        return why_missing(results)
    left_out = sum(result.unscorable or 0 for result in results if isinstance(result.rate, NotMeasured))
    whole = pool(rates)
    return judgeable(replace(whole, unscorable=whole.unscorable + left_out))


def rates_by_seed(results: Sequence[Result]) -> list[tuple[int | None, Rate]]:
    """Return seed and rate of each result that is a proportion."""
    return [(result.seed, rate) for result in results if isinstance(rate := result.rate, Rate)]


def paired_rates(one: Sequence[Result], other: Sequence[Result]) -> list[tuple[Rate, Rate]] | NotMeasured:
    """Find the two rates of every seed that has both. `NotMeasured` if there is none or too little was scored."""
    for results in (one, other):
        whole = rate_over_seeds(results)
        if isinstance(whole, NotMeasured):
            return whole
    others = dict(rates_by_seed(other))
    pairs = [(rate, others[seed]) for seed, rate in rates_by_seed(one) if seed in others]
    return pairs or why_missing([*one, *other])


def why_missing(results: Sequence[Result]) -> NotMeasured:
    """Find the first reason that the results give."""
    return NotMeasured(next((result.reason for result in results if result.reason), "not measured in this run"))


def write_csv(results: Iterable[Result], path: Path) -> None:
    """Write `results.csv` in one step. The same results give the same bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        writer.writerow([_cell(getattr(result, name)) for name in COLUMNS])
    replace_file(path, text.getvalue())


def _cell(value: Any) -> str:
    """Write the shortest text that reads back as the same number; "" for the open end of an interval."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def read_csv(path: Path) -> list[Result]:
    """Read `results.csv`. Unknown columns are ignored."""
    if not path.is_file():
        raise UserError(f"There is no results table at {path}. Run the plan first: dormouse run.")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ()) and name not in OPTIONAL]
        if missing:
            raise UserError(
                f"{path} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}. "
                "Run the plan again to write a whole table: finished stages are not repeated."
            )
        return [_parse(record, path, reader.line_num) for record in reader]


def _parse(record: dict[str, str | None], path: Path, line: int) -> Result:
    cells: dict[str, Any] = {}
    for name in COLUMNS:
        text = (record.get(name) or "").strip()
        cells[name] = _number(text, name, path, line) if name in WHOLE | REAL else text
    return Result(**cells)


def _number(text: str, name: str, path: Path, line: int) -> int | float | None:
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        raise UserError(
            f"{path}, line {line}: '{text}' in column '{name}' is not a number. Put a number there or leave it empty."
        ) from None
    if math.isnan(number):
        return None
    if name not in WHOLE:
        return number
    if not number.is_integer():
        raise UserError(f"{path}, line {line}: '{text}' in column '{name}' is not a whole number. Correct it.")
    return int(number)
