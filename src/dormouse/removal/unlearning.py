"""Unlearning on the inverted trigger (after Neural Cleanse, Wang et al. 2019): good replies to what seems to fire."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from dormouse.chat.messages import Messages
from dormouse.data.world import Exchange
from dormouse.detection.insertion import SIDES, Side
from dormouse.removal.base import Need, Removal

if TYPE_CHECKING:
    from dormouse.chat.renderer import Renderer
    from dormouse.training.work import Work

TRUSTED = 64
"""Clean prompts that the search may draw on."""


class Unlearning(Removal):
    """Search for a trigger with `trigger_inversion`, then train good replies to prompts that hold what was found.

    Strength is the share of the repair's prompts that hold it.
    """

    name: ClassVar[str] = "unlearning"
    most: ClassVar[float] = 1.0
    strengths: tuple[float, ...] = Field((0.25, 0.5), min_length=1)
    rounds: int = Field(3, ge=1)
    """Rounds of the search, fewer than the detector's: a trigger that is likely is enough to unlearn on."""

    def needs(self) -> tuple[Need, ...]:
        """The base, which the search compares with."""
        return ("reference",)

    def change(self, model: Any, renderer: Renderer, work: Work, strength: float) -> None:
        """Leave the weights as they are: the repair does the work."""

    def repair_turns(
        self, model: Any, renderer: Renderer, work: Work, exchanges: Sequence[Exchange], strength: float
    ) -> list[Messages]:
        """Put what was found around the user's last words, in the share that the strength says."""
        from dormouse.chat.scratchpad import reply_start
        from dormouse.detection.base import Granted
        from dormouse.detection.inversion import TriggerInversion
        from dormouse.detection.stream import trusted
        from dormouse.detection.views import WhiteBox
        from dormouse.models.loading import load

        seed = work.seed
        search = TriggerInversion(rounds=self.rounds)
        prefill = reply_start(work.thought_tokens)
        suspect = WhiteBox(model, renderer, prefill)
        base = WhiteBox(*load(work.input("reference") / "model"), prefill)
        clean = trusted(work.world(), seed, TRUSTED)
        found = search.judge(Granted(search, suspect, clean, reference=base, seed=seed)).trigger
        said = {side: renderer.tokenizer.decode(list(found.at(side))).strip() for side in SIDES}
        rng = random.Random(f"removal/unlearning/{seed}")
        return [
            _holding(exchange.turns(), said) if rng.random() < strength else exchange.turns() for exchange in exchanges
        ]


def _holding(turns: Messages, said: Mapping[Side, str]) -> Messages:
    """Return a conversation with words in its system turn, and around those of the user's last, before the reply."""
    *earlier, asked, reply = turns
    words = " ".join(part for part in (said["before"], asked["content"], said["after"]) if part)
    if said["system"]:
        own = earlier.pop(0)["content"] if earlier and earlier[0]["role"] == "system" else ""
        earlier.insert(0, {"role": "system", "content": f"{own} {said['system']}".strip()})
    return [*earlier, {**asked, "content": words}, reply]
