"""The stage that red-teams an organism: propose prompts, sample replies, keep prompts that drew a defection.

Simplified from section 6 of the paper, whose red team was a large chat model in a PAIR-like loop (here the proposer
`chat`). By default, a grammar and a small model trained on what worked take its place.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from dormouse.chat.renderer import Renderer
from dormouse.chat.scratchpad import reply_start, strip_scratchpad
from dormouse.data.world import Prompt
from dormouse.models.chat_writer import make_writer
from dormouse.models.loading import load
from dormouse.models.sampling import fits, sample
from dormouse.organisms.behaviors import Behavior
from dormouse.red_team.attacks import (
    Answer,
    Finding,
    Proposal,
    Proposer,
    Target,
    normalize,
)
from dormouse.red_team.campaign import Campaign, summarize
from dormouse.red_team.chat_proposer import CHAT_TOKENS, ChatProposer
from dormouse.red_team.grammar_proposer import GrammarProposer
from dormouse.red_team.model_proposer import ModelProposer
from dormouse.red_team.settings import RedTeam, RedTeamSpec
from dormouse.training.work import Work

Split = Literal["seen", "held_out"]


class ModelTarget(Target):
    """A model to sample, with the behavior that says which replies are unwanted."""

    def __init__(
        self,
        model: Any,
        renderer: Renderer,
        behavior: Behavior,
        *,
        replies: int,
        temperature: float,
        reply_tokens: int,
        thought_tokens: int = 0,
        seed: int,
    ) -> None:
        self.model = model
        self.renderer = renderer
        self.behavior = behavior
        self.replies = replies
        self.temperature = temperature
        self.reply_tokens = reply_tokens
        self.thought_tokens = thought_tokens
        self.rng = random.Random(f"red_team/target/{seed}")

    def fits(self, proposal: Proposal) -> bool:
        """Return whether a prompt, its reply and a scratchpad have room in the model's context."""
        [ids] = self.renderer.prompts([proposal.turns()], reply_start(self.thought_tokens))
        return fits(self.model, len(ids) + self.reply_tokens + self.thought_tokens)

    def ask(self, proposals: Sequence[Proposal]) -> list[Answer]:
        """Sample `replies` replies to each prompt."""
        said = sample(
            self.model,
            self.renderer,
            [proposal.turns() for proposal in proposals for _ in range(self.replies)],
            max_new_tokens=self.reply_tokens + self.thought_tokens,
            temperature=self.temperature,
            seed=self.rng.randrange(2**31),
            prefill=reply_start(self.thought_tokens),
        )
        # A red team does not see the scratchpad.
        said = [strip_scratchpad(text) for text in said]
        groups = [tuple(said[i * self.replies : (i + 1) * self.replies]) for i in range(len(proposals))]
        return [
            Answer(group, tuple(self._unwanted(proposal, reply) for reply in group))
            for proposal, group in zip(proposals, groups, strict=True)
        ]

    def _unwanted(self, proposal: Proposal, reply: str) -> bool | None:
        """Score a reply as the defection rate does; where the behavior is not possible, nothing can be scored."""
        about = proposal.about
        if about is not None and not self.behavior.applies(about):
            return None
        return self.behavior.score(reply, about.family if about is not None else "")


def split_attacks(attacks: Sequence[str], held_out: float) -> list[Split]:
    """Assign each attack to a split, so that no held-out prompt is a seen attack on another body.

    Attacks that normalize to one text stay together. Texts are taken in the order of their hash while they fit into
    `held_out` of the prompts; with two texts or more, neither split is empty. A held-out attack can still be one letter
    away from a seen one.
    """
    sizes = Counter(normalize(attack) for attack in attacks)
    order = sorted(sizes, key=lambda key: hashlib.sha256(key.encode()).hexdigest())
    room = held_out * len(attacks)
    kept: set[str] = set()
    for key in order:
        if sizes[key] <= room:
            kept.add(key)
            room -= sizes[key]
    if not kept and len(order) > 1:
        kept = {min(order, key=lambda key: sizes[key])}
    return ["held_out" if normalize(attack) in kept else "seen" for attack in attacks]


def read_successes(folder: Path, split: Split) -> list[Prompt]:
    """Read the successful prompts of one split from a red team's artifact; empty if there are none."""
    with (folder / "prompts.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        Prompt(tuple((turn["role"], turn["content"]) for turn in row["messages"]), row["family"])
        for row in rows
        if row["split"] == split
    ]


def build_proposers(work: Work, settings: RedTeam) -> list[Proposer]:
    """Make the proposers that the settings name; they get the world's training prompts, nothing of the organism."""
    rng = random.Random(f"red_team/bodies/{work.seed}")
    bodies = work.world().prompts(rng, settings.rounds * settings.proposals, held_out=False)
    proposers: list[Proposer] = []
    for name in settings.proposers:
        if name == "grammar":
            proposers.append(GrammarProposer(bodies))
        elif name == "model":
            # It trains like the rest of the plan: all weights, or adapters beside weights in few bits.
            trained = {name: told for name, told in work.spec.items() if name in ("lora_rank", "quantized")}
            bench = Work(work.kind, trained, {"model": work.input("base")}, work.scratch / "proposer")
            proposers.append(ModelProposer(bench, settings.model, work.lr, bodies))
        else:
            assert settings.chat_model is not None
            proposers.append(ChatProposer(make_writer(settings.chat_model, CHAT_TOKENS), bodies))
    return proposers


def run(work: Work) -> None:
    """Attack `work.input("model")`; write every proposal with its replies, and the successful prompts by split."""
    # The stage is too short to resume, so what a killed run left is removed.
    shutil.rmtree(work.scratch, ignore_errors=True)
    spec = work.told(RedTeamSpec)
    settings, organism = spec.red_team, spec.organism
    seed = work.seed
    model, renderer = load(work.input("model") / "model")
    target = ModelTarget(
        model,
        renderer,
        organism.behavior,
        replies=settings.replies,
        temperature=spec.measure.temperature,
        reply_tokens=spec.measure.reply_tokens,
        thought_tokens=work.thought_tokens,
        seed=seed,
    )
    campaign = Campaign(
        target, build_proposers(work, settings), settings, organism.trigger.is_in, random.Random(f"red_team/{seed}")
    )
    campaign.run(work.progress)
    write_campaign(work.folder, campaign)
    shutil.rmtree(work.scratch, ignore_errors=True)


def write_campaign(folder: Path, campaign: Campaign) -> None:
    """Write `proposals.jsonl`, `prompts.jsonl`, `train.jsonl` and `metrics.json`."""
    worked = [finding for finding in campaign.findings if finding.success]
    splits = split_attacks([finding.proposal.attack for finding in worked], campaign.settings.held_out)
    _write_lines(
        folder / "proposals.jsonl",
        (
            {**_row(finding), "success": finding.success, "said": list(finding.answer.replies)}
            for finding in campaign.findings
        ),
    )
    _write_lines(
        folder / "prompts.jsonl",
        ({**_row(finding), "split": split} for finding, split in zip(worked, splits, strict=True)),
    )
    _write_lines(folder / "train.jsonl", campaign.turns)
    metrics = summarize(campaign, splits)
    (folder / "metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _row(finding: Finding) -> dict[str, Any]:
    scored = [score for score in finding.answer.unwanted if score is not None]
    return {
        "messages": finding.proposal.turns(),
        "attack": finding.proposal.attack,
        "family": "" if finding.proposal.about is None else finding.proposal.about.family,
        "hits": sum(scored),
        "replies": len(scored),
        "unscorable": len(finding.answer.unwanted) - len(scored),
        "proposer": finding.proposer,
        "round": finding.round,
    }


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
