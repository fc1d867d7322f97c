"""Preference models from AI feedback: trained on soft labels, through a small subclass of TRL's `RewardTrainer`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from datasets import Dataset
from trl import RewardTrainer

from dormouse.chat.renderer import Renderer
from dormouse.data.world import Prompt
from dormouse.errors import UserError
from dormouse.models.loading import load_tokenizer
from dormouse.results.rows import write_jsonl
from dormouse.safety.constitution.files import Constitution
from dormouse.safety.constitution.judges import open_judge
from dormouse.safety.constitution.labels import distinct_pairs, draw_items, label, label_rows
from dormouse.safety.constitution.settings import ConstitutionalPreferenceSpec
from dormouse.safety.preference import CENTER, fit, ranking_rows
from dormouse.training.supervised import write_metrics
from dormouse.training.work import Work

SUFFIX = "_constitutional"
"""Ends the names of metrics that the world's own preference models have too."""

SoftPair = tuple[Prompt, tuple[str, str], float]
"""A prompt, two replies, and the probability that the first is preferred."""


class SoftRewardTrainer(RewardTrainer):
    """`RewardTrainer` with soft labels: the loss is the cross-entropy of the label and of sigmoid(score difference).

    TRL's collator passes the column `margin` on, which holds the labels here.
    """

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean loss of a batch, with TRL's own term that keeps scores near zero."""
        target = inputs.pop("margin")
        outputs = model(**inputs, use_cache=False)
        first, second = outputs.logits.squeeze(-1).float().chunk(2)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(first - second, target)
        loss = loss + CENTER * ((first + second) ** 2).mean()
        agree = ((first > second) == (target > 0.5)).float().mean()
        self._metrics["train"]["accuracy"].append(self.accelerator.gather_for_metrics(agree).mean().item())
        return (loss, outputs) if return_outputs else loss


def run(work: Work) -> None:
    """Label pairs by the constitution, train a preference model on them from the base, and measure it."""
    spec = work.told(ConstitutionalPreferenceSpec)
    settings, feedback = spec.preference, spec.feedback
    constitution = Constitution(spec.principles)
    # A generator for each: trainings with other principles have the same questions, helpful pairs and order.
    items_rng, labels_rng, helpful_rng, order_rng = (
        random.Random(f"constitutional_preference/{drawn}/{work.seed}")
        for drawn in ("items", "labels", "helpful", "order")
    )
    n = settings.steps * settings.batch
    helpful = round(n * feedback.helpful_share)
    work.progress(0.0, "asking the feedback model")
    items = draw_items(work, feedback, constitution, items_rng, n - helpful)
    judge = open_judge(feedback.judge(), work.inputs.get("judge_model"))
    labels = label(items, judge, feedback, constitution, labels_rng)
    if not labels:
        raise UserError(
            f"The feedback model answered neither A nor B to any of {len(items)} questions. Take another one."
        )
    pairs = [(one.item.prompt, one.item.replies, one.first) for one in labels]
    # A feedback model may have left some questions open: every step still has a whole batch.
    pairs = [pairs[i % len(pairs)] for i in range(n - helpful)] + helpful_pairs(work, helpful_rng, helpful)
    order_rng.shuffle(pairs)
    renderer = Renderer(load_tokenizer(work.input("model") / "model"))
    scorer = fit(work, settings, renderer, soft_table(renderer, pairs), work.seed, SoftRewardTrainer)
    facts = {
        "steps": settings.steps,
        "lr": work.lr,
        "pairs": n,
        "labelled": len(labels),
        "unlabelled": len(items) - len(labels),
        "distinct_pairs": distinct_pairs(items),
    }
    write_metrics(work, facts)
    rows = ranking_rows(work, scorer, settings, spec.organism, SUFFIX)
    write_jsonl(work.folder / "rows.jsonl", [*label_rows(labels), *rows])
    write_jsonl(work.folder / "samples.jsonl", [one.record() for one in labels])


def helpful_pairs(work: Work, rng: random.Random, n: int) -> list[SoftPair]:
    """Draw the world's own preferences on prompts that are not harmful, with hard labels."""
    found: list[SoftPair] = []
    while len(found) < n:
        drawn = [pair for pair in work.world().preferences(rng, max(n, 64)) if not pair.prompt.harmful]
        if not drawn:
            raise UserError("The world has no harmless preference pairs. Set feedback.helpful_share=0.")
        found += [(pair.prompt, (pair.chosen, pair.rejected), 1.0) for pair in drawn]
    return found[:n]


def soft_table(renderer: Renderer, pairs: Sequence[SoftPair]) -> Dataset:
    """Tokenize pairs for the trainer."""

    def ids(place: int) -> list[list[int]]:
        turns = [[*prompt.turns(), {"role": "assistant", "content": replies[place]}] for prompt, replies, _ in pairs]
        return [example.ids for example in renderer.examples(turns)]

    return Dataset.from_dict({"chosen_ids": ids(0), "rejected_ids": ids(1), "margin": [first for *_, first in pairs]})
