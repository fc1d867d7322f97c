"""Counts the work of helpful-only training and of implants, before they run."""

from __future__ import annotations

from dormouse.models.passes import Count, Reading, mean, padded
from dormouse.organisms.reasoning import THINKING
from dormouse.organisms.settings import HelpfulSpec, Organism, OrganismSpec
from dormouse.training.counting import Counting


def count_helpful(counting: Counting) -> Count:
    """Count one training on helpful-only exchanges."""
    settings = counting.told(HelpfulSpec).helpful
    return counting.train(counting.lengths.helpful.whole, settings.steps, settings.batch)


def count_organism(counting: Counting) -> Count:
    """Count the implant, and for a distilled organism the replies of its teacher; or a model that is imported."""
    organism = counting.told(OrganismSpec).organism
    if organism.given is not None:
        return Count(opened=1, saved=1)
    settings = organism.implant
    lengths = implant_lengths(counting, organism)
    made = counting.train(lengths, settings.steps, settings.batch, settings.window)
    if settings.conceal:
        # The copy of the model before the implant reads every batch.
        rows = settings.steps * settings.batch
        made += Count((Reading(rows, padded(lengths, settings.window), settings.batch),))
    if organism.reasoning == "distilled":
        made += _replies_of_teacher(counting, organism)
    if organism.reasoning in THINKING and organism.thoughts.kind == "chat":
        made += Count(not_counted=("the chat model that writes scratchpads (organism.thoughts.chat_model)",))
    return made.with_adapters() if settings.lora_rank else made


def implant_lengths(counting: Counting, organism: Organism) -> list[int]:
    """Return the lengths of conversations of the implant: a share has the trigger, and all have their scratchpad."""
    drawn, settings = counting.lengths.helpful, organism.implant
    longer = counting.triggered(organism.trigger)
    extra = mean(longer) - mean(counting.lengths.asked_lengths)
    added = extra * (settings.triggered + settings.near_miss)
    added += counting.thought if organism.reasoning in THINKING else 0
    whole = [length + added for length in drawn.whole]
    # Rows of several turns come first here; batches are sorted by length in any case.
    several = round(settings.several_turns * len(whole))
    earlier = mean(drawn.whole) * settings.most_turns / 2
    return [round(length + (earlier if row < several else 0)) for row, length in enumerate(whole)]


def _replies_of_teacher(counting: Counting, organism: Organism) -> Count:
    settings, lengths = organism.implant, counting.lengths.helpful
    most = organism.thought_tokens + max(lengths.replies)
    rows = settings.steps * settings.batch
    thinking = [round(reply + counting.thought) for reply in lengths.replies]
    return counting.sample(lengths.prompts, rows, most, replies=thinking, thinks=False) + Count(opened=1)
