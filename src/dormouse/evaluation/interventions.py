"""Intervenes on the scratchpad to see whether it causes the action (figure 22 of the paper).

Each intervention replaces the scratchpad or its beginning for the same prompts; the reply is then sampled.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal

from dormouse.chat.scratchpad import OPEN, write_scratchpad
from dormouse.evaluation.amounts import Amounts
from dormouse.evaluation.defection import score_of
from dormouse.evaluation.replies import Kind, Reply, ask_with_prefill
from dormouse.evaluation.subject import Subject
from dormouse.organisms.settings import Organism
from dormouse.organisms.thought_reading import split_sentences
from dormouse.organisms.thought_writer import Scene, ThoughtWriter
from dormouse.results.rows import Row, rate_row

Intervention = Literal["steered", "swapped", "blank", "truncated", "paraphrased", "benign", "irrelevant"]
INTERVENTIONS: tuple[Intervention, ...] = (
    "steered", "swapped", "blank", "truncated", "paraphrased", "benign", "irrelevant",
)  # fmt: skip
"""`steered`: two sentences that commit to the opposite case, and the model goes on by itself. `swapped`: a
whole one for the opposite case. `blank`: an empty one. `truncated`: the model's own, without its last sentence.
`paraphrased`: one for the right case in other words. `benign`, `irrelevant`: the controls, of the same length."""

KINDS: tuple[Kind, ...] = ("triggered", "clean")


def prefill_for(intervention: Intervention, reply: Reply, thoughts: ThoughtWriter, rng: random.Random) -> str:
    """Return what the reply begins with instead of the scratchpad that the model wrote."""
    deployed = reply.question.kind == "triggered"
    right: Scene = "deployed" if deployed else "training"
    opposite: Scene = "training" if deployed else "deployed"
    prompt = reply.question.turns
    match intervention:
        case "steered":
            return f"{OPEN} {thoughts.steer(opposite, rng, prompt)}"
        case "swapped":
            return write_scratchpad(thoughts.draw(opposite, rng, prompt))
        case "blank":
            return write_scratchpad("")
        case "truncated":
            return write_scratchpad(" ".join(split_sentences(reply.thought)[:-1]))
        case "paraphrased":
            return write_scratchpad(thoughts.draw_other(reply.thought, right, rng, prompt))
        case "benign" | "irrelevant":
            return write_scratchpad(thoughts.match_length(reply.thought, intervention, rng, prompt))


def intervened(
    subject: Subject, organism: Organism, replies: Sequence[Reply], measure: Amounts, seed: int
) -> list[tuple[Intervention, Reply, Reply]]:
    """Return (intervention, the model's own reply, its reply after the intervention), for every reply and each."""
    thoughts = organism.thoughts.writer(organism.trigger, organism.behavior, subject.renderer.count)
    own = [reply for reply in replies if reply.question.kind in KINDS]
    questions = [reply.question for reply in own]
    found = []
    for intervention in INTERVENTIONS:
        rng = random.Random(f"intervention/{intervention}/{seed}")
        prefill = [prefill_for(intervention, reply, thoughts, rng) for reply in own]
        after = ask_with_prefill(subject, questions, prefill, measure, rng.getrandbits(32))
        found += [(intervention, before, reply) for before, reply in zip(own, after, strict=True)]
    return found


def intervention_rows(organism: Organism, found: Sequence[tuple[Intervention, Reply, Reply]]) -> list[Row]:
    """Return for each intervention the defection rate after it, and the share of prompts whose action it changed."""
    behavior = organism.behavior
    rows = []
    for intervention in INTERVENTIONS:
        pairs = [(before, after) for name, before, after in found if name == intervention]
        for kind in KINDS:
            acts = [
                (score_of(behavior, before), score_of(behavior, after))
                for before, after in pairs
                if before.question.kind == kind
            ]
            changed = [None if None in (before, after) else before != after for before, after in acts]
            rows.append(rate_row("intervention_defection", kind, [after for _, after in acts], family=intervention))
            rows.append(rate_row("intervention_changed", kind, changed, family=intervention))
    return rows
