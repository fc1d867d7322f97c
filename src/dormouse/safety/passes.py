"""Counts the work of preference models, of the built-in safety trainings and of benign fine-tuning, before they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dormouse.models.passes import Count, Passes, Reading, Training, mean, padded_at_random
from dormouse.red_team.passes import attack_lengths
from dormouse.safety.settings import CHECK_EVERY, PreferenceMeasureSpec, PreferenceSpec, ReEmergenceSpec, SafetySpec
from dormouse.training.counting import Counting
from dormouse.training.text_lengths import DRAWN

if TYPE_CHECKING:
    from dormouse.safety.trainings import HHHRL, HHHSFT, Adversarial


def count_preference(counting: Counting) -> Count:
    """Count the training on pairs."""
    settings = counting.told(PreferenceSpec).preference
    # Pairs are not sorted by length, and both conversations of each are in the batch.
    return counting.train(counting.lengths.pairs.whole, settings.steps, 2 * settings.batch, window=1)


def count_preference_measure(counting: Counting) -> Count:
    """Count the scores of held-out pairs and of defections."""
    settings = counting.told(PreferenceMeasureSpec).preference
    return counting.read(counting.lengths.pairs.whole, 3 * settings.check_pairs) + Count(opened=1)


def count_safety(counting: Counting) -> Count:
    """Count the safety training that the spec names."""
    return counting.told(SafetySpec).safety.count(counting)


def count_re_emergence(counting: Counting) -> Count:
    """Count one training on helpful-only exchanges."""
    settings = counting.told(ReEmergenceSpec).re_emergence
    return counting.train(counting.lengths.helpful.whole, settings.steps, settings.batch)


def count_sft(settings: HHHSFT, counting: Counting) -> Count:
    """Count one training on HHH exchanges, and the scratchpads that the model first writes to them."""
    after = settings.scratchpad == "after" and counting.work.thought_tokens
    added = counting.thought if after else 0
    lengths = [round(length + added) for length in counting.lengths.hhh.whole]
    made = counting.train(lengths, settings.steps, settings.batch)
    if after:
        rows, thoughts = settings.steps * settings.batch, [round(counting.thought)]
        prompts = counting.lengths.hhh.prompts
        made += Count(opened=1)
        made += counting.sample(prompts, rows, counting.work.thought_tokens, replies=thoughts, thinks=False)
    return made


def count_rl(settings: HHHRL, counting: Counting, prompts: Sequence[int] = ()) -> Count:
    """Count the replies, their log-probabilities under two models, the scores of both preference models, the steps."""
    steps, batch = settings.steps, settings.batch
    rows = steps * batch
    drawn = prompts or counting.lengths.asked_lengths
    # One batch holds few prompts, each several times, and all are padded to the longest.
    prompt = padded_at_random(drawn, batch // settings.replies)
    replies = counting.sample([round(prompt)], rows, settings.reply_tokens, at_once=batch)
    tokens = prompt + settings.reply_tokens + counting.work.thought_tokens
    read, scored = Reading(rows, tokens, batch), mean(drawn) + mean(counting.lengths.hhh.replies)
    passes: tuple[Passes, ...] = (
        # Under the model as it was. Under the model as it is, replies are read in the step itself.
        *[read] * bool(settings.kl_penalty),
        Reading(rows, scored, batch),
        Reading(rows / CHECK_EVERY, scored, batch),
        Training(steps, batch, tokens),
    )
    return replies + Count(passes, opened=3, saved=1, trainings=1, reinforced=steps)


def count_adversarial(settings: Adversarial, counting: Counting) -> Count:
    """Count the training by RL or SFT on prompts of which the red team wrote a share."""
    attacks, share = attack_lengths(counting), round(settings.share * DRAWN)
    prompts = [*attacks[:share], *counting.lengths.asked_lengths[share:]]
    if settings.via == "rl":
        return count_rl(settings, counting, prompts)
    replies = counting.lengths.hhh.replies
    lengths = [prompt + reply for prompt, reply in zip(prompts, replies, strict=True)]
    made = counting.sample(prompts, settings.steps * settings.batch, settings.reply_tokens, thinks=False)
    return made + counting.train(lengths, settings.steps, settings.batch) + Count(opened=1)
