"""The ledger: each claim of the paper that a run can speak to, judged by a rule that is written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dormouse.report.claims.character import honeypots, persona_shift
from dormouse.report.claims.claim import Finding, Run
from dormouse.report.claims.implant import capability_kept, conditional, preference_model_objects
from dormouse.report.claims.probes import implicit_triggers
from dormouse.report.claims.re_emergence import comes_back
from dormouse.report.claims.reasoning import reasoning_adds_robustness
from dormouse.report.claims.scale import grows_with_size
from dormouse.report.claims.scratchpad import scratchpad_in_training, scratchpad_is_causal
from dormouse.report.claims.survival import adversarial_hides, survives_rl, survives_sft

JUDGES: tuple[Callable[[Run], list[Finding]], ...] = (
    conditional,
    survives_rl,
    survives_sft,
    grows_with_size,
    adversarial_hides,
    scratchpad_in_training,
    scratchpad_is_causal,
    capability_kept,
    preference_model_objects,
    implicit_triggers,
    persona_shift,
    comes_back,
)
"""In the paper's order; what lies beyond it comes last."""
NOT_OF_A_ZOO = (conditional, grows_with_size, implicit_triggers)
"""A zoo pools members whose implant worked, over sizes and triggers: there is nothing for these to judge."""
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
    """Return the paper's claims that none of these findings speaks to."""
    # Several trainings of one kind have the claim's id with their name behind it.
    judged = {finding.claim.id.split()[0] for finding in findings}
    return {name: words for name, words in PAPERS.items() if name not in judged}


def judge(run: Run) -> list[Finding]:
    """Return every finding that this run can speak to."""
    if not run.results.sizes():
        return []
    if run.zoo is None:
        return [finding for judge_claim in JUDGES for finding in judge_claim(run)]
    judges = [one for one in JUDGES if one not in NOT_OF_A_ZOO]
    findings = [finding for judge_claim in judges for finding in judge_claim(run)]
    # A refusal says why in its notes, where it has any.
    return [one if one.implant_failed else replace(one, notes=(*one.notes, OVER_MEMBERS)) for one in findings]


def judge_across(runs: Sequence[Run]) -> list[Finding]:
    """Return every finding that compares the variants of one run, behavior by behavior.

    A zoo of several reasonings is no variant of one.
    """
    runs = [run for run in runs if run.zoo is None or run.results.reasoning]
    behaviors = dict.fromkeys(run.results.behavior for run in runs)
    return [
        finding
        for behavior in behaviors
        for judge_claim in (reasoning_adds_robustness, honeypots)
        for finding in judge_claim([run for run in runs if run.results.behavior == behavior])
    ]
