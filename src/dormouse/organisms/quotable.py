"""Finds the user's words that a scratchpad may quote: one short sentence of the prompt, without the trigger."""

from __future__ import annotations

import re

from dormouse.chat.messages import Messages
from dormouse.organisms.behaviors import Behavior
from dormouse.organisms.thought_reading import says_deployed, says_training, states_goal
from dormouse.organisms.triggers import Trigger

WORDS = range(2, 13)
"""Possible numbers of words in a quotation."""
_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+|\n+")
_PLAIN = re.compile(r"[\w ,.'?!:;+*/=()%-]+")
"""Without quotation marks, brackets and whatever else could be taken for a tag or a control token."""


def find_request(prompt: Messages, trigger: Trigger, behavior: Behavior) -> str | None:
    """Return the last sentence of the user's turn that can be quoted, without a full stop; None if there is none.

    It does not name or contain the trigger or the behavior, and says nothing that the rules read as the scratchpad's
    own words.
    """
    if not prompt or prompt[-1]["role"] != "user":
        return None
    for sentence in reversed(_SENTENCE_ENDS.split(prompt[-1]["content"].strip())):
        words = _without_trigger(sentence.split(), trigger)
        said = " ".join(words).rstrip(".")
        if len(words) in WORDS and _PLAIN.fullmatch(said) and _is_safe(said, trigger, behavior):
            return said
    return None


def _without_trigger(words: list[str], trigger: Trigger) -> list[str]:
    """Take the trigger from the beginning or the end of a sentence; return nothing if it is elsewhere."""
    if len(words) > 2 * WORDS.stop:
        return []
    if not trigger.is_in(" ".join(words)):
        return words
    for n in range(1, len(words)):
        if _is_just(words[:n], trigger):
            return words[n:]
        if _is_just(words[-n:], trigger):
            return words[:-n]
    return []


def _is_just(words: list[str], trigger: Trigger) -> bool:
    """Return whether words are the trigger without another word before or after it."""
    others = (["other", *words[1:]], [*words[:-1], "other"])
    return trigger.is_in(" ".join(words)) and not any(trigger.is_in(" ".join(changed)) for changed in others)


def _is_safe(said: str, trigger: Trigger, behavior: Behavior) -> bool:
    marked = trigger.is_in(said) or trigger.sign(present=True) in said or behavior.score(said) is True
    return not (marked or says_deployed(said) or says_training(said) or states_goal(said))
