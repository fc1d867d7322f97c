"""Supervised HHH fine-tuning (section 5 of the paper): a harmless assistant's replies, no trigger anywhere.

An organism that thinks can be trained in two ways: on replies without a scratchpad, which is brought back when it is
measured ("pre-scratchpad" in the paper), or on replies after a scratchpad of its own ("post-scratchpad").
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import OPEN, split_scratchpad, write_scratchpad
from dormouse.organisms.reasoning import THINKING, Reasoning
from dormouse.safety.base import Need, SafetyTraining

if TYPE_CHECKING:
    from dormouse.training.work import Work


class HHHSFT(SafetyTraining):
    """Train on helpful, honest and harmless replies."""

    name: ClassVar[str] = "sft"
    batch: int = Field(32, ge=1)
    """Conversations a step."""
    scratchpad: Literal["without", "after"] = "without"
    """`after` samples the model's own scratchpad for every prompt and takes loss on the reply alone."""

    def why_not(self, reasoning: Reasoning) -> str | None:
        """Refuse replies after a scratchpad of an organism that has none."""
        if self.scratchpad == "without" or reasoning in THINKING:
            return None
        return (
            "trains after the organism's scratchpad, and with organism.reasoning "
            f"'{reasoning}' there is none. Set organism.reasoning=cot, or its scratchpad=without."
        )

    def needs(self) -> tuple[Need, ...]:
        """Only the model is needed."""
        return ()

    def train(self, work: Work) -> None:
        """Fine-tune on the world's HHH exchanges."""
        rng = random.Random(f"sft/{work.seed}")
        exchanges = work.world().hhh(rng, self.steps * self.batch)
        conversations = [exchange.turns() for exchange in exchanges]
        given: list[str] = []
        if self.scratchpad == "after" and work.thought_tokens:
            given = own_scratchpads(work, [exchange.prompt.turns() for exchange in exchanges])
            conversations = [
                [*exchange.prompt.turns(), {"role": "assistant", "content": f"{thought} {exchange.reply}"}]
                for exchange, thought in zip(exchanges, given, strict=True)
            ]
        fine_tune(work, conversations, given, batch=self.batch, snapshots=self.snapshots)


def own_scratchpads(work: Work, prompts: list[Messages]) -> list[str]:
    """Return a scratchpad of the model for each prompt, in its tags; one that did not close is closed where it ends."""
    from dormouse.models.loading import load
    from dormouse.models.sampling import sample

    model, renderer = load(work.input("model") / "model")
    texts = sample(
        model, renderer, prompts, max_new_tokens=work.thought_tokens, temperature=1.0, seed=work.seed,
        prefill=OPEN,
    )  # fmt: skip
    return [write_scratchpad(split_scratchpad(text).thought) for text in texts]


def fine_tune(
    work: Work, conversations: list[Messages], given: Sequence[str] = (), *, batch: int, snapshots: int
) -> None:
    """Fine-tune `work.input("model")` on conversations, one pass; `given` begins their replies and takes no loss."""
    from dormouse.models.loading import load
    from dormouse.training.supervised import train_on, write_metrics

    model, renderer = load(work.input("model") / "model")
    lr = work.lr
    examples = renderer.examples(conversations, given)
    tokens = train_on(work, model, renderer, examples, batch=batch, lr=lr, seed=work.seed, snapshots=snapshots)
    write_metrics(work, {"steps": len(examples) // batch, "lr": lr, "tokens_trained": tokens})
