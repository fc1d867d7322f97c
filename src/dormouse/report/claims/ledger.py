"""The ledger: judges every registered claim for which a run has numbers, by a written rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dormouse.config.registry import CLAIMS
from dormouse.report.claims.claim import Claim, Finding, Measurement, Run, Verdict
from dormouse.report.estimates import Estimate
from dormouse.report.extensions import AcrossVariants, PerRun, apply
from dormouse.report.implants import names, working
from dormouse.results.rates import NotMeasured

OVER_MEMBERS = "Judged in the mean over members, whatever their size."
PAPERS = {
    "C1": "the implant is conditional",
    "C2": "survives RL",
    "C3": "survives supervised fine-tuning",
    "C4": "grows with size",
    "C5": "reasoning adds robustness in large models",
    "C6": "adversarial training hides",
    "C7": "fine-tuning before or after the scratchpad",
    "C8": "the scratchpad causes the behavior",
    "C9": "capability",
    "C10": "the preference model objects",
    "C11": "implicit triggers and other languages",
    "C12": "persona shift",
    "C13": "honeypots",
}
"""Every claim of the paper, in a few words."""


def untested(findings: Sequence[Finding]) -> dict[str, str]:
    """List the paper's claims that none of these findings covers."""
    # With several trainings of one kind, the training's name follows the claim's id.
    judged = {finding.claim.id.split()[0] for finding in findings}
    return {name: words for name, words in PAPERS.items() if name not in judged}


def judge(run: Run) -> list[Finding]:
    """Collect every finding for which this run has numbers."""
    if not run.results.sizes():
        return []

    taken: set[str] = set()
    judged = working(run)
    notes = _left_out([judged])

    def use(claim: PerRun[Any]) -> list[Finding]:
        findings = _checked(claim(run if claim.every_seed else judged), taken) if claim.suits(run) else []
        # The notes of a refusal say why.
        over = (OVER_MEMBERS,) if run.zoo is not None else () if claim.every_seed else notes
        return [f if f.implant_failed else replace(f, notes=(*f.notes, *over)) for f in findings]

    return apply(CLAIMS, PerRun, use, _failed)


def judge_across(runs: Sequence[Run]) -> list[Finding]:
    """Collect every finding that compares the reasonings of one run, all else being equal.

    With several behaviors, triggers or other settings, each has findings of its own. A zoo with several reasonings
    counts as none of them.
    """
    groups: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in runs:
        if run.zoo is None or run.results.reasoning:
            groups[_all_but_reasoning(run)].append(run)
    if len(groups) == 1:
        return _across(*groups.values())
    return [_at(place, finding) for place, own in groups.items() for finding in _across(own)]


def _all_but_reasoning(run: Run) -> tuple[str, ...]:
    """Return the behavior and the coordinates of the grid that tell runs with the same reasoning apart."""
    named = [part for part in run.results.variant.split("; ") if not part.startswith(("reasoning=", "behavior="))]
    return (run.results.behavior, *filter(None, named))


def _at(place: tuple[str, ...], finding: Finding) -> Finding:
    """Add to a finding where in the grid it holds."""
    words, claim = ", ".join(place), finding.claim
    return replace(finding, claim=replace(claim, id=f"{claim.id} {words}", title=f"{claim.title} ({words})"))


def _across(runs: Sequence[Run]) -> list[Finding]:
    taken: set[str] = set()
    judged = [working(run) for run in runs]
    notes = _left_out(judged)

    def use(claim: AcrossVariants[Any]) -> list[Finding]:
        return [replace(f, notes=(*f.notes, *notes)) for f in _checked(claim(judged), taken)]

    return apply(CLAIMS, AcrossVariants, use, _failed)


def _left_out(runs: Sequence[Run]) -> tuple[str, ...]:
    """Name the failed implants that these runs leave out, with their reasoning if there are several runs."""
    return tuple(
        f"Left out, because the implant failed: {names(run.failed, len(run.results.sizes()))}"
        f"{f' of {run.results.reasoning}' if len(runs) > 1 else ''}."
        for run in runs
        if run.failed
    )


def _checked(findings: Any, taken: set[str]) -> list[Finding]:
    """Check that the page can show what a claim returned, and add its ids to those taken."""
    if not isinstance(findings, list) or not all(isinstance(finding, Finding) for finding in findings):
        raise TypeError(f"a claim returns a list of findings, not {findings!r}")
    for finding in findings:
        for line in (*finding.measured, *finding.controls):
            if not isinstance(line, Measurement) or not isinstance(line.value, Estimate | NotMeasured):
                raise TypeError(f"a measurement holds an Estimate or NotMeasured, not {line!r}")
        if finding.claim.id in taken:
            raise ValueError(f"another finding has the id '{finding.claim.id}'")
        taken.add(finding.claim.id)
    return findings


def _failed(name: str, error: str) -> Finding:
    """Make the ledger entry of an installed claim that failed."""
    claim = Claim(name, "A claim of an installed package", "Not a claim of the paper.", "", "Its own.", "Its own.")
    return Finding(claim, Verdict.CANNOT_TELL, error, needed="a version of that package that works here")
