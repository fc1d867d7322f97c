"""The ledger: each claim of the paper that a run can speak to, judged by a rule that is written down."""

from __future__ import annotations

from collections.abc import Callable

from dormouse.report.claim import Finding, Run
from dormouse.report.implant_claims import capability_kept, conditional, preference_model_objects
from dormouse.report.re_emergence_claim import comes_back
from dormouse.report.scale_claim import grows_with_size
from dormouse.report.survival_claims import adversarial_hides, survives_rl, survives_sft

JUDGES: tuple[Callable[[Run], list[Finding]], ...] = (
    conditional,
    survives_rl,
    survives_sft,
    grows_with_size,
    adversarial_hides,
    capability_kept,
    preference_model_objects,
    comes_back,
)
"""In the paper's order; what lies beyond it comes last."""

NOT_COVERED = {
    "C5": "deceptive reasoning adds robustness in large models",
    "C7": "supervised fine-tuning before or after the scratchpad",
    "C8": "the scratchpad causes the behavior",
    "C11": "implicit triggers and other languages",
    "C12": "persona shift",
    "C13": "honeypots",
}
"""Claims of the paper that no run of this version can speak to."""


def judge(run: Run) -> list[Finding]:
    """Return every finding that this run can speak to."""
    if not run.results.sizes():
        return []
    return [finding for judge_claim in JUDGES for finding in judge_claim(run)]
