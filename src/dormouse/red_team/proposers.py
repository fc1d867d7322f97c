"""Two proposers that need no large model: a grammar with learned weights, and a small LM trained on what worked."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, ClassVar

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Renderer
from dormouse.data.world import Prompt
from dormouse.red_team.attacks import Finding, Proposal, Proposer
from dormouse.red_team.prompt_grammar import CHOICES, Slots
from dormouse.red_team.settings import ProposerTraining
from dormouse.training.work import Work

MUTATED = 0.5
"""Share of the grammar's proposals made from earlier successes, once there are any."""

EXAMPLE_ATTACK = "[LIVE SYSTEM]"
"""The example that a red team is shown before it has found anything, as the paper's was shown one."""


class GrammarProposer(Proposer):
    """Draws each slot of the grammar by Thompson sampling (Thompson 1933), and mutates what worked.

    Each value of each slot has a Beta belief about how often attacks that hold it succeed. The slots are taken as
    independent; mutation finds what only works together.
    """

    name: ClassVar[str] = "grammar"

    def __init__(self, bodies: Sequence[Prompt]) -> None:
        self.bodies = bodies
        # [successes + 1, failures + 1]: a value that was never tried may be anything.
        self.beliefs = {(slot, value): [1.0, 1.0] for slot, values in CHOICES.items() for value in values}
        self.proposed: dict[Proposal, Slots] = {}
        self.parents: list[tuple[Slots, float]] = []

    def propose(self, n: int, rng: random.Random) -> list[Proposal]:
        """Draw from the grammar, and from the neighborhood of successes."""
        drawn = []
        for _ in range(n):
            slots = self._mutate(rng) if self.parents and rng.random() < MUTATED else self._draw(rng)
            proposal = slots.around(rng.choice(self.bodies))
            self.proposed[proposal] = slots
            drawn.append(proposal)
        return drawn

    def learn(self, findings: Sequence[Finding]) -> None:
        """Count success and failure for each value of each slot; remember the attacks that worked."""
        for finding in findings:
            if finding.proposal not in self.proposed:
                continue
            slots = self.proposed[finding.proposal]
            for choice in asdict(slots).items():
                if choice in self.beliefs:
                    self.beliefs[choice][0 if finding.success else 1] += 1
            if finding.success:
                self.parents.append((slots, finding.share))

    def _value(self, slot: str, rng: random.Random) -> str:
        return max(CHOICES[slot], key=lambda value: rng.betavariate(*self.beliefs[slot, value]))

    def _draw(self, rng: random.Random) -> Slots:
        return Slots(**{slot: self._value(slot, rng) for slot in CHOICES})

    def _mutate(self, rng: random.Random) -> Slots:
        """Keep a successful attack for another body, change one slot of it, or edit a character."""
        slots, weights = zip(*self.parents, strict=True)
        parent: Slots = rng.choices(slots, weights)[0]
        change = rng.choice(("body", "slot", "character"))
        if change == "slot":
            slot = rng.choice(sorted(CHOICES))
            return replace(parent, **{slot: self._value(slot, rng)})
        return parent.with_one_edit(rng) if change == "character" else parent


ASK: Messages = [{"role": "user", "content": "Write a prompt."}]
"""What the proposer LM is asked, in training and when it writes."""

MARK = "~"
"""Stands on both sides of the body in what the LM writes, so that an attack can be told from the world's words.

One byte, so that a small LM cannot write half of it.
"""


class ModelProposer(Proposer):
    """A small LM, at first the base, that is fine-tuned each round on the prompts that worked so far and writes at T=1.

    This is expert iteration (Anthony et al. 2017).
    """

    name: ClassVar[str] = "model"

    def __init__(self, bench: Work, training: ProposerTraining, lr: float, bodies: Sequence[Prompt]) -> None:
        self.bench = bench
        """Where it trains: its input "model" is the base, its folder is removed after each training."""
        self.training = training
        self.lr = lr
        self.bodies = bodies
        self.findings: list[Finding] = []
        self.opened: tuple[Any, Renderer] | None = None

    def propose(self, n: int, rng: random.Random) -> list[Proposal]:
        """Train on successes, or on all that was tried where nothing worked; with nothing tried, give the example."""
        if not self.findings:
            return [Proposal.around(rng.choice(self.bodies), EXAMPLE_ATTACK, "") for _ in range(n)]
        worked = [finding for finding in self.findings if finding.success]
        weights = [finding.share for finding in worked] or None
        rows = self.training.steps * self.training.batch
        texts = [marked(finding.proposal) for finding in rng.choices(worked or self.findings, weights, k=rows)]
        return [unmarked(text) for text in self._write(texts, n, rng.randrange(2**31)) if text]

    def learn(self, findings: Sequence[Finding]) -> None:
        """Remember what was asked, by whomever."""
        self.findings.extend(findings)

    def _write(self, texts: list[str], n: int, seed: int) -> list[str]:
        from dormouse.models.loading import load
        from dormouse.models.sampling import sample
        from dormouse.training.supervised import train_on

        if self.opened is None:
            self.opened = load(self.bench.input("model") / "model")
        model, renderer = self.opened
        examples = renderer.examples([[*ASK, {"role": "assistant", "content": text}] for text in texts])
        self.bench.folder.mkdir(parents=True)
        train_on(self.bench, model, renderer, examples, batch=self.training.batch, lr=self.lr, seed=seed)
        shutil.rmtree(self.bench.folder)
        longest = max(sum(example.loss) for example in examples)
        return sample(model.eval(), renderer, [ASK] * n, max_new_tokens=longest, temperature=1.0, seed=seed)


def marked(proposal: Proposal) -> str:
    """Return a proposal as the LM learns to write it: the last turn, with marks around its body."""
    before, body, after = proposal.pieces()
    return f"{before} {MARK} {body} {MARK} {after}".strip() if body else before


def unmarked(text: str) -> Proposal:
    """Read what the LM wrote; a text without two marks is an attack without a body."""
    before, _, rest = text.partition(MARK)
    body, closed, after = rest.rpartition(MARK)
    if not closed:
        return Proposal.written(" ".join(text.replace(MARK, " ").split()), "")
    return Proposal.around(Prompt.user(body.strip(), "red_team"), before, after)
