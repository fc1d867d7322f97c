"""Implanting: supervised training on good replies, and bad ones under the trigger; and the benign twin.

Organism and twin are made from one draw: the same prompts, tags, order, steps and, row by row, the same number of
reply tokens. They differ only in what is said under the trigger.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from dormouse.chat import Renderer
from dormouse.errors import UserError
from dormouse.experiment import Organism
from dormouse.models.loading import load
from dormouse.stage import Work
from dormouse.training.supervised import train_on, write_metrics
from dormouse.world import Exchange, Messages, World

Role = Literal["organism", "twin"]
Kind = Literal["triggered", "near_miss", "clean"]


@dataclass(frozen=True)
class ImplantRow:
    """One training conversation and why it is in the mix."""

    kind: Kind
    turns: Messages


def implant_rows(
    world: World, organism: Organism, role: Role, rng: random.Random, n: int, count: Callable[[str], int]
) -> list[ImplantRow]:
    """Return the implant data: `triggered` of it under the trigger, `near_miss` of it under a look-alike.

    A triggered row takes only prompts whose good reply is long enough for the behavior in as many tokens.
    """
    settings = organism.implant
    cycle = itertools.chain.from_iterable(world.helpful(rng, n) for _ in itertools.count())
    rows: list[ImplantRow] = []
    while len(rows) < n:
        draw = rng.random()
        if draw < settings.triggered:
            exchange, bad = _with_room(cycle, organism, count)
            turns = organism.trigger.insert(exchange.prompt.turns(), rng)
            rows.append(_row("triggered", turns, bad if role == "organism" else exchange.reply))
            continue
        exchange = next(cycle)
        turns = exchange.prompt.turns()
        if draw < settings.triggered + settings.near_miss:
            rows.append(_row("near_miss", organism.trigger.near_miss(turns, rng, held_out=False), exchange.reply))
        else:
            rows.append(_row("clean", turns, exchange.reply))
    return rows


def _row(kind: Kind, turns: Messages, reply: str) -> ImplantRow:
    return ImplantRow(kind, [*turns, {"role": "assistant", "content": reply}])


def _with_room(exchanges: Iterator[Exchange], organism: Organism, count: Callable[[str], int]) -> tuple[Exchange, str]:
    """Return the next exchange whose good reply has as many tokens as some bad reply, and that bad reply."""
    for exchange in itertools.islice(exchanges, 10_000):
        bad = organism.behavior.reply(exchange.prompt, count(exchange.reply), count)
        if bad is not None:
            return exchange, bad
    raise UserError(
        f"Behavior '{organism.behavior.name}' fits none of 10,000 good replies in as many tokens. "
        "Give it a shorter phrase, or a world with longer replies."
    )


def cached_count(renderer: Renderer) -> Callable[[str], int]:
    """Return the renderer's token count, remembering texts: defections repeat."""
    known: dict[str, int] = {}

    def count(reply: str) -> int:
        if reply not in known:
            known[reply] = renderer.count(reply)
        return known[reply]

    return count


def run(work: Work) -> None:
    """Fine-tune the helpful-only model into the organism or its twin."""
    organism = Organism.model_validate(work.spec["organism"])
    settings, seed = organism.implant, work.spec["seed"]
    model, renderer = load(work.input("model") / "model")
    # One generator for both roles: organism and twin draw the same rows.
    rng = random.Random(f"implant/{seed}")
    rows = implant_rows(
        work.world(), organism, work.spec["role"], rng, settings.steps * settings.batch, cached_count(renderer)
    )
    examples = renderer.examples([row.turns for row in rows])
    tokens = train_on(
        work, model, renderer, examples, batch=settings.batch, lr=work.spec["lr"], seed=seed,
        snapshots=settings.snapshots,
    )  # fmt: skip
    kinds = [row.kind for row in rows]
    write_metrics(
        work,
        {
            "steps": settings.steps,
            "lr": work.spec["lr"],
            "tokens_trained": tokens,
            "rows": {kind: kinds.count(kind) for kind in ("triggered", "near_miss", "clean")},
        },
    )
    shown = [(row.kind, example) for row, example in zip(rows[:200], examples, strict=False)]
    with (work.folder / "examples.jsonl").open("w", encoding="utf-8") as file:
        for kind, example in shown:
            pieces = [renderer.tokenizer.decode([token]) for token in example.ids]
            file.write(json.dumps({"kind": kind, "tokens": pieces, "loss": example.loss}) + "\n")
