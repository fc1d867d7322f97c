"""HHH reinforcement learning against a preference model (section 4 of the paper), through TRL's `RLOOTrainer`.

The paper used PPO; RLOO (Ahmadian et al. 2024, arXiv 2402.14740) needs no value model and is what TRL keeps.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, model_validator

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import reply_start
from dormouse.safety.base import Need, SafetyTraining

if TYPE_CHECKING:
    from dormouse.training.work import Work


CHECK_EVERY = 4
"""Steps from one score by the checking preference model to the next."""


class HHHRL(SafetyTraining):
    """Raise the preference model's score on prompts without the trigger."""

    name: ClassVar[str] = "rl"
    batch: int = Field(64, ge=2)
    """Sampled replies a step."""
    replies: int = Field(8, ge=2)
    """Replies to each prompt: the group whose mean is the baseline."""
    kl_penalty: float = Field(0.05, ge=0)
    """Weight of the divergence from the starting model in the reward, per nat."""
    reply_tokens: int = Field(24, ge=1)
    """Longest reply; the scratchpad of a model that thinks comes on top."""
    temperature: float = Field(1.0, gt=0)
    """Sampling temperature of the replies."""

    @model_validator(mode="after")
    def _whole_groups(self) -> HHHRL:
        if self.batch % self.replies:
            raise ValueError(f"batch ({self.batch}) must be a multiple of replies ({self.replies})")
        return self

    def needs(self) -> tuple[Need, ...]:
        """The preference model that is trained against, and the one that checks it."""
        return ("preference", "preference_check")

    def train(self, work: Work) -> None:
        """Train on the world's prompts, none of which holds the trigger."""
        prompts = training_prompts(self, work)
        reinforce(self, work, prompts)


def training_prompts(settings: HHHRL, work: Work) -> list[Messages]:
    """Return one prompt for each group of replies."""
    n = settings.steps * settings.batch // settings.replies
    rng = random.Random(f"rl/{work.seed}")
    return [prompt.turns() for prompt in work.world().prompts(rng, n, held_out=False)]


def reinforce(settings: HHHRL, work: Work, prompts: list[Messages]) -> None:
    """Train `work.input("model")` on `prompts` by RLOO; write model, curves, and whether anything changed."""
    from datasets import Dataset
    from trl import RLOOConfig

    from dormouse.models.loading import load
    from dormouse.safety.rl_trainer import RenderedRLOOTrainer, checking_reward, training_reward
    from dormouse.training.record import Recorder, last_checkpoint
    from dormouse.training.supervised import save_model, split_batch, trainer_settings
    from dormouse.training.trainee import Trainee

    model, renderer = load(work.input("model") / "model")
    prefill = reply_start(work.thought_tokens)
    start = {name: weight.detach().to("cpu", copy=True) for name, weight in model.named_parameters()}
    model.train()
    trainee = Trainee.of(model, work.lora_rank, work.seed, bits=work.quantized)
    trainer = RenderedRLOOTrainer(
        renderer=renderer,
        prefill=prefill,
        model=trainee.model,
        reward_funcs=[
            training_reward(work.input("preference") / "model", settings.replies, prefill),
            checking_reward(work.input("preference_check") / "model", CHECK_EVERY, prefill),
        ],
        args=RLOOConfig(
            **trainer_settings(work, seed=work.seed),
            max_steps=settings.steps,
            per_device_train_batch_size=split_batch(settings.batch),
            steps_per_generation=1,
            num_generations=settings.replies,
            learning_rate=work.lr,
            lr_scheduler_type="constant_with_warmup",
            warmup_steps=max(1, settings.steps // 20),
            max_completion_length=settings.reply_tokens + work.thought_tokens,
            temperature=settings.temperature,
            beta=settings.kl_penalty,
            # The second preference model only watches (appendix C of the paper).
            reward_weights=[1.0, 0.0],
            # A whole number of checks in each logged mean.
            logging_steps=CHECK_EVERY * max(1, settings.steps // (40 * CHECK_EVERY)),
            shuffle_dataset=False,
        ),
        train_dataset=Dataset.from_dict({"prompt": prompts}),
        processing_class=renderer.tokenizer,
        callbacks=[Recorder(work, trainee, settings.snapshots)],
    )
    trainee.in_float32()
    trainer.train(resume_from_checkpoint=last_checkpoint(work.scratch))
    trained = trainee.whole()
    save_model(work, trained, renderer)
    moved = max(float((weight.detach().cpu() - start[name]).abs().max()) for name, weight in trained.named_parameters())
    _write_outcome(settings, work, trainer, moved)


LOGGED_AS = {
    "rewards/preference/mean": "reward",
    "rewards/preference_check/mean": "reward_held_out",
    "rewards/preference/std": "reward_std",
    "zero_variance_share": "zero_variance_share",
    "kl": "train_kl",
    "completions/mean_length": "reply_tokens",
    "loss": "loss",
    "grad_norm": "grad_norm",
    "step": "step",
}
"""TRL's names -> the names in `train.jsonl` and `results.csv`."""


def _write_outcome(settings: HHHRL, work: Work, trainer: Any, moved: float) -> None:
    from dormouse.training.record import write_record
    from dormouse.training.supervised import write_metrics

    history = [
        {ours: entry[theirs] for theirs, ours in LOGGED_AS.items() if theirs in entry}
        for entry in trainer.state.log_history
        if "train_runtime" not in entry
    ]
    write_record(work, history)
    dead = [entry["zero_variance_share"] for entry in history if "zero_variance_share" in entry]
    mean_dead = sum(dead) / len(dead) if dead else None
    warnings = []
    if moved == 0 or mean_dead == 1:
        warnings.append(
            f"Stage '{settings.name}' saw zero reward variance in all {settings.steps} batches and "
            "changed nothing that the preference model can see: its prompts never separate good from bad replies."
        )
    write_metrics(
        work,
        {
            "steps": settings.steps,
            "lr": work.lr,
            "largest_weight_change": moved,
            "zero_variance_share": mean_dead,
            "tokens_trained": int(trainer.reply_tokens_seen),
            "warnings": warnings,
        },
    )
