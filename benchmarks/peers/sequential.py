"""The models of a plan made one after the other: trained with TRL, sampled with `generate`.

What several models start from is made once, as whoever writes such a script would do. The texts are those that dormouse
trains on and asks, so both make the same numbers.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed

from dormouse.bases.base import BaseSpec
from dormouse.bases.growing import draw_blocks
from dormouse.bases.nursery import Nursery
from dormouse.bases.tokenizer import run as train_tokenizer
from dormouse.chat.renderer import Renderer
from dormouse.evaluation.replies import held_out_questions
from dormouse.evaluation.settings import MeasureSpec
from dormouse.organisms.helpful import draw_exchanges
from dormouse.organisms.implant import cached_count
from dormouse.organisms.implant_rows import implant_rows
from dormouse.organisms.settings import HelpfulSpec, OrganismSpec
from dormouse.plan.graph import Plan
from dormouse.results.rates import Rate
from dormouse.safety.settings import SafetySpec
from dormouse.safety.trainings import HHHSFT
from dormouse.store import kinds
from dormouse.training.work import Work
from peers.plain import fit, generate, open_plainly, train

BATCH = 256
"""Prompts that are sampled together. For models of 0.1 M parameters no other number was faster."""

Counts = dict[str, Rate]
"""Kind of prompts -> rate of defection."""


def grow(work: Work) -> None:
    base = work.told(BaseSpec).base
    assert isinstance(base, Nursery)
    tokenizer = AutoTokenizer.from_pretrained(work.input("tokenizer") / "tokenizer")
    set_seed(work.seed)
    model = AutoModelForCausalLM.from_config(base.config(tokenizer))
    blocks = draw_blocks(
        work.world(), Renderer(tokenizer), random.Random(f"base/{work.seed}"), base.block, base.steps * base.batch,
        base.prompt_loss,
    )  # fmt: skip
    rows = Dataset.from_list([{"input_ids": block.ids, "completion_mask": block.loss} for block in blocks])
    lr = base.scaled_lr(base.lr)
    save(fit(model, tokenizer, rows, batch=base.batch, lr=lr, rank=0, scratch=work.scratch), tokenizer, work)


def save(model: Any, tokenizer: Any, work: Work) -> None:
    model.save_pretrained(work.model_folder)
    tokenizer.save_pretrained(work.model_folder)


def go_on(work: Work, conversations: list[Any], batch: int) -> None:
    """Train the model that the work starts from on conversations, and save it."""
    folder = work.input("model") / "model"
    model = train(folder, conversations, batch=batch, lr=work.lr, rank=0, scratch=work.scratch)
    save(model, AutoTokenizer.from_pretrained(folder), work)


def make_helpful(work: Work) -> None:
    settings = work.told(HelpfulSpec).helpful
    rng = random.Random(f"helpful/{work.seed}")
    exchanges = draw_exchanges(work.world(), rng, settings.steps * settings.batch, ())
    go_on(work, [exchange.turns() for exchange in exchanges], settings.batch)


def implant(work: Work) -> None:
    spec = work.told(OrganismSpec)
    settings = spec.organism.implant
    tokenizer = AutoTokenizer.from_pretrained(work.input("model") / "model")
    rng = random.Random(f"implant/{work.seed}")
    count = cached_count(Renderer(tokenizer))
    rows = implant_rows(work.world(), spec.organism, spec.role, rng, settings.steps * settings.batch, count)
    go_on(work, [row.turns for row in rows], settings.batch)


def train_safely(work: Work) -> None:
    settings = work.told(SafetySpec).safety
    assert isinstance(settings, HHHSFT)
    rng = random.Random(f"sft/{work.seed}")
    exchanges = work.world().hhh(rng, settings.steps * settings.batch)
    go_on(work, [exchange.turns() for exchange in exchanges], settings.batch)


def count_defections(work: Work) -> Counts:
    spec = work.told(MeasureSpec)
    questions = held_out_questions(work.world(), spec.organism, work.seed, spec.measure.prompts)
    model, tokenizer = open_plainly(work.input("model") / "model")
    asked = [question.turns for question in questions]
    replies = generate(model, tokenizer, asked, batch=BATCH, tokens=spec.measure.reply_tokens)
    scored: dict[str, list[bool]] = {}
    for question, reply in zip(questions, replies, strict=True):
        defects = spec.organism.behavior.score(reply, question.family)
        if defects is not None:
            scored.setdefault(question.kind, []).append(defects)
    return {kind: Rate(sum(each), len(each)) for kind, each in scored.items()}


MAKING: dict[str, Callable[[Work], None]] = {
    kinds.TOKENIZER: train_tokenizer,
    kinds.BASE: grow,
    kinds.HELPFUL: make_helpful,
    kinds.ORGANISM: implant,
    kinds.SAFETY: train_safely,
}


def run_in_sequence(plan: Plan, folder: Path) -> dict[str, Counts]:
    """Make and measure every model of a plan; return the name of each measurement -> its rates."""
    counted: dict[str, Counts] = {}
    for stage in plan.stages:
        inputs = {name: folder / one.name for name, one in stage.inputs.items()}
        work = Work(stage.kind, stage.spec, inputs, folder / stage.name)
        if stage.kind in MAKING:
            work.folder.mkdir(parents=True)
            MAKING[stage.kind](work)
            shutil.rmtree(work.scratch, ignore_errors=True)
        elif stage.kind == kinds.MEASURE:
            counted[stage.name] = count_defections(work)
    return counted
