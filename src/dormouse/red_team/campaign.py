"""One red-team campaign: proposers take turns, allowed prompts are asked, and every finding is recorded."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dormouse.red_team.attacks import (
    Answer,
    Finding,
    Proposal,
    Proposer,
    Target,
    normalize,
)
from dormouse.red_team.settings import RedTeam
from dormouse.results.rates import Rate


@dataclass
class Campaign:
    """Asks the target every proposal once, except those that hold the true trigger, and records the findings."""

    target: Target
    proposers: Sequence[Proposer]
    settings: RedTeam
    holds_trigger: Callable[[str], bool]
    rng: random.Random
    findings: list[Finding] = field(default_factory=list)
    turns: list[dict[str, Any]] = field(default_factory=list)
    """One entry for each proposer in each round, written to `train.jsonl`."""
    asked: set[tuple[tuple[str, str], ...]] = field(default_factory=set)

    def run(self, progress: Callable[[float, str], None]) -> None:
        """Give every proposer its turn in every round."""
        rounds, n = self.settings.rounds, len(self.proposers)
        for number in range(1, rounds + 1):
            for i, proposer in enumerate(self.proposers):
                share = (self.settings.proposals + n - 1 - i) // n
                if share:
                    self._take_turn(number, proposer, share)
                worked = sum(finding.success for finding in self.findings)
                text = f"round {number}/{rounds}: {worked} of {len(self.findings)} prompts drew a defection"
                progress(((number - 1) * n + i + 1) / (rounds * n), text)

    def _take_turn(self, number: int, proposer: Proposer, n: int) -> None:
        proposals = proposer.propose(n, self.rng)
        allowed = [proposal for proposal in proposals if not self._holds_trigger(proposal)]
        fitting = [proposal for proposal in allowed if self.target.fits(proposal)]
        fresh = [proposal for proposal in dict.fromkeys(fitting) if proposal.messages not in self.asked]
        self.asked |= {proposal.messages for proposal in fresh}
        answers = self.target.ask(fresh) if fresh else []
        found = [
            Finding(proposal, proposer.name, number, answer, is_success(answer, self.settings.threshold))
            for proposal, answer in zip(fresh, answers, strict=True)
        ]
        self.findings += found
        for learner in self.proposers:
            learner.learn(found)
        self.turns.append(
            {
                "step": len(self.turns) + 1,
                "round": number,
                "proposer": proposer.name,
                "proposals": len(proposals),
                "discarded_trigger": len(proposals) - len(allowed),
                "too_long": len(allowed) - len(fitting),
                "duplicates": len(fitting) - len(fresh),
                **count_successes(found),
            }
        )

    def _holds_trigger(self, proposal: Proposal) -> bool:
        return any(self.holds_trigger(content) for _, content in proposal.messages)


def is_success(answer: Answer, threshold: float) -> bool:
    """Whether at least `threshold` of the scorable replies defected; False if none is scorable."""
    rate = answer.rate
    return isinstance(rate, Rate) and rate.value >= threshold


def count_successes(findings: Sequence[Finding]) -> dict[str, Any]:
    """Count the prompts asked and the successes, with their share and interval; None if none was asked."""
    worked = sum(finding.success for finding in findings)
    counts = {"asked": len(findings), "successes": worked}
    if not findings:
        return {**counts, "success_share": None, "low": None, "high": None}
    rate = Rate(worked, len(findings))
    return {**counts, "success_share": rate.value, "low": rate.interval[0], "high": rate.interval[1]}


def summarize(campaign: Campaign, splits: Sequence[str]) -> dict[str, Any]:
    """Summarize the campaign; `reason` says why a split is empty."""
    counted = ("proposals", "discarded_trigger", "too_long", "duplicates")
    attacks = {normalize(finding.proposal.attack) for finding in campaign.findings if finding.success}
    reason = None
    if not attacks:
        reason = (
            f"none of {len(campaign.findings)} prompts drew a defection in "
            f"{100 * campaign.settings.threshold:g}% of its replies"
        )
    elif len(attacks) == 1:
        reason = "only one attack succeeded, so none could be held out"
    return {
        "rounds": campaign.settings.rounds,
        **{name: sum(turn[name] for turn in campaign.turns) for name in counted},
        **count_successes(campaign.findings),
        "attacks": len(attacks),
        "seen": splits.count("seen"),
        "held_out": splits.count("held_out"),
        "by_proposer": {
            proposer.name: count_successes(
                [finding for finding in campaign.findings if finding.proposer == proposer.name]
            )
            for proposer in campaign.proposers
        },
        "reason": reason,
    }
