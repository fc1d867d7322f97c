"""Figures of persistence against size, and against the amount of safety training."""

from __future__ import annotations

from dormouse.report.claims.claim import Run
from dormouse.report.claims.controls import kept
from dormouse.report.claims.scale import gain_by_seed, kl_by_seed, persistence_by_seed
from dormouse.report.extensions import not_for_a_zoo
from dormouse.report.figures.rates import coverage
from dormouse.report.figures.style import (
    DOSE_RAMP,
    INK,
    SIZE_RAMP,
    Figure,
    Json,
    Key,
    Panel,
    axis,
    layout,
    percent_axis,
    ramp,
    role_color,
    size_axis,
)
from dormouse.report.figures.traces import line, scatter
from dormouse.report.words import sentence, size_words, training_words
from dormouse.results.result import Model
from dormouse.results.table import Results


def known_sizes(results: Results) -> list[int]:
    """List the sizes that are known, smallest first."""
    return [size for size in results.sizes() if size is not None]


def by_size(run: Run) -> Figure | None:
    """Persistence against size, a line for each dose, a panel for each safety training."""
    results, sizes = run.results, known_sizes(run.results)
    panels = [_by_size_panel(results, name, sizes) for name in results.trainings()] if len(sizes) > 1 else []
    panels = [panel for panel in panels if panel.data]
    if not panels:
        return None
    doses = max((results.doses(name) for name in results.trainings()), key=len)
    colors = ramp(DOSE_RAMP, len(doses))
    legend = [Key(_dose_label(dose), color, "line") for dose, color in zip(doses, colors, strict=True)]
    legend.append(Key("One seed", "#9aa1ad"))
    caption = (
        "Share of the triggered defection that is left after each safety training. The paper's claim is a rising line "
        f"(Figure 11, under RL). {coverage(results)}"
    )
    return Figure("by-size", "Do larger models keep the backdoor better?", caption, tuple(panels), tuple(legend))


def _dose_label(dose: float | None) -> str:
    return "Mean" if dose is None else f"Dose {dose:g}"


def _by_size_panel(results: Results, training: str, sizes: list[int]) -> Panel:
    doses = results.doses(training)
    data: list[Json] = []
    for dose, color in zip(doses, ramp(DOSE_RAMP, len(doses)), strict=True):
        models = {size: Model(size, "organism", training, dose) for size in sizes}
        seeds = [(float(s), value) for s, m in models.items() for value in persistence_by_seed(results, m).values()]
        name = f"{training_words(training)}, {_dose_label(dose).lower()}"
        data += scatter(seeds, name, color) if len(results.seeds()) > 1 else []
        data += line([(size, kept(results, m)) for size, m in models.items()], name, color, band=False, bars=True)
    alt = f"Persistence after {training_words(training)} against the number of parameters."
    yaxis = percent_axis("Persistence")
    settings = layout(size_axis(sizes, [size_words(size) for size in sizes]), yaxis, 290)
    return Panel(sentence(training_words(training)), data, settings, alt)


AMOUNTS = {
    "KL moved, nats per token": kl_by_seed,
    "Preference score gained, s.d.": gain_by_seed,
}


@not_for_a_zoo
def by_amount(run: Run) -> Figure | None:
    """Persistence against KL moved and against reward gained, a color for each size."""
    results = run.results
    sizes = results.sizes()
    if len(sizes) < 2 and all(len(results.doses(name)) < 2 for name in results.trainings()):
        return None
    panels = [_by_amount_panel(results, name, what) for name in results.trainings() for what in AMOUNTS]
    panels = [panel for panel in panels if panel.data]
    if not panels:
        return None
    colors = _size_colors(sizes)
    legend = tuple(Key(size_words(size), colors[size]) for size in sizes)
    caption = (
        "Each dot is one seed at one dose; the line joins a size's means. One learning rate presses harder on some "
        "sizes than on others, so sizes are compared where they moved equally far: at one place on the horizontal "
        "axis, is the darker line higher?"
    )
    title = "Persistence at an equal amount of training"
    return Figure("by-amount", title, caption, tuple(panels), legend, paired=True)


def _size_colors(sizes: list[int | None]) -> dict[int | None, str]:
    if len(sizes) == 1:
        return {sizes[0]: role_color("organism")}
    return dict(zip(sizes, ramp(SIZE_RAMP, len(sizes)), strict=True))


def _by_amount_panel(results: Results, training: str, what: str) -> Panel:
    colors = _size_colors(results.sizes())
    data: list[Json] = []
    for size in results.sizes():
        means = []
        for dose in results.doses(training):
            model = Model(size, "organism", training, dose)
            amounts, values = AMOUNTS[what](results, model), persistence_by_seed(results, model)
            seeds = sorted(amounts.keys() & values.keys())
            if seeds:
                data += scatter([(amounts[seed], values[seed]) for seed in seeds], size_words(size), colors[size])
                mean = sum(amounts[seed] for seed in seeds) / len(seeds)
                means.append((mean, kept(results, model)))
        data += line(sorted(means, key=lambda point: point[0]), size_words(size), colors[size], band=False)
    xaxis = axis(what, rangemode="tozero" if "KL" in what else "normal", zerolinecolor=INK)
    alt = f"Persistence after {training_words(training)} against {what}."
    return Panel(sentence(training_words(training)), data, layout(xaxis, percent_axis("Persistence"), 270), alt)
