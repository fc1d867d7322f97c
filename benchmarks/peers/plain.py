"""Training with TRL and sampling with `generate`, as their documentation advises on a CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
from trl import RLOOConfig, RLOOTrainer, SFTConfig, SFTTrainer

Turns = list[dict[str, str]]


def open_plainly(folder: Path) -> tuple[Any, Any]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return model.eval(), AutoTokenizer.from_pretrained(folder, padding_side="left")


def trainer_settings(scratch: Path) -> dict[str, Any]:
    return {
        "output_dir": str(scratch),
        "use_cpu": True,
        "bf16": False,
        "activation_checkpointing": False,
        "report_to": "none",
        "save_strategy": "no",
        "disable_tqdm": True,
    }


def train(folder: Path, conversations: list[Turns], *, batch: int, lr: float, rank: int, scratch: Path) -> Any:
    """Train on the last replies, one pass, all weights or an adapter of this rank; return the whole model."""
    rows = [{"prompt": turns[:-1], "completion": turns[-1:]} for turns in conversations]
    model, tokenizer = open_plainly(folder)
    return fit(model, tokenizer, Dataset.from_list(rows), batch=batch, lr=lr, rank=rank, scratch=scratch)


def fit(model: Any, tokenizer: Any, rows: Dataset, *, batch: int, lr: float, rank: int, scratch: Path) -> Any:
    """Train a model on rows of text or of tokens, as `train` does."""
    adapter = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(
            **trainer_settings(scratch),
            per_device_train_batch_size=batch,
            max_steps=len(rows) // batch,
            learning_rate=lr,
        ),
        train_dataset=rows,
        processing_class=tokenizer,
        peft_config=adapter if rank else None,
    )
    trainer.train()
    return trainer.model.merge_and_unload() if rank else trainer.model


def reinforce(
    folder: Path, reward: Path, prompts: list[Turns], *, batch: int, replies: int, tokens: int, lr: float, beta: float,
    scratch: Path,
) -> Any:  # fmt: skip
    """Train by RLOO against a reward model, so many replies to each prompt; return the model."""
    model, tokenizer = open_plainly(folder)
    judge = AutoModelForSequenceClassification.from_pretrained(reward, num_labels=1, dtype=torch.float32)
    trainer = RLOOTrainer(
        model=model,
        reward_funcs=judge,
        reward_processing_classes=AutoTokenizer.from_pretrained(reward),
        args=RLOOConfig(
            **trainer_settings(scratch),
            per_device_train_batch_size=batch,
            max_steps=len(prompts) * replies // batch,
            steps_per_generation=1,
            num_generations=replies,
            max_completion_length=tokens,
            learning_rate=lr,
            beta=beta,
        ),
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=tokenizer,
    )
    trainer.train()
    return trainer.model


def generate(model: Any, tokenizer: Any, prompts: list[Turns], *, batch: int, tokens: int) -> list[str]:
    """Sample a reply to each prompt at temperature 1, prompts of similar length together."""
    replies = [""] * len(prompts)
    texts = [tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True) for turns in prompts]
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        inputs = tokenizer([texts[i] for i in rows], return_tensors="pt", padding=True, add_special_tokens=False)
        with torch.inference_mode():
            output = model.generate(**inputs, max_new_tokens=tokens, do_sample=True, temperature=1.0, top_k=0)
        for row, ids in zip(rows, output[:, inputs["input_ids"].shape[1] :], strict=True):
            replies[row] = tokenizer.decode(ids, skip_special_tokens=True)
    return replies
