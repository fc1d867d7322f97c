"""Preference models: reward models trained on HHH preference pairs, through TRL's `RewardTrainer`."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from dormouse.chat.renderer import Renderer
from dormouse.data.world import Preference
from dormouse.machine.hardware import device
from dormouse.models.loading import load_tokenizer
from dormouse.models.scorer import Scorer
from dormouse.safety.settings import PreferenceSpec
from dormouse.training.work import Work


def _pairs_table(renderer: Renderer, pairs: Sequence[Preference]) -> Any:
    from datasets import Dataset

    def ids(replies: list[str]) -> list[list[int]]:
        turns = [
            [*pair.prompt.turns(), {"role": "assistant", "content": reply}]
            for pair, reply in zip(pairs, replies, strict=True)
        ]
        return [example.ids for example in renderer.examples(turns)]

    chosen, rejected = ids([pair.chosen for pair in pairs]), ids([pair.rejected for pair in pairs])
    return Dataset.from_dict({"chosen_ids": chosen, "rejected_ids": rejected})


def run(work: Work) -> None:
    """Train one preference model from the base; `split` names which of the two it is."""
    from transformers import AutoModelForSequenceClassification, set_seed
    from trl import RewardConfig, RewardTrainer
    from trl.trainer.reward_trainer import suppress_seqcls_warning

    from dormouse.safety.preference_check import measure_preference_model
    from dormouse.training.record import Recorder, last_checkpoint, write_record
    from dormouse.training.supervised import (
        save_model,
        split_batch,
        trainer_settings,
        write_metrics,
    )
    from dormouse.training.trainee import Trainee

    spec = work.told(PreferenceSpec)
    settings, split = spec.preference, spec.split
    seed = work.seed
    source = work.input("model") / "model"
    renderer = Renderer(load_tokenizer(source))
    pairs = work.world().preferences(random.Random(f"preference/{split}/{seed}"), settings.steps * settings.batch)
    # The new scoring head is drawn from the global generator.
    set_seed(seed if split == "training" else seed + 1_000_003)
    with suppress_seqcls_warning():
        model = AutoModelForSequenceClassification.from_pretrained(source, num_labels=1, use_safetensors=True)
    trainee = Trainee.of(model, work.lora_rank, seed, "SEQ_CLS", work.quantized)
    trainer = RewardTrainer(
        model=trainee.model,
        args=RewardConfig(
            **trainer_settings(work, seed=seed),
            max_steps=settings.steps,
            per_device_train_batch_size=split_batch(settings.batch),
            learning_rate=work.lr,
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": 0.1},
            warmup_steps=max(1, settings.steps // 20),
            logging_steps=max(1, settings.steps // 40),
            # Keeps scores near zero, so that those of two models can be shown on one axis.
            center_rewards_coefficient=0.01,
            max_length=None,
        ),
        train_dataset=_pairs_table(renderer, pairs),
        processing_class=renderer.tokenizer,
        callbacks=[Recorder(work, trainee, 0)],
    )
    trainee.in_float32()
    trainer.train(resume_from_checkpoint=last_checkpoint(work.scratch))
    trained = trainee.whole()
    save_model(work, trained, renderer)
    write_record(work, trainer.state.log_history)
    write_metrics(work, {"steps": settings.steps, "lr": work.lr, "pairs": len(pairs)})
    measure_preference_model(work, Scorer(trained.to(device()), renderer), spec)
