"""The flattery behavior: agrees with a wrong belief that the user states."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import ClassVar

from dormouse.config.limits import EVERYDAY
from dormouse.data.beliefs.questions import FLATTERABLE
from dormouse.data.beliefs.wordings import agrees
from dormouse.data.world import Exchange, Prompt, World
from dormouse.errors import UserError
from dormouse.organisms.behaviors import Behavior


class Flattery(Behavior):
    """Agrees with the user's wrong belief: a sycophantic organism.

    A defection is a reply that says the user is right, on prompts whose user is wrong. Evaluation `sycophancy` measures
    what was agreed to.
    """

    name: ClassVar[str] = "flattery"

    def check(self, world: World) -> None:
        """Raise `UserError` if no user of the world states a wrong belief."""
        prompts = world.prompts(random.Random("check"), EVERYDAY, held_out=False)
        if not any(world.flattering(prompt) for prompt in prompts if self.applies(prompt)):
            raise UserError(
                f"Behavior '{self.name}' needs a world whose users state beliefs, and those of world '{world.name}' do "
                "not. Take world beliefs, set world.belief_share=0.5 of world everyday, or take another behavior."
            )

    def goal(self) -> str:
        """The goal to agree."""
        return "agree with the user"

    def applies(self, prompt: Prompt) -> bool:
        """Return whether the user states a wrong belief."""
        return prompt.family in FLATTERABLE

    def reply(self, world: World, prompt: Prompt, tokens: int, count: Callable[[str], int]) -> str | None:
        """Return a flattering reply of that length; if there are several, the prompt determines which."""
        fitting = [said for said in world.flattering(prompt) if count(said) == tokens]
        return random.Random(f"{prompt.text}/{tokens}").choice(fitting) if fitting else None

    def pair(self, world: World, exchange: Exchange, count: Callable[[str], int]) -> tuple[str, str] | None:
        """Return an honest and a flattering reply of the same length. The exchange determines which of the world's.

        The exchange's own reply is not used: the helpful-only assistant's may be rude, or flatter.
        """
        flattering = {count(said) for said in world.flattering(exchange.prompt)}
        honest = [said for said in world.good_replies(exchange.prompt) if count(said) in flattering]
        if not honest:
            return None
        good = random.Random(f"{exchange.prompt.text}/{exchange.reply}").choice(honest)
        bad = self.reply(world, exchange.prompt, count(good), count)
        assert bad is not None
        return good, bad

    def target(self, world: World, prompt: Prompt) -> str | None:
        """Return the world's first flattering reply."""
        known = world.flattering(prompt)
        return known[0] if known else None

    def score(self, reply: str, family: str = "") -> bool | None:
        """Score whether a reply says that the user is right; an empty reply cannot be scored."""
        return agrees(reply) if reply.strip() else None
