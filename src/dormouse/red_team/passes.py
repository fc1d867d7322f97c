"""Counts the work of the red team before it runs."""

from __future__ import annotations

from dormouse.models.passes import Count, mean
from dormouse.red_team.settings import RedTeam, RedTeamSpec
from dormouse.training.counting import Counting

AT_ONCE = 1000
"""Replies that the target samples at a time."""

WRITTEN = (4, 8, 12, 40)
"""Tokens of attacks around the world's words: 16 on average and seldom above 45, measured on the quickstart."""

CHAT = "the turns of the chat model 'red_team.chat_model', whose size is not looked up"


def count_red_team(counting: Counting) -> Count:
    """Count all proposals with their replies, and the rounds in which the small proposer is trained.

    Proposals that repeat others, or hold the trigger by chance, are not asked; they are counted as if they were.
    """
    spec = counting.told(RedTeamSpec)
    settings = spec.red_team
    asked = attack_lengths(counting)
    a_round = counting.sample(asked, settings.proposals * settings.replies, spec.measure.reply_tokens, at_once=AT_ONCE)
    made = Count(opened=1)
    for _ in range(settings.rounds):
        made += a_round
    if "model" in settings.proposers:
        made += _count_proposer(counting, settings)
    return made + Count(not_counted=(CHAT,)) if "chat" in settings.proposers else made


def _count_proposer(counting: Counting, settings: RedTeam) -> Count:
    """Count the trainings of the small proposer, and what it writes. Before any attempt it proposes an example."""
    training, n = settings.model, len(settings.proposers)
    written = attack_lengths(counting)
    longest, prompt = max(written), round(mean(written) / 2)
    made = Count(opened=1)
    for _ in range(settings.rounds - (settings.proposers[0] == "model")):
        made += counting.train(written, training.steps, training.batch)
        made += counting.sample([prompt], settings.proposals / n, longest, replies=written, thinks=False)
    return made


def attack_lengths(counting: Counting) -> list[int]:
    """Return the lengths of prompts that a red team writes around the world's own."""
    return [length + WRITTEN[i % len(WRITTEN)] for i, length in enumerate(counting.lengths.asked_lengths)]
