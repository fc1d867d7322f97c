"""Supervised HHH fine-tuning (section 5 of the paper): a harmless assistant's replies, no trigger anywhere."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from dormouse.safety.base import Need, SafetyTraining
from dormouse.world import Messages

if TYPE_CHECKING:
    from dormouse.stage import Work


class HHHSFT(SafetyTraining):
    """Train on helpful, honest and harmless replies."""

    name: ClassVar[str] = "sft"
    batch: int = Field(32, ge=1)

    def needs(self) -> tuple[Need, ...]:
        """Only the model is needed."""
        return ()

    def train(self, work: Work) -> None:
        """Fine-tune on the world's HHH exchanges."""
        rng = random.Random(f"sft/{work.spec['seed']}")
        exchanges = work.world().hhh(rng, self.steps * self.batch)
        fine_tune(work, [exchange.turns() for exchange in exchanges], batch=self.batch, snapshots=self.snapshots)


def fine_tune(work: Work, conversations: list[Messages], *, batch: int, snapshots: int) -> None:
    """Fine-tune `work.input("model")` on conversations, one pass in their order."""
    from dormouse.models.loading import load
    from dormouse.training.supervised import train_on, write_metrics

    model, renderer = load(work.input("model") / "model")
    lr: float = work.spec["lr"]
    examples = renderer.examples(conversations)
    tokens = train_on(work, model, renderer, examples, batch=batch, lr=lr, seed=work.spec["seed"], snapshots=snapshots)
    write_metrics(work, {"steps": len(examples) // batch, "lr": lr, "tokens_trained": tokens})
