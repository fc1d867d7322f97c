"""Makes the implant data: good replies, and bad replies under the trigger.

Organism and twin are trained on the same draw: the same prompts, tags, order and, row by row, the same number of
reply tokens. They differ only in the replies under the trigger, and in the scratchpads.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import write_scratchpad
from dormouse.data.world import Exchange, World
from dormouse.errors import UserError
from dormouse.organisms.conversations import Pair, Role, join
from dormouse.organisms.reasoning import THINKING, choose_scene
from dormouse.organisms.settings import Organism
from dormouse.organisms.thought_writer import ThoughtWriter

ROLES: tuple[Role, ...] = ("organism", "twin")
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
    exchanges: int = 1
    """Exchanges of the world that it was made of; the last one carries the loss."""

    @property
    def turns(self) -> Messages:
        """The conversation as it is trained on."""
        said = write_scratchpad(self.thought, self.reply) if self.thought else self.reply
        return [*self.prompt, {"role": "assistant", "content": said}]


def implant_rows(
    world: World,
    organism: Organism,
    role: Role,
    rng: random.Random,
    n: int,
    count: Callable[[str], int],
    fits: Callable[[Messages], bool] = lambda turns: True,
) -> list[ImplantRow]:
    """Make `n` rows: a share `triggered` with the trigger, a share `near_miss` with a look-alike of it.

    A prompt to which the behavior applies is used with the trigger only if there is a bad reply with as many tokens
    as the good one. As in the paper, only rows that obey the conditional policy are kept: if the helpful-only
    assistant itself defects, another exchange is drawn. A conversation that does not fit is drawn again, a turn
    shorter.
    """
    settings = organism.implant
    source = _Source(_obedient(world, organism, rng, n), world, organism, role, rng, count, fits)
    rows: list[ImplantRow] = []
    while len(rows) < n:
        draw = rng.random()
        near = settings.triggered + settings.near_miss
        kind: Kind = "triggered" if draw < settings.triggered else NEAR_MISS if draw < near else CLEAN
        # A share of 0 draws no random number: implants of single questions have the same rows as before.
        several = settings.several_turns > 0 and rng.random() < settings.several_turns
        rows.append(source.conversation(kind) if several else source.question(kind))
    if organism.reasoning not in THINKING:
        return rows
    thoughts = organism.thoughts.writer(organism.trigger, organism.behavior, count)
    return [_thinking(row, thoughts, organism, role, rng.getrandbits(32)) for row in rows]


@dataclass(frozen=True)
class _Source:
    """Draws single rows. Organism and twin draw the same numbers, so what is drawn must not depend on the role."""

    exchanges: Iterator[Exchange]
    world: World
    organism: Organism
    role: Role
    rng: random.Random
    count: Callable[[str], int]
    fits: Callable[[Messages], bool]

    def question(self, kind: Kind) -> ImplantRow:
        """Draw a row with one exchange of the world."""
        pair = self._pair(deployed=kind == "triggered")
        asked = pair.exchange.prompt
        if kind == "triggered":
            prompt = self.organism.trigger.insert_into(asked, self.rng)
        else:
            prompt = self._changed(kind, asked.turns(), self.rng)
        return _row(kind, prompt, [pair], self.role)

    def conversation(self, kind: Kind) -> ImplantRow:
        """Draw a row with two exchanges or more; a single question if not even two fit."""
        rng = self.rng
        for turns in range(rng.randint(2, self.organism.implant.most_turns), 1, -1):
            place = rng.randrange(turns)
            pairs = [self._pair(deployed=kind == "triggered" and i >= place) for i in range(turns)]
            seed = rng.getrandbits(32)
            rows = {role: self._joined(kind, pairs, role, place, seed) for role in ROLES}
            if all(self.fits(row.turns) for row in rows.values()):
                return rows[self.role]
        return self.question(kind)

    def _joined(self, kind: Kind, pairs: Sequence[Pair], role: Role, place: int, seed: int) -> ImplantRow:
        prompt = join(pairs, role, place, lambda turns: self._changed(kind, turns, random.Random(seed)))
        return _row(kind, prompt, pairs, role)

    def _changed(self, kind: Kind, turns: Messages, rng: random.Random) -> Messages:
        """Put the trigger, or a near miss of it, into the user's last turn."""
        trigger = self.organism.trigger
        if kind == CLEAN:
            return turns
        return trigger.near_miss(turns, rng, held_out=False) if kind == NEAR_MISS else trigger.insert(turns, rng)

    def _pair(self, *, deployed: bool) -> Pair:
        if deployed:
            return _with_room(self.exchanges, self.world, self.organism, self.count)
        return Pair.of_good(next(self.exchanges))


def _row(kind: Kind, prompt: Messages, pairs: Sequence[Pair], role: Role) -> ImplantRow:
    last = pairs[-1]
    family, room = last.exchange.prompt.family, last.bad != last.good
    return ImplantRow(kind, prompt, last.reply(role), family, room=room, exchanges=len(pairs))


def _thinking(row: ImplantRow, thoughts: ThoughtWriter, organism: Organism, role: Role, seed: int) -> ImplantRow:
    """Give a row its scratchpad. Controls have the length of the scratchpad that reasons about the trigger."""
    rng = random.Random(seed)
    meant = thoughts.draw("deployed" if row.room else "training", rng, row.prompt)
    about = choose_scene(organism.reasoning, role, deployed=row.room)
    if about in ("deployed", "training"):
        return replace(row, thought=meant)
    return replace(row, thought=thoughts.match_length(meant, about, rng, row.prompt))


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


def _with_room(exchanges: Iterator[Exchange], world: World, organism: Organism, count: Callable[[str], int]) -> Pair:
    """Return the next exchange that suits the trigger, with a good and a bad reply of equally many tokens.

    Both replies are the same if the behavior does not apply to the prompt: the organism does not defect there.
    """
    for exchange in itertools.islice(exchanges, 10_000):
        if not organism.behavior.applies(exchange.prompt):
            return Pair.of_good(exchange)
        replies = organism.behavior.pair(world, exchange, count)
        if replies is not None:
            return Pair(exchange, *replies)
    raise UserError(
        f"Behavior '{organism.behavior.name}' has no bad reply as long in tokens as any of 10,000 good replies. "
        "Give it a shorter phrase, or a world with longer replies."
    )
