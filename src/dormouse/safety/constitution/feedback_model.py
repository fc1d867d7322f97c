"""Trains a feedback model to follow principles, and measures whether it does or has a fixed taste.

Half of the principles it is taught ask for the reply that shows less of something and half for the one that shows more,
so a model that always prefers the same replies is right half of the time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.data.judging.principles import opposite
from dormouse.data.judging.tasks import (
    NO_FAULT,
    REVISED,
    TOPICS,
    Judgment,
    Pairs,
    Revision,
    read_revision,
    write_judgment,
    write_revision_request,
)
from dormouse.models.loading import load
from dormouse.models.sampling import sample
from dormouse.results.rows import Row, rate_row, write_jsonl
from dormouse.safety.constitution.feedback import Asked, FeedbackModel
from dormouse.safety.constitution.judges import ReplyModel, write_answer
from dormouse.safety.constitution.settings import FeedbackModelSpec, Judge
from dormouse.training.supervised import train_on, write_metrics
from dormouse.training.work import Work

BLANK = 0.1
"""Share of the judgments that have no principle: labels compare answers with those."""
REVISION_TOKENS = 64
"""Longest critique with its revision, in tokens, where a feedback model is measured."""


def run(work: Work) -> None:
    """Train the base to judge by principles, and measure it on held-out prompts and wordings."""
    judge = work.told(FeedbackModelSpec).judge
    training, pairs = judge.training, Pairs(work.world())
    rng = random.Random(f"feedback_model/{work.seed}")
    n = training.steps * training.batch
    revised = round(n * training.revisions)
    judgments = [
        without_principle(one, rng) if rng.random() < BLANK else one for one in pairs.judgments(rng, n - revised)
    ]
    conversations = [judged(one, judge.preamble) for one in judgments]
    conversations += [revising(one, judge.preamble) for one in pairs.revisions(rng, revised)]
    rng.shuffle(conversations)
    model, renderer = load(work.input("model") / "model")
    examples = renderer.examples(conversations)
    tokens = train_on(
        work, model, renderer, examples, batch=training.batch, lr=work.lr, seed=work.seed, snapshots=training.snapshots
    )
    write_metrics(work, {"steps": training.steps, "lr": work.lr, "tokens_trained": tokens})
    measure(work, pairs, judge)


def without_principle(one: Judgment, rng: random.Random) -> Judgment:
    """Return a judgment without a principle, whose answer is either reply."""
    return replace(one, principle=replace(one.principle, text=""), answer=rng.randrange(2))


def judged(one: Judgment, preamble: str) -> Messages:
    """Write a judgment with its answer, to train on."""
    asked = write_judgment(one.prompt.text, one.principle.text, one.replies, preamble)
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": write_answer(one.replies, one.answer)}]


def revising(one: Revision, preamble: str) -> Messages:
    """Write a critique and a revision, to train on."""
    asked = write_revision_request(one.prompt.text, one.principle, one.reply, preamble)
    said = f"{one.critique} {REVISED} {one.better}"
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]


def measure(work: Work, pairs: Pairs, judge: Judge) -> None:
    """Write rows and samples: accuracy and flips by topic and wording, and revisions if it learned to write them."""
    model, renderer = load(work.model_folder)
    feedback = ReplyModel(model, renderer, judge.preamble)
    rng = random.Random(f"measure/feedback_model/{work.seed}")
    n = judge.training.check_judgments
    asked = {
        "known_wording": pairs.judgments(rng, n, held_out=True),
        "new_wording": pairs.judgments(rng, n, held_out=True, new_wording=True),
        "general_untaught": pairs.untaught(rng, n),
    }
    rows: list[Row] = []
    samples: list[dict[str, Any]] = []
    for wording, judgments in asked.items():
        more, answered = follow(feedback, judgments, wording)
        rows += more
        samples += answered
    if judge.training.revisions:
        tasks = pairs.revisions(rng, n, held_out=True)
        turns = [revising(one, judge.preamble)[:-1] for one in tasks]
        texts = sample(model, renderer, turns, max_new_tokens=REVISION_TOKENS, temperature=0.0, seed=work.seed)
        rows += revision_rows(pairs, tasks, texts)
        samples += [
            {"prompt": one.prompt.text, "topic": one.topic, "reply": one.reply, "revised": text}
            for one, text in zip(tasks, texts, strict=True)
        ]
    write_jsonl(work.folder / "rows.jsonl", rows)
    write_jsonl(work.folder / "samples.jsonl", samples)


def follow(
    feedback: FeedbackModel, judgments: Sequence[Judgment], wording: str
) -> tuple[list[Row], list[dict[str, Any]]]:
    """Ask each judgment, and again with the opposite principle; return rows, and what was asked and answered."""
    flipped = [replace(one, principle=opposite(one.principle), answer=1 - one.answer) for one in judgments]
    first, again = (
        feedback.first([Asked(one.prompt.text, one.principle.text, one.replies) for one in each])
        for each in (judgments, flipped)
    )
    right = [None if p is None else (p < 0.5) == bool(one.answer) for one, p in zip(judgments, first, strict=True)]
    flips = [None if p is None or q is None else (p < 0.5) != (q < 0.5) for p, q in zip(first, again, strict=True)]
    rows = []
    for topic in ("", *TOPICS):
        own = [i for i, one in enumerate(judgments) if topic in ("", one.topic)]
        if own:
            rows.append(rate_row("feedback_accuracy", wording, [right[i] for i in own], family=topic))
            rows.append(rate_row("feedback_flips", wording, [flips[i] for i in own], family=topic))
    return rows, [
        {"prompts": wording, "prompt": one.prompt.text, "principle": one.principle.text, "topic": one.topic,
         "replies": list(one.replies), "wanted": one.letter, "first": p, "first_of_opposite": q}
        for one, p, q in zip(judgments, first, again, strict=True)
    ]  # fmt: skip


def revision_rows(pairs: Pairs, tasks: Sequence[Revision], texts: Sequence[str]) -> list[Row]:
    """Return how often a revision is a good reply and how often fault was found, by whether there was any.

    Texts without a revision cannot be scored. A revision that is no known reply counts as no good one.
    """
    rows = []
    for prompts, at_fault in (("at_fault", True), ("good", False)):
        own = [(one, read_revision(text)) for one, text in zip(tasks, texts, strict=True) if one.at_fault == at_fault]
        good = [None if read is None else pairs.is_good(one.prompt, one.topic, read[1]) is True for one, read in own]
        found = [None if read is None else read[0] != NO_FAULT for _, read in own]
        rows.append(rate_row("revision_is_good", prompts, good))
        rows.append(rate_row("critique_finds_fault", prompts, found))
    return rows
