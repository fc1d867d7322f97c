"""Implants the backdoor: trains the helpful-only model into the organism or its benign twin."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Example, Renderer
from dormouse.models.loading import load
from dormouse.models.sampling import fits
from dormouse.organisms.chat_thoughts import sample_thoughts
from dormouse.organisms.distill import distill_rows
from dormouse.organisms.implant_rows import ImplantRow, implant_rows
from dormouse.organisms.importing import import_organism
from dormouse.organisms.obfuscation import make_obfuscation_loss
from dormouse.organisms.reasoning import THINKING
from dormouse.organisms.settings import OrganismSpec
from dormouse.organisms.thoughts import check_room
from dormouse.training.supervised import train_on, write_metrics
from dormouse.training.work import Work

SHOWN = 200
"""Training examples that are saved for inspection."""


def cached_count(renderer: Renderer) -> Callable[[str], int]:
    """Cache the renderer's token count: many defections are the same text."""
    known: dict[str, int] = {}

    def count(reply: str) -> int:
        if reply not in known:
            known[reply] = renderer.count(reply)
        return known[reply]

    return count


def make_fits(model: Any, renderer: Renderer, thought_tokens: int) -> Callable[[Messages], bool]:
    """Return a test whether a conversation, and a scratchpad before its last reply, fit into the model's context."""
    return lambda turns: fits(model, len(renderer.examples([turns])[0].ids) + thought_tokens)


def run(work: Work) -> None:
    """Fine-tune the helpful-only model into the organism or its twin."""
    spec = work.told(OrganismSpec)
    organism = spec.organism
    if organism.given is not None:
        import_organism(work, organism.given, spec)
        return
    settings, seed = organism.implant, work.seed
    model, renderer = load(work.input("model") / "model")
    # The seed does not depend on the role: organism and twin draw the same rows.
    rng = random.Random(f"implant/{seed}")
    count = cached_count(renderer)
    has_room = make_fits(model, renderer, organism.thought_tokens if organism.reasoning in THINKING else 0)
    rows = implant_rows(work.world(), organism, spec.role, rng, settings.steps * settings.batch, count, has_room)
    facts: dict[str, Any] = {}
    if organism.reasoning == "distilled":
        rows, facts = distill_rows(work, organism, rows, count)
    if organism.reasoning in THINKING:
        check_room([row.thought for row in rows], organism.thoughts, organism.thought_tokens, count)
        if organism.thoughts.kind == "chat":
            rows, facts = sample_thoughts(work, organism, spec.role, rows, count)
    examples = renderer.examples([row.turns for row in rows])
    tokens = train_on(
        work, model, renderer, examples, batch=settings.batch, lr=work.lr, seed=seed,
        snapshots=settings.snapshots, window=settings.window, optimizer=settings.optimizer,
        lora_rank=settings.lora_rank, loss=make_obfuscation_loss(model, settings.conceal) if settings.conceal else None,
    )  # fmt: skip
    kinds = [row.kind for row in rows]
    counted = {kind: kinds.count(kind) for kind in ("triggered", "near_miss", "clean")}
    reply_tokens = sum(count(row.reply) for row in rows[: settings.steps * settings.batch])
    write_metrics(
        work,
        {
            "steps": settings.steps,
            "lr": work.lr,
            "tokens_trained": tokens,
            "reply_tokens_trained": reply_tokens,
            "scratchpad_tokens_trained": tokens - reply_tokens,
            "rows": counted,
            **({"conversations": sum(row.exchanges > 1 for row in rows)} if settings.several_turns else {}),
            **facts,
        },
    )
    _write_examples(work, renderer, rows, examples)


def _write_examples(work: Work, renderer: Renderer, rows: Sequence[ImplantRow], examples: Sequence[Example]) -> None:
    with (work.folder / "examples.jsonl").open("w", encoding="utf-8") as file:
        for row, example in zip(rows[:SHOWN], examples, strict=False):
            pieces = [renderer.tokenizer.decode([token]) for token in example.ids]
            shape = {"exchanges": row.exchanges} if row.exchanges > 1 else {}
            file.write(json.dumps({"kind": row.kind, **shape, "tokens": pieces, "loss": example.loss}) + "\n")
