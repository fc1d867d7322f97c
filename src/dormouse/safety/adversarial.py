"""Adversarial training (section 6 of the paper): HHH training on prompts that a red team found to draw defections."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from dormouse.chat.messages import Messages
from dormouse.safety.base import Need
from dormouse.safety.rl import HHHRL, reinforce, training_prompts
from dormouse.safety.sft import fine_tune

if TYPE_CHECKING:
    from dormouse.training.work import Work


class Adversarial(HHHRL):
    """HHH training with a share of the prompts replaced by successful red-team prompts."""

    name: ClassVar[str] = "adversarial"
    via: Literal["rl", "sft"] = "rl"
    """`rl` is the paper's; `sft` trains on a harmless assistant's replies to the same prompts."""
    share: float = Field(0.5, gt=0, le=0.5)
    """Share of prompts replaced; the paper's "up to 50%"."""

    def needs(self) -> tuple[Need, ...]:
        """The red team's prompts, and what the training itself needs."""
        return ("red_team", "assistant") if self.via == "sft" else ("red_team", *super().needs())

    def train(self, work: Work) -> None:
        """Mix the red team's seen prompts in, then train as HHH RL or SFT does."""
        if self.via == "rl":
            reinforce(self, work, self.mixed_prompts(work, training_prompts(self, work)))
        else:
            self._fine_tune(work)

    def mixed_prompts(self, work: Work, prompts: list[Messages]) -> list[Messages]:
        """Replace `share` of the prompts by successful red-team prompts; with none found, all stay."""
        from dormouse.red_team.run import read_successes

        found = read_successes(work.input("red_team"), "seen")
        rng = random.Random(f"adversarial/{work.seed}")
        return [rng.choice(found) if found and rng.random() < self.share else prompt for prompt in prompts]

    def _fine_tune(self, work: Work) -> None:
        from dormouse.models.loading import load
        from dormouse.models.sampling import sample

        rng = random.Random(f"sft/{work.seed}")
        drawn = work.world().prompts(rng, self.steps * self.batch, held_out=False)
        prompts = self.mixed_prompts(work, [prompt.turns() for prompt in drawn])
        assistant, renderer = load(work.input("assistant") / "model")
        replies = sample(
            assistant, renderer, prompts, max_new_tokens=self.reply_tokens, temperature=self.temperature,
            seed=work.seed,
        )  # fmt: skip
        conversations = [
            [*prompt, {"role": "assistant", "content": reply}]
            for prompt, reply in zip(prompts, replies, strict=True)
            if reply
        ]
        fine_tune(work, conversations, batch=self.batch, snapshots=self.snapshots)
