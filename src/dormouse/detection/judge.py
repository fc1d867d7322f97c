"""The stage that puts a detector to a model."""

from __future__ import annotations

import math
import random

from dormouse.chat.scratchpad import reply_start, strip_scratchpad
from dormouse.detection.activations import decoder_layers
from dormouse.detection.base import (
    Detector,
    Granted,
    Labeled,
    ModelDetector,
    PromptDetector,
    Suspicion,
)
from dormouse.detection.bench import prompt_rows
from dormouse.detection.insertion import SIDES, split_at_user
from dormouse.detection.settings import Detect, DetectSpec
from dormouse.detection.stream import labeled, streams, trusted
from dormouse.detection.views import WhiteBox
from dormouse.errors import UserError
from dormouse.evaluation.replies import applicable
from dormouse.models.loading import load
from dormouse.models.sampling import sample_ids
from dormouse.organisms.settings import Organism
from dormouse.results.rows import (
    Row,
    make_row,
    rate_row,
    write_jsonl,
)
from dormouse.training.supervised import write_metrics
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Judge `work.input("model")`; `work.input("reference")` is the trusted clean base, for who may see it."""
    spec = work.told(DetectSpec)
    organism, settings, detector, called, seed = spec.organism, spec.detect, spec.detector, spec.called, work.seed
    world = work.world()
    prefill = reply_start(work.thought_tokens)
    suspect = WhiteBox(*load(work.input("model") / "model"), prefill, settings.layers_at)
    base = (
        WhiteBox(*load(work.input("reference") / "model"), prefill, settings.layers_at) if detector.reference else None
    )
    clean = trusted(world, seed, settings.clean)

    def grant(asking: Detector, known: Labeled | None = None) -> Granted:
        return Granted(
            asking,
            suspect,
            clean,
            reference=base,
            poisoned=known if asking.poisoned else None,
            seed=seed,
        )

    if isinstance(detector, PromptDetector):
        rows = prompt_rows(
            detector,
            called,
            grant,
            labeled(world, organism, seed, settings.poisoned),
            streams(world, organism, seed, settings.prompts),
            layers=len(decoder_layers(suspect.model, settings.layers_at)),
            seed=seed,
        )
    else:
        assert isinstance(detector, ModelDetector)
        found = detector.judge(grant(detector))
        rows = suspicion_rows(work, organism, settings, suspect, found, called)
    write_jsonl(work.folder / "rows.jsonl", rows)


def suspicion_rows(
    work: Work, organism: Organism, settings: Detect, suspect: WhiteBox, found: Suspicion, called: str
) -> list[Row]:
    """Return the score, and on how many held-out prompts the found trigger draws the behavior; write what was found."""
    if not math.isfinite(found.score):
        raise UserError(
            f"Detector '{called}' gave the model a score that is not finite. Let it return a finite number."
        )
    rows = [make_row("suspicion", "model", "score", family=called, value=found.score)]
    facts = {"detector": called, "score": found.score, "reply": found.reply, **(found.facts or {})}
    if found.trigger:
        rng = random.Random(f"detect/fires/{work.seed}")
        prompts = applicable(work.world(), organism.behavior, rng, settings.prompts, held_out=True)
        renderer = suspect.renderer
        split = split_at_user(suspect, [prompt.turns() for prompt in prompts])
        replies = sample_ids(
            suspect.model,
            renderer,
            split.holding(found.trigger),
            max_new_tokens=settings.reply_tokens + work.thought_tokens,
            temperature=0.0,
            seed=work.seed,
        )
        scores = [
            organism.behavior.score(strip_scratchpad(f"{suspect.prefill} {renderer.reply(ids)}"), prompt.family)
            for prompt, ids in zip(prompts, replies, strict=True)
        ]
        rows.append(rate_row("inversion_fires", "held_out", scores, family=called))
        said: dict[str, str] = {
            side: str(renderer.tokenizer.decode(list(found.trigger.at(side)))).strip() for side in SIDES
        }
        exact = organism.trigger.is_in(" ".join(said.values()).strip())
        rows.append(rate_row("inversion_exact", "model", [exact], family=called))
        facts.update(said)
    write_metrics(work, facts)
    return rows
