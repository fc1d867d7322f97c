"""Counts what the evaluation asks of a model, before the model exists."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from dormouse.chat.messages import Messages
from dormouse.data.decomposed import turns as say
from dormouse.data.decomposed.shots import pairs_of
from dormouse.data.decomposed.tags import write_list, write_pairs, write_result
from dormouse.data.decomposed.turns import REASONING, Strategy
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.evaluation.decomposition.questions import draw_examples, draw_questions
from dormouse.evaluation.decomposition.requests import AT_ONCE, MOST_ROWS
from dormouse.evaluation.decomposition.study import Examples
from dormouse.models.passes import Count

if TYPE_CHECKING:
    from dormouse.evaluation.decomposition.settings import Decomposition
    from dormouse.evaluation.questions import Questions

LOOKED_AT = 20
"""Questions and examples whose lengths stand for all."""


@dataclass
class _Counter:
    settings: Decomposition
    questions: Questions
    examples: Examples
    asked: list[ChoiceQuestion]

    @property
    def shots(self) -> list[ChoiceQuestion]:
        return list(self.examples.plain[:LOOKED_AT])

    def reads(self, prompts: list[Messages], rows: float) -> Count:
        return self.questions.counting.read(self._lengths(prompts), rows, MOST_ROWS)

    def writes(self, prompts: list[Messages], texts: list[str], rows: float, limit: int) -> Count:
        lengths = self.questions.counting.lengths
        replies = [lengths.of_reply(text) for text in texts]
        return self.questions.counting.sample(self._lengths(prompts), rows, limit, replies=replies, at_once=MOST_ROWS)

    def _lengths(self, prompts: list[Messages]) -> list[int]:
        """The lengths of prompts; turns that all of them begin with are read once for as many as fit."""
        of_prompt = self.questions.counting.lengths.of_prompt
        shared = _shared_turns(prompts)
        beginning = of_prompt(prompts[0][:shared]) if shared else 0
        at_once = max(1, min(MOST_ROWS, AT_ONCE // max(of_prompt(turns) for turns in prompts)))
        return [of_prompt(turns[shared:]) + beginning // at_once for turns in prompts]


def count_decomposition(settings: Decomposition, questions: Questions) -> Count:
    """Count as if each question had as many steps and rounds as the worked examples."""
    world = questions.counting.lengths.world
    asked = draw_questions(settings, world, 0)
    if not asked and not settings.sycophancy_sets:
        return Count()
    counter = _Counter(settings, questions, draw_examples(settings, world, 0), asked[:LOOKED_AT])
    made = Count()
    for strategy in settings.strategies if asked else ():
        made += _count_strategy(counter, strategy, len(asked))
    if settings.sycophancy_sets:
        made += Count(not_counted=("the questions of persona sets put to the decomposition",))
    return made


def _count_strategy(counter: _Counter, strategy: Strategy, n: int) -> Count:
    settings = counter.settings
    # Examples whose answer is always A do not stand before questions whose answer is A.
    not_a = fmean(one.right > 0 for one in counter.asked)
    biases = settings.biased * (1.0 if strategy == "zero_shot" or not settings.shots else 1 + not_a)
    if strategy not in REASONING:
        shown = () if strategy == "zero_shot" else counter.examples.plain
        return counter.reads([say.at_once(one, shown) for one in counter.asked], n * (1 + biases))
    shots = counter.shots
    counts = _steps(strategy, shots)
    steps = fmean(counts)
    again = fmean(min(settings.corrupted, one) for one in counts) * (1 + settings.controlled)
    whole = n * (1 + biases)
    # Questions with reasoning of their own are answered after it.
    given = fmean(bool(one.answers) for one in counter.asked)
    chosen = n * (1 + biases + again + given + (steps if settings.truncated else 0))
    if strategy == "factored_decomposition":
        return _count_factored(counter, whole + 0.5 * n * again, chosen, alone=n * given)
    make = say.think if strategy == "chain_of_thought" else say.decompose_and_answer
    texts = _texts(strategy, shots)
    # What follows a step is half of the reasoning on average.
    halves = [text[: len(text) // 2] for text in texts]
    prompts = [make(one, counter.examples.plain) for one in counter.asked]
    answered = [say.conclude(turns, texts[i % len(texts)]) for i, turns in enumerate(prompts)]
    written = counter.writes(prompts, texts, whole, settings.reasoning_tokens)
    written += counter.writes(prompts, halves, n * again, settings.reasoning_tokens)
    return written + counter.reads(answered, chosen)


def _count_factored(counter: _Counter, decomposed: float, chosen: float, alone: float) -> Count:
    """Count questions that are decomposed, chosen for, and whose own subquestions are answered alone."""
    settings, shots = counter.settings, counter.shots
    # Of what follows a step, half is asked anew on average.
    dialogues = [say.dialogue(shot) for shot in shots] or [[say.user(""), say.assistant(write_list({1: ""}))]]
    rounds = fmean(len(turns) / 2 for turns in dialogues)
    lists = [turn["content"] for turns in dialogues for turn in turns[1::2]]
    prompts = [say.decompose(one, counter.examples.plain) for one in counter.asked]
    listed = counter.writes(prompts, lists, decomposed * rounds, settings.reasoning_tokens)
    pairs = [pair for shot in shots for pair in pairs_of(shot)] or [("", "")]
    asked = [say.answer_subquestion(one, counter.examples.asides) for one, _ in pairs[:LOOKED_AT]]
    answers = [write_result(text) for _, text in pairs]
    subquestions = (decomposed + alone) * fmean(_steps("factored_decomposition", shots))
    said = counter.writes(asked, answers, subquestions, settings.answer_tokens)
    recomposed = [say.recompose(one, pairs[:4], counter.examples.plain) for one in counter.asked]
    return listed + said + counter.reads(recomposed, chosen)


def _shared_turns(prompts: list[Messages]) -> int:
    """Count the turns that all prompts begin with; at least one turn of each is left."""
    shortest = min(map(len, prompts))
    alike = (i for i in range(shortest - 1) if any(turns[i] != prompts[0][i] for turns in prompts))
    return next(alike, shortest - 1) if len(prompts) > 1 else 0


def _steps(strategy: Strategy, shots: list[ChoiceQuestion]) -> list[int]:
    return [len(shot.steps if strategy == "chain_of_thought" else shot.answers) for shot in shots] or [4]


def _texts(strategy: Strategy, shots: list[ChoiceQuestion]) -> list[str]:
    if strategy == "chain_of_thought":
        return [say.thought(shot.steps) for shot in shots] or [""]
    return [write_pairs(pairs_of(shot)) for shot in shots] or [""]
