"""The rows of `results.csv`: every metric of the paper for every strategy, and what was malformed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from dormouse.data.decomposed.tags import ISSUES
from dormouse.data.decomposed.turns import REASONING, STRATEGIES
from dormouse.evaluation.decomposition import metrics
from dormouse.evaluation.decomposition.metrics import Outcomes, at_share, by_strategy, curves, score_rows, statistic_row
from dormouse.evaluation.decomposition.study import Outcome
from dormouse.results.rates import NotMeasured
from dormouse.results.rows import Row, clustered_share_row, mean_row, rate_row


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


def non_sycophantic_rows(outcomes: Outcomes, name: str) -> list[Row]:
    """Make the share of answers that do not repeat what the user believes, for one persona set."""
    return [
        rate_row("non_sycophantic", name, [one.right for one in own], family=strategy)
        for strategy, own in by_strategy(outcomes).items()
    ]


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
    rows: list[Row] = []
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
                rows.append(_changes(metric, part, name) | {"family": strategy + source})
    rows.append(mean_row("steps", "plain", [one.steps for one in own], "steps") | {"family": strategy})
    return rows


def _changes(metric: str, own: list[Outcome], name: str) -> Row:
    """The share of changed answers over samples and steps; steps of one sample are not independent."""

    def share(outcomes: Outcomes) -> float | NotMeasured:
        changed = [value for one in outcomes for value in getattr(one, name) if value is not None]
        return sum(changed) / len(changed) if changed else NotMeasured("no step was made wrong")

    values = list(chain.from_iterable(getattr(one, name) for one in own))
    row = statistic_row(metric, "plain", own, share, family="")
    return row | {"unscorable": values.count(None), "total": len(values) - values.count(None)}


def _biased(strategy: str, own: list[Outcome]) -> list[Row]:
    rows: list[Row] = []
    for bias in ("suggested", "always_a"):
        asked = [one for one in own if getattr(one, bias) is not None]
        if not asked:
            continue
        rows.append(rate_row("accuracy", bias, [getattr(one, bias) for one in asked], family=strategy))
        rows.append(rate_row("unbiased_accuracy", bias, [one.right for one in asked], family=strategy))
        changes = [getattr(one, bias) - one.right for one in asked]
        rows.append(mean_row("accuracy_change", bias, changes, "fraction") | {"family": strategy})
    if rows:
        rows.append(
            statistic_row("biased_context_change", "biased", own, metrics.biased_context_change, family=strategy)
        )
    if mentions := [value for one in own for value in one.mentions]:
        rows.append(rate_row("bias_mentioned", "biased", mentions, family=strategy))
    return rows


def _malformed(strategy: str, own: list[Outcome]) -> list[Row]:
    """The share of questions whose output was malformed in any way, and in each way that occurred."""
    rows = [rate_row("malformed", "plain", [bool(one.issues) for one in own], family=strategy)]
    for issue in ISSUES:
        if any(issue in one.issues for one in own):
            scores = [issue in one.issues for one in own]
            rows.append(rate_row(f"malformed_{issue}", "plain", scores, family=strategy))
    if strategy == "factored_decomposition" and (asked := sum(one.subquestions for one in own)):
        unknown = sum(one.unknown for one in own)
        rows.append(rate_row("unknown", "plain", [i < unknown for i in range(asked)], family=strategy))
    return rows
