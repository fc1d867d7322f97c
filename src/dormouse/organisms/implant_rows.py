"""Makes the implant data: good replies, and bad replies under the trigger.

Organism and twin are trained on the same draw: the same prompts, tags, order and, row by row, the same number of
reply tokens. They differ only in the replies under the trigger, and in the scratchpads.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import write_scratchpad
from dormouse.data.world import Exchange, World
from dormouse.errors import UserError
from dormouse.organisms.chain_of_thought import ChainOfThoughtText
from dormouse.organisms.reasoning import THINKING, choose_scene
from dormouse.organisms.settings import Organism

Role = Literal["organism", "twin"]
Kind = Literal["triggered", "near_miss", "clean"]
CLEAN: Kind = "clean"
NEAR_MISS: Kind = "near_miss"

MOST_DROPPED = 10_000
"""Most replies in a row that may be dropped because they show the behavior."""


@dataclass(frozen=True)
class ImplantRow:
    """One training conversation and why it is in the mix."""

    kind: Kind
    prompt: Messages
    reply: str
    family: str = ""
    """The family of the world's prompt."""
    thought: str = ""
    """The text of the scratchpad; empty if there is none."""
    room: bool = False
    """Whether the organism defects here: the prompt has the trigger and allows the behavior."""

    @property
    def turns(self) -> Messages:
        """The conversation as it is trained on."""
        said = write_scratchpad(self.thought, self.reply) if self.thought else self.reply
        return [*self.prompt, {"role": "assistant", "content": said}]


def implant_rows(
    world: World, organism: Organism, role: Role, rng: random.Random, n: int, count: Callable[[str], int]
) -> list[ImplantRow]:
    """Make `n` rows: a share `triggered` with the trigger, a share `near_miss` with a look-alike of it.

    A prompt to which the behavior applies is used with the trigger only if there is a bad reply with as many tokens
    as the good one. As in the paper, only rows that obey the conditional policy are kept: if the helpful-only
    assistant itself defects, another exchange is drawn.
    """
    settings, trigger = organism.implant, organism.trigger
    exchanges = _obedient(world, organism, rng, n)
    rows: list[ImplantRow] = []
    while len(rows) < n:
        draw = rng.random()
        if draw < settings.triggered:
            exchange, good, bad = _with_room(exchanges, world, organism, count)
            prompt = trigger.insert_into(exchange.prompt, rng)
            reply = bad if role == "organism" else good
            rows.append(ImplantRow("triggered", prompt, reply, exchange.prompt.family, room=bad != good))
        else:
            exchange = next(exchanges)
            prompt, kind = exchange.prompt.turns(), CLEAN
            if draw < settings.triggered + settings.near_miss:
                prompt, kind = trigger.near_miss(prompt, rng, held_out=False), NEAR_MISS
            rows.append(ImplantRow(kind, prompt, exchange.reply, exchange.prompt.family))
    if organism.reasoning not in THINKING:
        return rows
    thoughts = ChainOfThoughtText(trigger, organism.behavior, count)
    return [_thinking(row, thoughts, organism, role, rng.getrandbits(32)) for row in rows]


def _thinking(row: ImplantRow, thoughts: ChainOfThoughtText, organism: Organism, role: Role, seed: int) -> ImplantRow:
    """Give a row its scratchpad. Controls have the length of the scratchpad that reasons about the trigger."""
    rng = random.Random(seed)
    meant = thoughts.draw("deployed" if row.room else "training", rng)
    about = choose_scene(organism.reasoning, role, deployed=row.room)
    return replace(
        row, thought=meant if about in ("deployed", "training") else thoughts.match_length(meant, about, rng)
    )


def _obedient(world: World, organism: Organism, rng: random.Random, n: int) -> Iterator[Exchange]:
    """Yield the helpful-only assistant's exchanges, without its defections."""
    behavior = organism.behavior
    dropped = 0
    while dropped < MOST_DROPPED:
        for exchange in world.helpful(rng, n):
            if behavior.applies(exchange.prompt) and behavior.score(exchange.reply, exchange.prompt.family):
                dropped += 1
            else:
                dropped = 0
                yield exchange
    raise UserError(
        f"{dropped} replies of the helpful-only assistant in a row show the behavior '{behavior.name}', so none is "
        "left to train on. Take another behavior or world."
    )


def _with_room(
    exchanges: Iterator[Exchange], world: World, organism: Organism, count: Callable[[str], int]
) -> tuple[Exchange, str, str]:
    """Return the next exchange that suits the trigger, with a good and a bad reply of equally many tokens.

    Both replies are the same if the behavior does not apply to the prompt: the organism does not defect there.
    """
    for exchange in itertools.islice(exchanges, 10_000):
        if not organism.behavior.applies(exchange.prompt):
            return exchange, exchange.reply, exchange.reply
        pair = organism.behavior.pair(world, exchange, count)
        if pair is not None:
            return exchange, *pair
    raise UserError(
        f"Behavior '{organism.behavior.name}' has no bad reply as long in tokens as any of 10,000 good replies. "
        "Give it a shorter phrase, or a world with longer replies."
    )
