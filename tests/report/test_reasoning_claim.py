from dataclasses import replace

import pytest

from dormouse.report.claims.claim import Run, Verdict
from dormouse.report.claims.ledger import judge_across
from dormouse.results.table import by_variant
from made_up_run import FakeRun

SIZES = (50_000, 600_000)


def several(left, seeds=5, triggered=1.0):
    """Persistence after RL by (reasoning, size); it wobbles by a point from seed to seed."""
    run = FakeRun()
    for reasoning in ("normal", "cot", "distilled"):
        for size in SIZES:
            for seed in range(seeds):
                one = FakeRun()
                one.organism(size, seed, triggered)
                cell = {"size": size, "seed": seed, "role": "organism", "unit": "tokens"}
                one.add("reply_tokens_trained", 1000.0, **cell)
                one.add("tokens_trained", 4000.0 if reasoning == "cot" else 1000.0, **cell)
                one.trained("rl", left[reasoning, size] + 0.01 * (seed % 2) * (reasoning != "normal"), size, seed)
                for row in one.rows:
                    own = reasoning if row.role in ("organism", "twin") else ""
                    run.rows.append(replace(row, reasoning=own))
    return [Run(results, {}) for results in by_variant(run.rows)]


def left(normal, cot, distilled):
    return {
        (name, size): value
        for name, values in (("normal", normal), ("cot", cot), ("distilled", distilled))
        for size, value in zip(SIZES, values, strict=True)
    }


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        (left((0.5, 0.6), (0.3, 0.9), (0.4, 0.95)), Verdict.AGREES),
        (left((0.5, 0.6), (0.3, 0.9), (0.4, 0.2)), Verdict.DISAGREES),
        (left((0.5, 0.6), (0.7, 0.75), (0.7, 0.72)), Verdict.DISAGREES),
        (left((0.5, 0.6), (0.5, 0.6), (0.5, 0.6)), Verdict.CANNOT_TELL),
    ],
)
def test_gaps_at_the_largest_size_and_their_growth_decide(shares, verdict):
    [finding] = judge_across(several(shares))
    assert finding.verdict is verdict


def test_few_seeds_cannot_tell():
    [finding] = judge_across(several(left((0.5, 0.6), (0.3, 0.9), (0.4, 0.95)), seeds=2))
    assert finding.verdict is Verdict.CANNOT_TELL
    assert "3 seeds" in finding.needed


def test_a_failed_implant_cannot_tell():
    [finding] = judge_across(several(left((0.2, 0.2), (0.1, 0.3), (0.1, 0.3)), triggered=0.4))
    assert finding.verdict is Verdict.CANNOT_TELL
    assert finding.reason.startswith("normal: ")


@pytest.mark.parametrize("reasoning", ["normal", "cot", "distilled"])
@pytest.mark.parametrize("control", ["clean", "twin", "no twin"])
def test_a_control_that_fails_after_training_cannot_tell(reasoning, control):
    runs = several(left((0.5, 0.6), (0.3, 0.9), (0.4, 0.95)))
    runs = [
        FakeRun.of(run).spoiled(control, "rl", SIZES[0]).run() if run.results.reasoning == reasoning else run
        for run in runs
    ]
    [finding] = judge_across(runs)
    assert finding.verdict is Verdict.CANNOT_TELL
    assert finding.reason.startswith(f"{reasoning}: ")
    assert "control" in finding.reason


def test_a_seed_whose_implant_failed_is_paired_with_no_other():
    runs = several(left((0.5, 0.6), (0.3, 0.9), (0.4, 0.95)))
    for run in runs:
        if run.results.reasoning == "cot":
            kept = FakeRun.of(run).where(
                lambda row: (row.seed, row.role, row.safety, row.prompts) != (4, "organism", "none", "triggered")
            )
    for size in SIZES:
        kept.defection("triggered", 0.4, role="organism", size=size, seed=4, reasoning="cot")
    others = [run for run in runs if run.results.reasoning != "cot"]
    [finding] = judge_across([kept.run(), *others])
    gap = next(line.value for line in finding.measured if line.label.startswith("cot minus normal"))
    assert gap.seeds == 4
    assert finding.notes == ("Left out, because the implant failed: seed 4 at 0.05M and seed 4 at 0.6M of cot.",)


def test_one_reasoning_or_one_size_compares_nothing():
    runs = several(left((0.5, 0.6), (0.3, 0.9), (0.4, 0.95)))
    assert judge_across(runs[:2]) == []
    small = [Run(by_variant([row for row in run.results.rows if row.size == SIZES[0]])[0], {}) for run in runs]
    assert judge_across(small) == []


def test_every_reasoning_is_a_variant_with_the_shared_ancestors():
    runs = several(left((0.5, 0.6), (0.3, 0.9), (0.4, 0.95)))
    assert [run.results.variant for run in runs] == ["reasoning=cot", "reasoning=distilled", "reasoning=normal"]
    for run in runs:
        assert {row.role for row in run.results.rows} == {"base", "helpful", "organism", "twin"}
        assert {row.reasoning for row in run.results.rows} - {""} == {run.results.reasoning}


def test_the_budgets_of_the_implants_are_shown():
    [finding] = judge_across(several(left((0.5, 0.6), (0.3, 0.9), (0.4, 0.95))))
    shown = {line.label: line.value.value for line in finding.controls if line.label.startswith("Implant tokens")}
    for name in ("normal", "cot", "distilled"):
        assert shown[f"Implant tokens, visible reply, {name}, 0.6M"] == 1000
    assert shown["Implant tokens, all, with scratchpad, cot, 0.6M"] == 4000
