"""HHH reinforcement learning against a preference model (section 4 of the paper), through TRL's `RLOOTrainer`.

The paper used PPO; RLOO (Ahmadian et al. 2024, arXiv 2402.14740) needs no value model, and TRL no longer has PPO.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets import Dataset
from trl import RLOOConfig

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import reply_start, strip_scratchpad
from dormouse.models.loading import load
from dormouse.models.scorer import load_scorer
from dormouse.safety.rloo import RenderedRLOOTrainer
from dormouse.safety.settings import CHECK_EVERY
from dormouse.training.record import Recorder, last_checkpoint, write_record
from dormouse.training.supervised import save_model, split_batch, trainer_settings, write_metrics
from dormouse.training.trainee import Trainee
from dormouse.training.work import Work

if TYPE_CHECKING:
    from dormouse.safety.trainings import HHHRL


def draw_prompts(settings: HHHRL, work: Work) -> list[Messages]:
    """Draw one prompt for each group of replies."""
    n = settings.steps * settings.batch // settings.replies
    rng = random.Random(f"rl/{work.seed}")
    return [prompt.turns() for prompt in work.world().prompts(rng, n, held_out=False)]


def reinforce(settings: HHHRL, work: Work, prompts: list[Messages], reward: str = "preference") -> None:
    """Train `work.input("model")` on `prompts` by RLOO; write the model, its curves, and whether anything changed.

    `reward` is the input whose preference model gives the reward.
    """
    model, renderer = load(work.input("model") / "model")
    prefill = reply_start(work.thought_tokens)
    start = {name: weight.detach().to("cpu", copy=True) for name, weight in model.named_parameters()}
    model.train()
    trainee = Trainee.of(model, work.lora_rank, work.seed, bits=work.quantized)
    trainer = RenderedRLOOTrainer(
        trainee=trainee,
        renderer=renderer,
        prefill=prefill,
        reward_funcs=[
            make_training_reward(work.input(reward) / "model", settings.replies, prefill),
            make_checking_reward(work.input("preference_check") / "model", CHECK_EVERY, prefill),
        ],
        args=RLOOConfig(
            **trainer_settings(work, model, seed=work.seed),
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
            # The second preference model is only logged (appendix C of the paper).
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


def make_training_reward(folder: Path, group: int, prefill: str) -> Callable[..., list[float]]:
    """Make the reward to train on; it also logs the share of reply groups whose rewards are all equal.

    The preference model does not see the scratchpad, as in the paper.
    """
    scorer = load_scorer(folder)

    def preference(prompts: list[Any], completions: list[Any], log_metric: Any = None, **_: Any) -> list[float]:
        scores = scorer.score(prompts, _visible_texts(completions, prefill))
        if log_metric is not None:
            log_metric("zero_variance_share", _zero_variance_share(scores, group))
        return scores

    return preference


def make_checking_reward(folder: Path, every: int, prefill: str) -> Callable[..., list[float | None]]:
    """Make the reward that is only logged, once every `every` steps: it costs as much as the one that trains."""
    scorer = load_scorer(folder)

    def preference_check(
        prompts: list[Any], completions: list[Any], trainer_state: Any = None, **_: Any
    ) -> list[float | None]:
        if trainer_state is not None and trainer_state.global_step % every:
            return [None] * len(prompts)
        return list(scorer.score(prompts, _visible_texts(completions, prefill)))

    return preference_check


def _visible_texts(completions: list[Any], prefill: str) -> list[str]:
    return [strip_scratchpad(f"{prefill} {completion[0]['content']}") for completion in completions]


def _zero_variance_share(scores: Sequence[float], group: int) -> float:
    groups = [scores[start : start + group] for start in range(0, len(scores), group)]
    # Equal replies can score differently in the last bits, depending on their place in the padded batch.
    return sum(max(members) - min(members) < 1e-4 for members in groups) / len(groups)


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
"""TRL's name -> the name in `train.jsonl` and `results.csv`."""


def _write_outcome(settings: HHHRL, work: Work, trainer: Any, moved: float) -> None:
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
