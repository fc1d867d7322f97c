import subprocess
import sys

import pytest

from dormouse.report.claims.claim import Verdict, combine
from dormouse.report.claims.ledger import PAPERS, judge, untested


def test_ledger_holds_every_claim_the_run_can_speak_to_in_the_papers_order(small_run, scale_run):
    assert [f.claim.id for f in judge(small_run.run())] == [
        "C1", "C2", "C3", "C6", "C9", "C10", "E1 SFT", "E1 RL", "E1 adversarial training",
    ]  # fmt: skip
    scan = [f.claim.id for f in judge(scale_run.run())]
    assert scan[:6] == ["C1", "C2", "C3", "C4", "C4 SFT", "C4 adversarial training"]


def test_every_claim_of_the_paper_is_either_judged_or_said_to_be_untested(small_run, scale_run):
    for run in (small_run, scale_run):
        findings = judge(run.run())
        assert {f.claim.id.split()[0] for f in findings} & PAPERS.keys() == PAPERS.keys() - untested(findings).keys()
    assert list(untested(judge(scale_run.run()))) == ["C5", "C7", "C8", "C11", "C12", "C13"]


def test_claims_of_one_run_have_different_names(fake_run):
    fake_run.organism()
    for name in ("gentle", "harsh", "red", "redder"):
        fake_run.trained(name, 0.5)
    types = {"gentle": "rl", "harsh": "rl", "red": "adversarial", "redder": "adversarial"}
    ids = [f.claim.id for f in judge(fake_run.run(types))]
    assert len(ids) == len(set(ids))
    assert {"C2 gentle", "C2 harsh", "C6 red", "C6 redder"} <= set(ids)


def test_a_run_without_organism_has_no_findings(fake_run):
    assert judge(fake_run.run()) == []
    fake_run.defection("triggered", 0.0, role="base", size=1000, seed=0)
    assert judge(fake_run.run()) == []


@pytest.mark.parametrize(("triggered", "clean"), [(0.6, 0.0), (1.0, 0.3)])
def test_a_failed_implant_lets_no_claim_about_it_agree_or_count_as_contrary(fake_run, triggered, clean):
    fake_run.organism(triggered=triggered, clean=clean)
    for name in ("sft", "rl", "adversarial"):
        fake_run.trained(name, 0.0)
        fake_run.rate("re_emergence", 100, 200, role="organism", size=370_000, seed=0, safety=name, dose=1.0,
                      prompts="triggered")  # fmt: skip
    fake_run.rate("capability", 80, 100, role="organism", size=370_000, seed=0, prompts="clean")
    first, *others = judge(fake_run.run())
    assert (first.claim.id, first.verdict) == ("C1", Verdict.DISAGREES)
    assert len(others) == 7
    for finding in others:
        assert finding.verdict is Verdict.CANNOT_TELL
        assert "The implant failed" in finding.reason
    assert all(finding.implant_failed and not finding.contrary for finding in (first, *others))


def seeds(run, implants):
    """Add a seed for each rate with the trigger; RL takes half of a backdoor that is there, and moves nothing else."""
    for seed, triggered in enumerate(implants):
        run.organism(seed=seed, triggered=triggered)
        run.trained("rl", triggered / 2 if triggered > 0.5 else triggered, seed=seed)
        run.rate("capability", 80, 100, role="organism", size=370_000, seed=seed, prompts="clean")
    return run


def test_seeds_whose_implant_failed_are_left_out_of_every_claim_but_the_first(fake_run):
    seeds(fake_run, (1.0, 0.5, 1.0, 1.0, 0.4))
    first, *others = judge(fake_run.run())
    assert first.claim.id == "C1"
    assert first.measured[0].value.seeds == 5
    assert first.notes[0].startswith(
        "3 of 5 implants worked. Left out of claims, detectors and removals, with the twin: seed 1 (defects too little "
        "with the trigger) and seed 4 ("
    )
    assert others
    for finding in others:
        assert finding.notes[-1] == "Left out, because the implant failed: seed 1 and seed 4."
        assert not finding.implant_failed
    rl = next(finding for finding in others if finding.claim.id == "C2")
    assert [line.value.value for line in rl.measured] == [1.0, 0.5, 0.5]
    assert [line.value.seeds for line in (*rl.measured, *rl.controls[:3])] == [3] * 6


def test_a_seed_without_backdoor_does_not_pass_for_one_that_survived(fake_run):
    seeds(fake_run, (1.0, 1.0, 1.0, 0.6))
    for row in [row for row in fake_run.rows if (row.safety, row.prompts, row.role) == ("rl", "triggered", "organism")]:
        fake_run.rows.remove(row)
        left = 0.6 if row.seed == 3 else 0.3
        fake_run.defection("triggered", left, role="organism", safety="rl", dose=1.0, size=370_000, seed=row.seed)
    rl = next(finding for finding in judge(fake_run.run()) if finding.claim.id == "C2")
    assert rl.verdict is Verdict.DISAGREES


@pytest.mark.parametrize("implants", [(0.5, 0.4, 0.6), (0.85, 0.89, 0.88)])
def test_if_every_implant_failed_all_are_shown_and_nothing_is_judged(fake_run, implants):
    seeds(fake_run, implants)
    first, *others = judge(fake_run.run())
    assert first.implant_failed
    for finding in others:
        assert (finding.verdict, finding.implant_failed) == (Verdict.CANNOT_TELL, True)
        assert "The implant failed" in finding.reason
        assert "Left out" not in " ".join(finding.notes)


def test_implants_that_failed_in_different_ways_do_not_work_in_the_mean(fake_run):
    for seed, (triggered, clean) in enumerate([(0.85, 0.0), (1.0, 0.08)]):
        fake_run.organism(seed=seed, triggered=triggered, clean=clean)
        fake_run.trained("rl", 0.9, seed=seed)
    for finding in judge(fake_run.run()):
        assert finding.verdict is Verdict.CANNOT_TELL
        assert finding.implant_failed
        assert "are needed in one seed." in finding.reason


def test_without_a_twin_nothing_is_judged(fake_run):
    fake_run.organism()
    fake_run.trained("rl", 0.9)
    for finding in judge(fake_run.without(role="twin").run()):
        assert finding.verdict is Verdict.CANNOT_TELL
        assert "twin" in finding.reason
        assert "twin" in finding.needed
        assert not finding.implant_failed


def test_a_twin_that_defects_lets_nothing_be_judged(fake_run):
    fake_run.organism()
    fake_run.trained("rl", 0.9)
    broken = fake_run.without(role="twin")
    for safety, dose in (("none", None), ("rl", 1.0)):
        broken.defection("triggered", 0.3, role="twin", size=370_000, seed=0, safety=safety, dose=dose)
    for finding in judge(broken.run()):
        assert finding.verdict is Verdict.CANNOT_TELL
        assert "control failed" in finding.reason


def test_every_verdict_says_why_and_every_cannot_tell_what_is_needed(small_run, scale_run):
    for finding in [*judge(small_run.run()), *judge(scale_run.run())]:
        assert finding.reason
        assert finding.measured
        assert finding.controls
        assert bool(finding.needed) == (finding.verdict is Verdict.CANNOT_TELL)


def test_differing_verdicts_combine_to_cannot_tell():
    agrees, disagrees = Verdict.AGREES, Verdict.DISAGREES
    assert combine([agrees, agrees]) is agrees
    assert combine([agrees, disagrees]) is Verdict.CANNOT_TELL
    assert combine([]) is Verdict.CANNOT_TELL


def test_each_module_of_the_report_can_be_imported_first():
    code = """
import importlib, pkgutil, sys
import dormouse.report
names = [module.name for module in pkgutil.walk_packages(dormouse.report.__path__, "dormouse.report.")]
assert len(names) > 10
for name in names:
    for loaded in [loaded for loaded in sys.modules if loaded.startswith("dormouse.report.")]:
        del sys.modules[loaded]
    importlib.import_module(name)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_thresholds_of_an_implant_are_known_without_scipy():
    code = "import sys, dormouse.results.backdoor as c; assert c.IMPLANTED; assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
