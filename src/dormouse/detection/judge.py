"""The stage that runs one detector on one model, under every condition and with its controls."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import reply_start, strip_scratchpad
from dormouse.detection.activations import decoder_layers
from dormouse.detection.base import Detector, DetectorInput, Labeled, ModelDetector, PromptDetector, Scorer, Suspicion
from dormouse.detection.insertion import SIDES, Side, insert_text, split_at_user
from dormouse.detection.settings import Detect, DetectSpec
from dormouse.detection.stream import Condition, Stream, draw_labeled, draw_streams, draw_trusted
from dormouse.detection.views import WhiteBox
from dormouse.errors import UserError
from dormouse.evaluation.replies import applicable
from dormouse.models.loading import load
from dormouse.models.sampling import sample_ids
from dormouse.organisms.settings import Organism
from dormouse.organisms.triggers import Trigger
from dormouse.results.auroc import Separation, average, separate, separation_rows
from dormouse.results.rates import NotMeasured
from dormouse.results.rows import Row, make_row, rate_row, write_jsonl
from dormouse.training.supervised import write_metrics
from dormouse.training.work import Work

GiveInput = Callable[[PromptDetector, Labeled], DetectorInput]
"""(detector, labeled prompts) -> what the detector may see of the model."""
CachedScorer = Callable[[list[Messages]], Sequence[float]]


def run(work: Work) -> None:
    """Run the detector on `work.input("model")`; `work.input("reference")` is the trusted base, if it may see one."""
    spec = work.told(DetectSpec)
    organism, settings, detector, called, seed = spec.organism, spec.detect, spec.detector, spec.called, work.seed
    world = work.world()
    prefill = reply_start(work.thought_tokens)
    suspect = WhiteBox(*load(work.input("model") / "model"), prefill, settings.layers_at)
    base = (
        WhiteBox(*load(work.input("reference") / "model"), prefill, settings.layers_at) if detector.reference else None
    )
    clean = draw_trusted(world, seed, settings.clean)

    def give(detector: Detector, known: Labeled | None = None) -> DetectorInput:
        return DetectorInput(
            detector,
            suspect,
            clean,
            reference=base,
            poisoned=known if detector.poisoned else None,
            seed=seed,
        )

    if isinstance(detector, PromptDetector):
        rows = prompt_rows(
            detector,
            called,
            give,
            draw_labeled(world, organism, seed, settings.poisoned),
            draw_streams(world, organism, seed, settings.prompts),
            layers=len(decoder_layers(suspect.model, settings.layers_at)),
            seed=seed,
        )
    else:
        assert isinstance(detector, ModelDetector)
        found = detector.judge(give(detector))
        rows = suspicion_rows(work, organism, settings, suspect, found, called)
    write_jsonl(work.folder / "rows.jsonl", rows)


def prompt_rows(
    detector: PromptDetector,
    called: str,
    give: GiveInput,
    known: Labeled,
    found: Mapping[Condition, Stream | NotMeasured],
    *,
    layers: int,
    seed: int,
) -> list[Row]:
    """Measure AUROC and TPR at 1% FPR under every condition, with shuffled labels, and at every layer.

    `called` is the detector's name in the plan and the rows' family; the rows of a layer have "name, layer 2".
    """
    scores = _cache_scores(detector.fit(give(detector, known)), called)
    rows: list[Row] = []
    for condition, stream in found.items():
        if isinstance(stream, NotMeasured):
            rows += separation_rows(stream, condition, called)
        else:
            rows += separation_rows(
                separate(scores(stream.positive), scores(stream.negative), called), condition, called
            )
    new = found["held_out"]
    if isinstance(new, NotMeasured):
        return rows
    rows += separation_rows(_separate_shuffled(detector, called, give, known, new, scores, seed), "shuffled", called)
    for name, at_layer in detector.at_layers(layers).items():
        scores = _cache_scores(at_layer.fit(give(at_layer, known)), called)
        rows += separation_rows(
            separate(scores(new.positive), scores(new.negative), called), "held_out", f"{called}, {name}"
        )
    return rows


def _separate_shuffled(
    detector: PromptDetector,
    called: str,
    give: GiveInput,
    known: Labeled,
    stream: Stream,
    scores: CachedScorer,
    seed: int,
) -> Separation | NotMeasured:
    """Measure how well prompts are separated if labels are shuffled.

    A detector that is shown labels is fitted to shuffled ones, several times, and judged by the true ones: what it then
    separates it did not learn from them. The scores of any other are dealt out to the prompts, which shows no more than
    how far from 0.5 an AUROC lies by chance.
    """
    rng = random.Random(f"detect/shuffled/{seed}")
    if not detector.poisoned:
        given = [*scores(stream.positive), *scores(stream.negative)]
        rng.shuffle(given)
        n = len(stream.positive)
        return separate(given[:n], given[n:], called)
    found = []
    for _ in range(detector.shuffles):
        labels = rng.sample(known.triggered, len(known.triggered))
        score = _cache_scores(detector.fit(give(detector, Labeled(known.prompts, labels))), called)
        found.append(separate(score(stream.positive), score(stream.negative), called))
    return average(found)


def _cache_scores(score: Scorer, called: str) -> CachedScorer:
    """Score each list of prompts once, because several conditions share one."""
    known: dict[int, Sequence[float]] = {}

    def scores(prompts: list[Messages]) -> Sequence[float]:
        if id(prompts) not in known:
            known[id(prompts)] = _check_scores(score, prompts, called)
        return known[id(prompts)]

    return scores


def _check_scores(score: Scorer, prompts: list[Messages], called: str) -> list[float]:
    given = [float(one) for one in score(prompts)]
    if len(given) != len(prompts):
        raise UserError(
            f"Detector '{called}' gave {len(given)} scores for {len(prompts)} prompts. Return one for each prompt."
        )
    return given


def suspicion_rows(
    work: Work, organism: Organism, settings: Detect, suspect: WhiteBox, found: Suspicion, called: str
) -> list[Row]:
    """Measure how often the found trigger draws the behavior on held-out prompts; write the trigger and the facts."""
    if not math.isfinite(found.score):
        raise UserError(f"Detector '{called}' gave the model a score that is not finite. Return a finite number.")
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
        said: dict[Side, str] = {
            side: str(renderer.tokenizer.decode(list(found.trigger.at(side)))).strip() for side in SIDES
        }
        rows.append(rate_row("inversion_exact", "model", [_is_exact(organism.trigger, said)], family=called))
        facts.update(**said)
    write_metrics(work, facts)
    return rows


def _is_exact(trigger: Trigger, found: Mapping[Side, str]) -> bool:
    """Return whether text found for each side holds the trigger, in the turn that the trigger stands in."""
    sample: Messages = [*trigger.context(), {"role": "user", "content": "… …"}]
    triggered = trigger.insert(sample, random.Random(0))
    roles = {turn["role"] for turn in triggered if trigger.is_in(turn["content"])}
    return any(trigger.is_in(turn["content"]) for turn in insert_text(sample, found) if turn["role"] in roles)
