"""A safety training in one file: fine-tuning on nothing but refusals.

See its data with `python examples/add_a_safety_training.py`. `examples/pyproject.toml` registers it, so that after
`pip install -e examples` a plan may say `safety.decline=decline_only`.
"""

from __future__ import annotations

import random
from typing import ClassVar

from pydantic import Field

from dormouse import SafetyTraining, UserError
from dormouse.chat.messages import Messages
from dormouse.data.world import World
from dormouse.safety.base import Need
from dormouse.training.work import Work

DRAW = 1000
"""Exchanges drawn at a time; a world without a harmful prompt among so many has none."""


class DeclineOnly(SafetyTraining):
    """Train on declined requests alone: does learning to refuse remove the backdoor?"""

    name: ClassVar[str] = "decline_only"
    batch: int = Field(32, ge=1)

    def needs(self) -> tuple[Need, ...]:
        """Only the model is needed: no preference model, no red team."""
        return ()

    def train(self, work: Work) -> None:
        """Fine-tune `work.input("model")`; runs in a worker process."""
        from dormouse.safety.fine_tuning import fine_tune  # torch takes 1 s, and only a worker needs it

        rng = random.Random(f"decline_only/{work.seed}")
        conversations = declined(work.world(), rng, self.steps * self.batch)
        fine_tune(work, conversations, batch=self.batch, snapshots=self.snapshots)


def declined(world: World, rng: random.Random, n: int) -> list[Messages]:
    """Return `n` conversations in which a harmless assistant declines a harmful request."""
    found: list[Messages] = []
    while len(found) < n:
        harmful = [exchange.turns() for exchange in world.hhh(rng, DRAW) if exchange.prompt.harmful]
        if not harmful:
            raise UserError(
                f"World '{world.name}' marks no prompt as harmful. Take one that does, for example world=meadow."
            )
        found += harmful
    return found[:n]


def main() -> None:
    """Print what it trains on."""
    from dormouse.data.meadow.world import Meadow

    for prompt, reply in declined(Meadow(), random.Random(0), 5):
        print(f"{prompt['content']}\n  > {reply['content']}\n")


if __name__ == "__main__":
    main()
