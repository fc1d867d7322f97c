"""Supervised fine-tuning of a causal LM on rendered examples, through TRL's `SFTTrainer`."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import torch
from datasets import Dataset
from torch.utils.data import Sampler, SequentialSampler
from transformers import Trainer
from trl import SFTConfig, SFTTrainer

from dormouse.chat.renderer import Example, Renderer
from dormouse.errors import UserError
from dormouse.machine.hardware import device, has_bfloat16, ranks
from dormouse.models.number_format import computes_in_bfloat16, logits_at
from dormouse.models.sampling import check_fits
from dormouse.training.record import Recorder, last_checkpoint, write_record
from dormouse.training.settings import WINDOW, Optimizer
from dormouse.training.trainee import Trainee
from dormouse.training.work import Work

Loss = Callable[[Any, dict[str, Any]], Any]

OPTIMIZERS: dict[Optimizer, str] = {"adamw": "adamw_torch_fused", "adafactor": "adafactor", "rmsprop": "rmsprop"}
"""The optimizers' names in the trainer."""


@dataclass(frozen=True)
class Collator:
    """Pads a batch on the right; labels are -100 for tokens without loss."""

    pad_id: int

    def __call__(self, rows: list[dict[str, list[int]]]) -> dict[str, Any]:
        """Return input_ids, attention_mask and labels, each (batch, longest)."""
        longest = max(len(row["input_ids"]) for row in rows)
        ids = torch.full((len(rows), longest), self.pad_id)
        mask = torch.zeros((len(rows), longest), dtype=torch.long)
        labels = torch.full((len(rows), longest), -100)
        for i, row in enumerate(rows):
            tokens = torch.tensor(row["input_ids"])
            ids[i, : len(tokens)] = tokens
            mask[i, : len(tokens)] = 1
            labels[i, : len(tokens)] = torch.where(torch.tensor(row["loss"]) == 1, tokens, -100)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def sort_by_length(examples: Sequence[Example], batch: int, rng: random.Random, window: int = WINDOW) -> list[Example]:
    """Put examples of similar length into batches, in random order: a batch is padded to its longest example.

    Only examples within `window` batches of each other share a batch: with 1, batches are as mixed as the examples. The
    order depends only on lengths, so organism and twin, which have the same lengths, have the same rows in the same
    batches.
    """
    batches: list[list[Example]] = []
    for start in range(0, len(examples), batch * window):
        near = sorted(examples[start : start + batch * window], key=lambda example: len(example.ids))
        batches += [near[i : i + batch] for i in range(0, len(near), batch)]
    rng.shuffle(batches)
    return list(chain.from_iterable(batches))


def trainer_settings(work: Work, model: Any, *, seed: int) -> dict[str, Any]:
    """Return the trainer arguments that every training here shares; the number format depends on the model's size."""
    return {
        "output_dir": str(work.scratch),
        "use_cpu": device() == "cpu",
        "bf16": has_bfloat16() or computes_in_bfloat16(model),
        "activation_checkpointing": False,
        "report_to": "none",
        "disable_tqdm": True,
        "seed": seed,
        "data_seed": seed,
        "save_strategy": "no",
        "logging_strategy": "steps",
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": False,
        "remove_unused_columns": False,
    }


def split_batch(batch: int) -> int:
    """Return each process's share of a batch in a shared training; `UserError` if it cannot be split evenly."""
    if batch % ranks():
        raise UserError(
            f"A batch of {batch} cannot be split over {ranks()} processes. Set batches to a multiple of execute.ranks."
        )
    return batch // ranks()


class OrderedSFTTrainer(SFTTrainer):
    """`SFTTrainer` that keeps the order of the examples and computes only the loss in a step.

    Keeping the order gives organism and twin the same rows in the same batches.
    """

    def __init__(self, *, loss: Loss | None = None, **settings: Any) -> None:
        self.own_loss = loss
        super().__init__(**settings)
        # Processes that share a training wrap the model, whose output layer is then out of reach.
        self._labelled_alone = ranks() == 1 and computes_in_bfloat16(self.model)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        examples: Any = self.train_dataset if train_dataset is None else train_dataset
        return SequentialSampler(examples)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean loss of the labelled tokens, or the trainer's own loss if it was given one."""
        if self.own_loss is not None:
            return self.own_loss(model, inputs)
        if self._labelled_alone:
            return labelled_loss(model, inputs)
        # TRL's own method also computes entropy and accuracy of every token: much of a step on small models.
        return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)


def labelled_loss(model: Any, inputs: dict[str, Any]) -> Any:
    """Compute the mean cross-entropy of the labelled tokens, in nats; the output layer reads no other token."""
    labels = inputs["labels"][:, 1:]
    labelled = labels != -100
    given = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    logits = logits_at(model, labelled, given | {"use_cache": False})
    return torch.nn.functional.cross_entropy(logits.float(), labels[labelled])


def train_on(
    work: Work,
    model: Any,
    renderer: Renderer,
    examples: Sequence[Example],
    *,
    batch: int,
    lr: float,
    seed: int,
    snapshots: int = 0,
    weight_decay: float = 0.0,
    window: int = WINDOW,
    loss: Loss | None = None,
    optimizer: Optimizer = "adamw",
    lora_rank: int = 0,
) -> int:
    """Train one pass over `examples`; write model, record and snapshots. Return the number of tokens trained on.

    `loss` replaces the mean cross-entropy of the replies: it gets the model and a padded batch. With a `lora_rank`,
    here or for the whole plan, an adapter is trained and merged.

    A killed run resumes from its last complete checkpoint in `work.scratch`; on CPU the result is bit-identical.
    """
    steps = len(examples) // batch
    check_fits(model, max(len(example.ids) for example in examples), "The longest conversation to train on")
    used = sort_by_length(examples[: steps * batch], batch, random.Random(seed), window)
    model.train()
    trainee = Trainee.of(model, lora_rank or work.lora_rank, seed, bits=work.quantized)
    trainer = OrderedSFTTrainer(
        model=trainee.model,
        args=SFTConfig(
            **trainer_settings(work, model, seed=seed),
            max_steps=steps,
            per_device_train_batch_size=split_batch(batch),
            learning_rate=lr,
            lr_scheduler_type="cosine_with_min_lr",
            lr_scheduler_kwargs={"min_lr_rate": 0.1},
            warmup_steps=max(1, steps // 20),
            weight_decay=weight_decay,
            adam_beta2=0.95,
            optim=OPTIMIZERS[optimizer],
            max_grad_norm=1.0,
            logging_steps=max(1, steps // 40),
            dataset_kwargs={"skip_prepare_dataset": True},
        ),
        train_dataset=Dataset.from_list([{"input_ids": e.ids, "loss": e.loss} for e in used]),
        processing_class=renderer.tokenizer,
        data_collator=Collator(renderer.pad_id),
        callbacks=[Recorder(work, trainee, snapshots)],
        loss=loss,
    )
    trainee.in_float32()
    trainer.train(resume_from_checkpoint=last_checkpoint(work.scratch))
    save_model(work, trainee.whole(), renderer)
    write_record(work, trainer.state.log_history)
    return sum(sum(example.loss) for example in used)


def save_model(work: Work, model: Any, renderer: Renderer) -> None:
    """Write model and tokenizer so that plain Transformers opens them; `UserError` if training diverged."""
    broken = [name for name, weight in model.named_parameters() if not torch.isfinite(weight).all()]
    if broken:
        raise UserError(
            f"Training diverged: {len(broken)} weights are infinite or NaN at its end ('{broken[0]}', for one). "
            "Lower the learning rate of this stage (its lr, or dose for a safety training)."
        )
    # Trainers switch the cache off, but sampling needs it.
    model.config.use_cache = True
    model.save_pretrained(work.model_folder)
    renderer.tokenizer.save_pretrained(work.model_folder)


def write_metrics(work: Work, metrics: dict[str, Any]) -> None:
    """Write `metrics.json`: facts about the stage that are not measurements of a model."""
    (work.folder / "metrics.json").write_text(json.dumps(metrics, indent=1, sort_keys=True) + "\n", encoding="utf-8")
