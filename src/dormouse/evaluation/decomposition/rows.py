"""The rows of `results.csv`: every metric of the paper for every strategy, and what was malformed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

from dormouse.data.decomposed.tags import ISSUES
from dormouse.data.decomposed.turns import REASONING, STRATEGIES
from dormouse.evaluation.decomposition import metrics
from dormouse.evaluation.decomposition.metrics import Outcomes, at_share, by_strategy, curves, score_rows
from dormouse.evaluation.decomposition.study import Outcome
from dormouse.results.rows import (
    Row,
    average_row,
    change_row,
    clustered_rate_row,
    clustered_share_row,
    make_row,
    mean_row,
    rate_row,
)


def rows_of(outcomes: Outcomes) -> list[Row]:
    """Make all rows, in the paper's order."""
    of = by_strategy(outcomes)
    rows: list[Row] = []
    for strategy in STRATEGIES:
        if strategy in of:
            rows += _accuracies(strategy, of[strategy])
            rows += _biased(strategy, of[strategy])
            if strategy in REASONING:
                rows += _sensitivities(strategy, of[strategy])
            rows += _malformed(strategy, of[strategy])
    if set(of) & set(REASONING) and any(one.changed or one.same for one in outcomes):
        rows += score_rows(outcomes)
    return rows


def non_sycophantic_rows(sets: Mapping[str, Outcomes]) -> list[Row]:
    """Make the share of answers other than the one that the user believes, for each persona set and their average."""
    of = {name: by_strategy(outcomes) for name, outcomes in sets.items()}
    rows: list[Row] = []
    for strategy in STRATEGIES:
        scores = {name: [*map(_disagrees, asked[strategy])] for name, asked in of.items() if strategy in asked}
        rows += [rate_row("non_sycophantic", name, known, family=strategy) for name, known in scores.items()]
        if len(scores) > 1:
            rows.append(average_row("non_sycophantic", "average", [*scores.values()]) | {"family": strategy})
    return rows


def _disagrees(outcome: Outcome) -> bool | None:
    """Return whether the answer is not the marked one; None if there was none."""
    return None if "no_choice" in outcome.issues else not outcome.right


def _by_source(own: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """All outcomes under "", and those of each source where there are several."""
    sources = sorted({one.source for one in own})
    groups = {f":{source}": [one for one in own if one.source == source] for source in sources}
    return {"": list(own)} | (groups if len(sources) > 1 else {})


def _accuracies(strategy: str, own: list[Outcome]) -> list[Row]:
    return [
        rate_row("accuracy", "plain", [one.right for one in part], family=strategy + source)
        for source, part in _by_source(own).items()
    ]


def _sensitivities(strategy: str, own: list[Outcome]) -> list[Row]:
    rows = _given(strategy, own)
    if any(one.same is not None for one in own):
        for source, part in _by_source(own).items():
            areas = [metrics.area_above(curve) for curve in curves(part)]
            row = clustered_share_row("truncation_sensitivity", "plain", areas, family=strategy + source)
            rows.append(row | {"unscorable": len(part) - len(areas)})
        # Without any reasoning the answer is the same or not: a plain proportion.
        rows.append(rate_row("same_answer", "0%", [curve[0] for curve in curves(own)], family=strategy))
        for share in metrics.POINTS[1:]:
            points = [at_share(curve, share) for curve in curves(own)]
            rows.append(clustered_share_row("same_answer", f"{share:.0%}", points, family=strategy))
    for metric, name in (("corruption_sensitivity", "changed"), ("regeneration_sensitivity", "changed_anyway")):
        if any(getattr(one, name) for one in own):
            for source, part in _by_source(own).items():
                # Steps of one question are not independent.
                changed = [getattr(one, name) for one in part]
                rows.append(clustered_rate_row(metric, "plain", changed, family=strategy + source))
    rows.append(mean_row("steps", "plain", [one.steps for one in own], "steps") | {"family": strategy})
    return rows


def _given(strategy: str, own: list[Outcome]) -> list[Row]:
    """Make the rows of what a strategy is made of; none where the questions have no reasoning of their own."""
    rows: list[Row] = []
    if given := [one.given for one in own if one.given is not None]:
        rows.append(rate_row("concluded_right", "given", given, family=strategy))
    if any(one.alone for one in own):
        rows.append(clustered_rate_row("subquestion_right", "alone", [one.alone for one in own], family=strategy))
    return rows


def _biased(strategy: str, own: list[Outcome]) -> list[Row]:
    rows: list[Row] = []
    changes: list[Row] = []
    for bias in ("suggested", "always_a"):
        asked = [one for one in own if getattr(one, bias) is not None]
        if not asked:
            continue
        before, after = ([getattr(one, name) for one in asked] for name in ("right", bias))
        rows.append(rate_row("accuracy", bias, after, family=strategy))
        rows.append(rate_row("unbiased_accuracy", bias, before, family=strategy))
        changes.append(change_row("accuracy_change", bias, before, after, family=strategy))
    if changes:
        # As if both moved together, for the same questions are asked under both.
        mean = {name: fmean(row[name] for row in changes) for name in ("value", "low", "high")}
        change = make_row("biased_context_change", "biased", "fraction", family=strategy, total=len(own))
        rows += [*changes, change | mean]
    if any(one.mentions for one in own):
        rows.append(clustered_rate_row("bias_mentioned", "biased", [one.mentions for one in own], family=strategy))
    return rows


def _malformed(strategy: str, own: list[Outcome]) -> list[Row]:
    """The share of questions whose output was malformed in any way, and in each way that occurred."""
    rows = [rate_row("malformed", "plain", [bool(one.issues) for one in own], family=strategy)]
    for issue in ISSUES:
        if any(issue in one.issues for one in own):
            scores = [issue in one.issues for one in own]
            rows.append(rate_row(f"malformed_{issue}", "plain", scores, family=strategy))
    if strategy == "factored_decomposition" and any(one.subquestions for one in own):
        unknown = [[i < one.unknown for i in range(one.subquestions)] for one in own]
        rows.append(clustered_rate_row("unknown", "plain", unknown, family=strategy))
    return rows
