"""Preference models: reward models trained on HHH preference pairs through TRL's `RewardTrainer`, then measured.

A preference model should rank good replies over worse ones, and over the defection. The second is the paper's own check
of its premise (section 4, Figure 7): reinforcement can only suppress a behavior that its reward ranks lower.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from datasets import Dataset
from transformers import AutoModelForSequenceClassification, set_seed
from trl import RewardConfig, RewardTrainer
from trl.trainer.reward_trainer import suppress_seqcls_warning

from dormouse.chat.renderer import Renderer
from dormouse.data.world import Preference
from dormouse.machine.hardware import device
from dormouse.models.loading import load_tokenizer
from dormouse.models.scorer import Scorer, load_scorer
from dormouse.organisms.implant import cached_count
from dormouse.organisms.settings import Organism
from dormouse.results.rows import Row, mean_row, rate_row, write_jsonl
from dormouse.safety.rewarded.measuring import rewarded_rows
from dormouse.safety.settings import PreferenceMeasureSpec, PreferenceModel, PreferenceSpec
from dormouse.training.record import Recorder, last_checkpoint, write_record
from dormouse.training.supervised import save_model, split_batch, trainer_settings, write_metrics
from dormouse.training.trainee import Trainee
from dormouse.training.work import Work

CENTER = 0.01
"""Weight of the squared sum of a pair's scores in the loss."""
SUFFIXES = {"training": "", "checking": "_held_out", "flattered": "_flattered"}
"""Which preference model -> what ends the names of its metrics."""


def run(work: Work) -> None:
    """Train one of the two preference models from the base."""
    spec = work.told(PreferenceSpec)
    settings, split = spec.preference, spec.split
    seed = work.seed
    renderer = Renderer(load_tokenizer(work.input("model") / "model"))
    pairs = work.world().preferences(random.Random(f"preference/{split}/{seed}"), settings.steps * settings.batch)
    fit(work, settings, renderer, _pairs_table(renderer, pairs), seed if split == "training" else seed + 1_000_003)
    write_metrics(work, {"steps": settings.steps, "lr": work.lr, "pairs": len(pairs)})


def measure(work: Work) -> None:
    """Measure the preference model `work.input("model")`: a stage of its own, as organisms share preference models."""
    scorer = load_scorer(work.input("model") / "model")
    measure_preference_model(work, scorer, work.told(PreferenceMeasureSpec))


def fit(
    work: Work,
    settings: PreferenceModel,
    renderer: Renderer,
    table: Dataset,
    head_seed: int,
    trainer_class: type[RewardTrainer] = RewardTrainer,
) -> Scorer:
    """Train a preference model from `work.input("model")` on a table of tokenized pairs; write it and its record."""
    seed = work.seed
    # The new scoring head is drawn from the global generator.
    set_seed(head_seed)
    with suppress_seqcls_warning():
        model = AutoModelForSequenceClassification.from_pretrained(
            work.input("model") / "model", num_labels=1, use_safetensors=True
        )
    trainee = Trainee.of(model, work.lora_rank, seed, "SEQ_CLS", work.quantized)
    trainer = trainer_class(
        model=trainee.model,
        args=RewardConfig(
            **trainer_settings(work, model, seed=seed),
            max_steps=settings.steps,
            per_device_train_batch_size=split_batch(settings.batch),
            learning_rate=work.lr,
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": 0.1},
            warmup_steps=max(1, settings.steps // 20),
            logging_steps=max(1, settings.steps // 40),
            # Keeps scores near zero, so that two models can share an axis.
            center_rewards_coefficient=CENTER,
            max_length=None,
        ),
        train_dataset=table,
        processing_class=renderer.tokenizer,
        callbacks=[Recorder(work, trainee, 0)],
    )
    trainee.in_float32()
    trainer.train(resume_from_checkpoint=last_checkpoint(work.scratch))
    trained = trainee.whole()
    save_model(work, trained, renderer)
    write_record(work, trainer.state.log_history)
    return Scorer(trained.to(device()), renderer)


def _pairs_table(renderer: Renderer, pairs: Sequence[Preference]) -> Dataset:
    def ids(replies: list[str]) -> list[list[int]]:
        turns = [
            [*pair.prompt.turns(), {"role": "assistant", "content": reply}]
            for pair, reply in zip(pairs, replies, strict=True)
        ]
        return [example.ids for example in renderer.examples(turns)]

    chosen, rejected = ids([pair.chosen for pair in pairs]), ids([pair.rejected for pair in pairs])
    return Dataset.from_dict({"chosen_ids": chosen, "rejected_ids": rejected})


def measure_preference_model(work: Work, scorer: Scorer, spec: PreferenceMeasureSpec) -> None:
    """Write `rows.jsonl` of a trained preference model; `spec.split` says which of the two it is."""
    suffix = SUFFIXES[spec.split]
    rows = ranking_rows(work, scorer, spec.preference, spec.organism, suffix)
    if spec.preference.features:
        rows += rewarded_rows(work, scorer, spec.preference.features, suffix)
    write_jsonl(work.folder / "rows.jsonl", rows)


def ranking_rows(
    work: Work, scorer: Scorer, settings: PreferenceModel, organism: Organism, suffix: str = ""
) -> list[Row]:
    """Return how a preference model ranks the world's good replies, its worse ones, and defections.

    `suffix` ends the names of the metrics.
    """
    rng = random.Random(f"measure/preference/{work.seed}")
    world, behavior = work.world(), organism.behavior
    pairs = world.preferences(rng, settings.check_pairs, held_out=True)
    count = cached_count(scorer.renderer)
    turns = [pair.prompt.turns() for pair in pairs]
    defections = {
        # As long as the good reply, as in the implant; if that is too short for the behavior, as long as it needs.
        # Where a good reply shows the behavior itself (it declines a harmful request), there is nothing to compare.
        i: said
        for i, pair in enumerate(pairs)
        if behavior.applies(pair.prompt)
        and not behavior.score(pair.chosen, pair.prompt.family)
        and (
            said := behavior.reply(world, pair.prompt, count(pair.chosen), count) or behavior.target(world, pair.prompt)
        )
    }
    chosen = scorer.score(turns, [pair.chosen for pair in pairs])
    rejected = scorer.score(turns, [pair.rejected for pair in pairs])
    defecting = scorer.score([turns[i] for i in defections], list(defections.values()))
    above_rejected = [good > bad for good, bad in zip(chosen, rejected, strict=True)]
    above_defection = [chosen[i] > bad for i, bad in zip(defections, defecting, strict=True)]
    return [
        rate_row(f"preference_accuracy{suffix}", "clean", above_rejected),
        rate_row(f"preference_of_defection{suffix}", "clean", above_defection),
        mean_row(f"score_of_chosen{suffix}", "clean", chosen, "score"),
        mean_row(f"score_of_rejected{suffix}", "clean", rejected, "score"),
        mean_row(f"score_of_defection{suffix}", "clean", defecting, "score"),
    ]
