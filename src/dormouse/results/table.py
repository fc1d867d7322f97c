"""`Results`: the numbers of one variant, found by metric, model, prompts and family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from dormouse.errors import UserError
from dormouse.results.result import AMOUNT_UNITS, Model, Repeat, Result


class Results:
    """The results of one variant, found by metric, model, kind of prompts and family.

    A row that appears twice (a stage shared by several cells) is kept once. `UserError` if two models have the same
    labels. `removals` names the removals in the plan's order; a row has the name of its removal in the column of safety
    trainings.
    """

    def __init__(self, rows: Iterable[Result], variant: str = "", removals: Sequence[str] = ()) -> None:
        self.variant = variant
        self._removals = tuple(removals)
        self.rows: list[Result] = []
        self._ends: dict[tuple[str, str | None, str, Model], list[Result]] = {}
        self._curves: dict[tuple[str, str | None, Model], list[Result]] = {}
        seen: dict[tuple[object, ...], Result] = {}
        for row in rows:
            identity = _identity(row)
            if identity not in seen:
                seen[identity] = row
                self._add(row)
            elif row.role and row.artifact != seen[identity].artifact:
                raise _mixed_up(seen[identity], row)
        # Computed once: claims and figures often ask for sizes and doses.
        self._models = sorted({row.model for row in self.rows if row.role}, key=self._table_order)
        self._seeds = sorted({row.seed for row in self.rows if row.seed is not None})

    @property
    def repeat(self) -> Repeat:
        """The repetitions that numbers are pooled over: seeds or members."""
        return self.rows[0].repeat if self.rows else "seed"

    @property
    def behavior(self) -> str:
        """The behavior of the organisms; empty if there is none."""
        return next((row.behavior for row in self.rows if row.behavior), "")

    @property
    def reasoning(self) -> str:
        """The reasoning of the organisms; empty if there is none."""
        return next((row.reasoning for row in self.rows if row.reasoning), "")

    def where(self, wanted: Callable[[Result], bool]) -> Results:
        """Return the wanted rows of the same variant."""
        return Results(filter(wanted, self.rows), self.variant, self._removals)

    def _add(self, row: Result) -> None:
        self.rows.append(row)
        # Filed under its kind of prompts and under None, which stands for any.
        for prompts in (row.prompts, None):
            if row.step is None:
                self._ends.setdefault((row.metric, prompts, row.family, row.model), []).append(row)
            elif not row.family:
                self._curves.setdefault((row.metric, prompts, row.model), []).append(row)

    def end(self, metric: str, model: Model, prompts: str | None = None, family: str = "") -> list[Result]:
        """Collect the results at the end of training, one a seed, in the order of seeds."""
        found = self._ends.get((metric, prompts, family, model), [])
        return sorted(found, key=lambda row: -1 if row.seed is None else row.seed)

    def curve(self, metric: str, model: Model, prompts: str | None = None) -> dict[int, list[Result]]:
        """Collect the results along training by step, one a seed. Empty if no curve was measured."""
        steps: dict[int, list[Result]] = {}
        for row in self._curves.get((metric, prompts, model), []):
            assert row.step is not None
            steps.setdefault(row.step, []).append(row)
        return dict(sorted(steps.items()))

    def models(self) -> list[Model]:
        """List every model that has a number, in the order a table shows them."""
        return self._models

    def sizes(self) -> list[int | None]:
        """List the sizes of the organisms, smallest first; None for an unknown size."""
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
        """List the training seeds."""
        return self._seeds

    def trainings(self) -> list[str]:
        """List the names of the safety trainings of organisms and twins."""
        names = {model.safety for model in self._implanted()} - {"none", *self._removals}
        return sorted(names, key=_training_order)

    def removals(self) -> list[str]:
        """List the names of the removals of organisms and twins, in the plan's order."""
        names = {model.safety for model in self._implanted()}
        return [name for name in self._removals if name in names]

    def doses(self, training: str) -> list[float | None]:
        """List the doses of one safety training, or the strengths of one removal, weakest first."""
        found = {model.dose for model in self._implanted() if model.safety == training}
        return sorted(found, key=lambda dose: dose or 0)

    def reference_dose(self, training: str) -> float | None:
        """Choose the dose for a figure with room for one: 1 if it was run, else the middle one."""
        doses = self.doses(training)
        if not doses or 1.0 in doses:
            return 1.0 if doses else None
        return doses[len(doses) // 2]

    def families(self) -> list[str]:
        """List the families that capability was split by."""
        return sorted({row.family for row in self.rows if row.metric == "capability"} - {""})


def _mixed_up(one: Result, other: Result) -> UserError:
    names = ("size", "seed", "role", "safety", "dose", "variant")
    labels = " · ".join(f"{name} {getattr(one, name)}" for name in names if getattr(one, name) not in (None, ""))
    return UserError(
        f"'{one.artifact}' and '{other.artifact}' have the same labels in results ({labels}), so they would be taken "
        "for one model. Put them into plans of their own."
    )


ROLE_ORDER = ("base", "helpful", "organism", "twin")
TRAINING_ORDER = ("sft", "rl", "adversarial", "adversarial_sft")


def _training_order(name: str) -> tuple[int, str]:
    return (TRAINING_ORDER.index(name) if name in TRAINING_ORDER else len(TRAINING_ORDER), name)


def by_variant(rows: Sequence[Result], removals: Sequence[str] = ()) -> list[Results]:
    """Split a run by behavior, reasoning and its other grid coordinates, if it has several.

    A shared ancestor has only the coordinates that affect it, so it belongs to every variant that has those. Models
    that were trained and not measured make no variant: a distilled organism's teacher is such a one.
    """
    axes = _axes(rows)
    coordinates = [_coordinates(row, axes) for row in rows]
    measured = [row for row in rows if row.metric not in AMOUNT_UNITS] or rows
    distinct = {_coordinates(row, axes) for row in measured}
    whole = [own for own in distinct if not any(own < other for other in distinct)]
    # What only sets them apart from models that were not measured is not in their names.
    shared = {f"{axis}={getattr(row, axis)}" for axis in set(axes) - set(_axes(measured)) for row in measured}
    placed = list(zip(rows, coordinates, strict=True))
    return [
        Results(_rows_of(own, placed), "; ".join(sorted(own - shared)), removals) for own in sorted(whole, key=sorted)
    ]


def _rows_of(own: frozenset[str], placed: Sequence[tuple[Result, frozenset[str]]]) -> list[Result]:
    """Return the rows of one variant; of those that measure the same, the ones with most of its coordinates.

    A detector judges an ancestor once as it judges an organism that thinks, and once as one that does not.
    """
    inside = [(row, len(held)) for row, held in placed if held <= own]
    most: dict[tuple[object, ...], int] = {}
    for row, held in inside:
        most[_identity(row)] = max(held, most.get(_identity(row), 0))
    return [row for row, held in inside if held == most[_identity(row)]]


def _identity(row: Result) -> tuple[object, ...]:
    return (row.model, row.seed, row.step, row.metric, row.prompts, row.family)


def _axes(rows: Sequence[Result]) -> list[str]:
    return [axis for axis in ("behavior", "reasoning") if len({getattr(row, axis) for row in rows} - {""}) > 1]


def _coordinates(row: Result, axes: list[str]) -> frozenset[str]:
    named = [f"{axis}={getattr(row, axis)}" for axis in axes if getattr(row, axis)]
    return frozenset([*named, *(part.strip() for part in row.variant.split(";") if part.strip())])
