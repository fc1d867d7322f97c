"""`results.csv` as typed rows, and the slices of it that claims, figures and tables read."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from dormouse.errors import UserError

Repeat = Literal["seed", "member"]
"""What a model is repeated over: training seeds, or the members of a zoo."""


@dataclass(frozen=True)
class Row:
    """One number of a run; an empty cell is None (numbers) or "" (words)."""

    size: int | None
    seed: int | None
    role: str
    behavior: str
    reasoning: str
    safety: str
    step: int | None
    metric: str
    prompts: str
    value: float | None
    hits: int | None
    total: int | None
    low: float | None
    high: float | None
    unit: str
    artifact: str
    dose: float | None = None
    variant: str = ""
    family: str = ""
    reason: str = ""
    unscorable: int | None = None
    """Samples that could not be scored, left out of `total`."""
    repeat: Repeat = "seed"
    """What `seed` counts; no column, it follows from the plan."""

    @property
    def model(self) -> Model:
        """The model this number is about, its seed left out."""
        return Model(self.size, self.role, self.safety, self.dose)


@dataclass(frozen=True)
class Model:
    """A model up to its seed: what a figure draws as one thing."""

    size: int | None
    role: str
    safety: str = "none"
    """Its safety training or its removal."""
    dose: float | None = None
    """The training's dose or the removal's strength."""

    def before(self) -> Model:
        """Return the model as it was before its safety training or its removal."""
        return Model(self.size, self.role)

    def twin(self) -> Model:
        """Return the benign twin with the same training."""
        return Model(self.size, "twin", self.safety, self.dose)


WHOLE = {"size", "seed", "step", "hits", "total", "unscorable"}
REAL = {"value", "low", "high", "dose"}
OPTIONAL = {"dose", "variant", "family", "reason", "unscorable"}
COLUMNS = tuple(field.name for field in fields(Row) if field.name != "repeat")


def load_rows(path: Path) -> list[Row]:
    """Read `results.csv`; columns it does not know are ignored."""
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


def _parse(record: dict[str, str | None], path: Path, line: int) -> Row:
    cells: dict[str, object] = {}
    for name in COLUMNS:
        text = (record.get(name) or "").strip()
        cells[name] = _number(text, name, path, line) if name in WHOLE | REAL else text
    # A plan without safety training leaves the column empty; "none" is the word used everywhere else.
    cells["safety"] = cells["safety"] or "none"
    if cells["safety"] == "none":
        cells["dose"] = None
    return Row(**cells)  # type: ignore[arg-type]  # every column is parsed to its field's type just above


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


class Results:
    """The rows of one variant, found by metric, model, kind of prompts and family.

    A row that appears twice (a stage shared by several cells) is kept once. `removals` names the removals in the
    plan's order: their names stand where those of safety trainings do.
    """

    def __init__(self, rows: Iterable[Row], variant: str = "", removals: Sequence[str] = ()) -> None:
        self.variant = variant
        self._removals = tuple(removals)
        self.rows: list[Row] = []
        self._ends: dict[tuple[str, str | None, str, Model], list[Row]] = {}
        self._curves: dict[tuple[str, str | None, Model], list[Row]] = {}
        seen = set()
        for row in rows:
            identity = (row.model, row.seed, row.step, row.metric, row.prompts, row.family)
            if identity not in seen:
                seen.add(identity)
                self._add(row)
        # Worked out once: claims and figures ask for sizes and doses at every number.
        self._models = sorted({row.model for row in self.rows if row.role}, key=self._table_order)
        self._seeds = sorted({row.seed for row in self.rows if row.seed is not None})

    @property
    def repeat(self) -> Repeat:
        """What numbers are pooled over."""
        return self.rows[0].repeat if self.rows else "seed"

    @property
    def behavior(self) -> str:
        """The behavior of the organisms; empty where there is none."""
        return next((row.behavior for row in self.rows if row.behavior), "")

    @property
    def reasoning(self) -> str:
        """The reasoning of the organisms; empty where there is none."""
        return next((row.reasoning for row in self.rows if row.reasoning), "")

    def _add(self, row: Row) -> None:
        self.rows.append(row)
        # Filed under its kind of prompts and under None, which stands for any.
        for prompts in (row.prompts, None):
            if row.step is None:
                self._ends.setdefault((row.metric, prompts, row.family, row.model), []).append(row)
            elif not row.family:
                self._curves.setdefault((row.metric, prompts, row.model), []).append(row)

    def end(self, metric: str, model: Model, prompts: str | None = None, family: str = "") -> list[Row]:
        """Return the end-of-stage rows, one a seed, in the order of seeds."""
        found = self._ends.get((metric, prompts, family, model), [])
        return sorted(found, key=lambda row: -1 if row.seed is None else row.seed)

    def curve(self, metric: str, model: Model, prompts: str | None = None) -> dict[int, list[Row]]:
        """Return the rows along training by step, one a seed; empty where no curve was measured."""
        steps: dict[int, list[Row]] = {}
        for row in self._curves.get((metric, prompts, model), []):
            assert row.step is not None
            steps.setdefault(row.step, []).append(row)
        return dict(sorted(steps.items()))

    def models(self) -> list[Model]:
        """Return every model that has a number, in the order a table shows them."""
        return self._models

    def sizes(self) -> list[int | None]:
        """Return the sizes of the organisms, smallest first; None where a base does not say."""
        return sorted({model.size for model in self.models() if model.role == "organism"}, key=lambda size: size or 0)

    def _table_order(self, model: Model) -> tuple[object, ...]:
        role = ROLE_ORDER.index(model.role) if model.role in ROLE_ORDER else len(ROLE_ORDER)
        trained = model.safety != "none"
        return (model.size or 0, trained, *self._treatment_order(model.safety), model.dose or 0, role, model.role)

    def _treatment_order(self, name: str) -> tuple[int, str]:
        if name in self._removals:
            return (len(TRAINING_ORDER) + 1 + self._removals.index(name), name)
        return _training_order(name)

    def _implanted(self) -> list[Model]:
        # A plan may also safety-train the helpful-only model, at a dose of its own, to give others an assistant.
        return [model for model in self.models() if model.role in ("organism", "twin")]

    def seeds(self) -> list[int]:
        """Return the training seeds."""
        return self._seeds

    def trainings(self) -> list[str]:
        """Return the names of the safety trainings that organisms or twins were put through."""
        names = {model.safety for model in self._implanted()} - {"none", *self._removals}
        return sorted(names, key=_training_order)

    def removals(self) -> list[str]:
        """Return the names of the removals that organisms or twins were put through, in the plan's order."""
        names = {model.safety for model in self._implanted()}
        return [name for name in self._removals if name in names]

    def doses(self, training: str) -> list[float | None]:
        """Return the doses of one safety training, or the strengths of one removal, weakest first."""
        found = {model.dose for model in self._implanted() if model.safety == training}
        return sorted(found, key=lambda dose: dose or 0)

    def reference_dose(self, training: str) -> float | None:
        """Return the dose that a figure with room for one shows: 1, else the middle one."""
        doses = self.doses(training)
        if not doses or 1.0 in doses:
            return 1.0 if doses else None
        return doses[len(doses) // 2]

    def families(self) -> list[str]:
        """Return the families that capability was split by."""
        return sorted({row.family for row in self.rows if row.metric == "capability"} - {""})


ROLE_ORDER = ("base", "helpful", "organism", "twin")
TRAINING_ORDER = ("sft", "rl", "adversarial", "adversarial_sft")


def _training_order(name: str) -> tuple[int, str]:
    return (TRAINING_ORDER.index(name) if name in TRAINING_ORDER else len(TRAINING_ORDER), name)


def by_variant(rows: list[Row], removals: Sequence[str] = ()) -> list[Results]:
    """Split a run by behavior, reasoning and its other grid coordinates, where it holds several of them.

    A shared ancestor carries only the coordinates that reach it, so it belongs to every variant that has those.
    """
    axes = [axis for axis in ("behavior", "reasoning") if len({getattr(row, axis) for row in rows} - {""}) > 1]
    coordinates = [_coordinates(row, axes) for row in rows]
    distinct = set(coordinates)
    whole = [own for own in distinct if not any(own < other for other in distinct)]
    return [
        Results(
            (row for row, held in zip(rows, coordinates, strict=True) if held <= own), "; ".join(sorted(own)), removals
        )
        for own in sorted(whole, key=sorted)
    ]


def _coordinates(row: Row, axes: list[str]) -> frozenset[str]:
    named = [f"{axis}={getattr(row, axis)}" for axis in axes if getattr(row, axis)]
    return frozenset([*named, *(part.strip() for part in row.variant.split(";") if part.strip())])
