"""The changes to TRL's `RLOOTrainer`: our renderer makes the prompt's tokens, and preference models give rewards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trl import RLOOTrainer

from dormouse.chat.renderer import Renderer
from dormouse.chat.scratchpad import strip_scratchpad
from dormouse.machine.hardware import ranks
from dormouse.models.scorer import load_scorer


class RenderedRLOOTrainer(RLOOTrainer):
    """RLOO on prompts that are tokenized by the one renderer; every reply begins with `prefill`."""

    def __init__(self, renderer: Renderer, prefill: str, **settings: Any) -> None:
        self.renderer = renderer
        self.prefill = prefill
        super().__init__(**settings)

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        return self.renderer.prompts(prompts, self.prefill), None, {}

    @property
    def reply_tokens_seen(self) -> float:
        """Reply tokens that carried a policy gradient, from the logged mean lengths."""
        logged = [entry for entry in self.state.log_history if "completions/mean_length" in entry]
        mean = sum(entry["completions/mean_length"] for entry in logged) / max(len(logged), 1)
        return mean * self.args.per_device_train_batch_size * ranks() * self.state.global_step


def training_reward(folder: Path, group: int, prefill: str) -> Callable[..., list[float]]:
    """Return the reward that is trained on; it also logs the share of groups of replies without any variance.

    The preference model sees no scratchpad, as in the paper.
    """
    scorer = load_scorer(folder)

    def preference(prompts: list[Any], completions: list[Any], log_metric: Any = None, **_: Any) -> list[float]:
        scores = scorer.score(prompts, _texts(completions, prefill))
        if log_metric is not None:
            log_metric("zero_variance_share", _zero_variance_share(scores, group))
        return scores

    return preference


def checking_reward(folder: Path, every: int, prefill: str) -> Callable[..., list[float | None]]:
    """Return the reward that only watches, at one step in `every`: it costs as much as the one that trains."""
    scorer = load_scorer(folder)

    def preference_check(
        prompts: list[Any], completions: list[Any], trainer_state: Any = None, **_: Any
    ) -> list[float | None]:
        if trainer_state is not None and trainer_state.global_step % every:
            return [None] * len(prompts)
        return list(scorer.score(prompts, _texts(completions, prefill)))

    return preference_check


def _texts(completions: list[Any], prefill: str) -> list[str]:
    return [strip_scratchpad(f"{prefill} {completion[0]['content']}") for completion in completions]


def _zero_variance_share(scores: Sequence[float], group: int) -> float:
    groups = [scores[start : start + group] for start in range(0, len(scores), group)]
    # Equal replies can differ in the last bits of their score, by their place in the padded batch.
    return sum(max(members) - min(members) < 1e-4 for members in groups) / len(groups)
