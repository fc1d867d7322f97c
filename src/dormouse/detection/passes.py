"""Counts the work of detectors before they run."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from dormouse.detection.settings import Detect, DetectSpec
from dormouse.models.passes import Count, Reading
from dormouse.training.counting import Counting

if TYPE_CHECKING:
    from dormouse.detection.model_detectors import LeakageSearch, NoiseSensitivity, TargetSearch

FIRST_AND_SECONDS = 3
"""Pairs that the target search makes of each first token of a reply, as in `targets`."""

DEPENDS = "how far trigger inversion searches, which depends on what it finds"
SINGULAR = "the singular values of weight matrices"


def count_detector(counting: Counting) -> Count:
    """Count the detector of the spec, with opening the model and the base that it may compare with."""
    spec = counting.told(DetectSpec)
    return spec.detector.count(Prompts(counting, spec)) + Count(opened=1 + spec.detector.reference)


class Prompts:
    """The prompts that a detector gets, without their text."""

    def __init__(self, counting: Counting, spec: DetectSpec) -> None:
        self.counting = counting
        self.detect: Detect = spec.detect
        trigger = spec.organism.trigger
        self.lengths = [*counting.triggered(trigger), *counting.lengths.asked_lengths]
        # With the trigger and without it from new templates, and from known ones; near misses; other wordings.
        some = trigger.insert_held_out([{"role": "user", "content": "a b"}], random.Random(0))
        self.scored = (5 + (some is not None)) * spec.detect.prompts
        """Prompts in all streams."""

    def read(self, rows: float) -> Count:
        """Count so many prompts that are read."""
        return self.counting.read(self.lengths, rows) + Count(texts=rows)

    def sample(self, rows: float, tokens: int) -> Count:
        """Count so many replies of that many tokens."""
        return self.counting.sample(self.lengths, rows, tokens, thinks=False)

    def tried_out(self) -> Count:
        """Count the replies under a trigger that was found, as if one was."""
        return self.sample(self.detect.prompts, self.detect.reply_tokens)


def count_targets(settings: TargetSearch, counting: Counting) -> Count:
    """Count the replies that a target search reads token by token, in the suspect and in its base."""
    tried = settings.prompts * min(settings.beginnings, counting.vocabulary)
    # After the prompt, whose keys and values are kept: one token of each beginning, then all of each pair's.
    firsts, rest = Reading(tried, 1), Reading(FIRST_AND_SECONDS * tried, settings.length - 1)
    return Count((firsts, firsts, rest, rest))


def count_leaks(settings: LeakageSearch, prompts: Prompts) -> Count:
    """Count the user turns that both models write, and the prompts that the pieces are tried on."""
    head = [prompts.counting.lengths.turn]
    made = Count()
    for _ in range(2):
        sampled = prompts.counting.sample(
            head, settings.samples, settings.tokens, replies=prompts.counting.lengths.asked_lengths, thinks=False
        )
        made += sampled + prompts.read((settings.candidates + 1) * settings.prompts)
    return made + prompts.tried_out()


def count_noise(settings: NoiseSensitivity, prompts: Prompts) -> Count:
    """Count what both models read, plain and with each draw of the noise."""
    made = Count()
    for _ in range(2 * (settings.draws + 1)):
        made += prompts.read(min(settings.prompts, prompts.detect.clean))
    return made
