"""The five strategies: each asks its question and returns the reasoning, its steps and the final answer."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from dormouse.chat.messages import Messages
from dormouse.data.decomposed import turns as say
from dormouse.data.decomposed.tags import Issues, read_pairs, write_pairs
from dormouse.data.decomposed.turns import Pair, Strategy
from dormouse.data.formats.asking import ANSWER
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.evaluation.decomposition.factored import Decomposed, Round, Rounds, decompose, steps_of
from dormouse.evaluation.decomposition.requests import Asking, Choose, Said, Write

_SENTENCE_END = re.compile(r"(?<=[.?!])\s+(?=[A-Z\d\"'(])")
_NUMBER = re.compile(r"\(?\d+[.)]")


@dataclass(frozen=True)
class Asked:
    """A question as one of the strategies asks it."""

    strategy: Strategy
    question: ChoiceQuestion
    shots: tuple[ChoiceQuestion, ...] = ()
    asides: tuple[Pair, ...] = ()
    """Subquestions with answers, as examples of answering one alone."""
    hint: str = ""
    """What the user adds."""
    rounds: Rounds = field(default_factory=Rounds)


@dataclass(frozen=True)
class Reasoning:
    """What was written before the answer: sentences, or subquestions with their answers."""

    sentences: tuple[str, ...] = ()
    pairs: tuple[Pair, ...] = ()
    rounds: tuple[Round, ...] = ()
    """The rounds in which a factored decomposition asked its subquestions."""
    generated: tuple[str, ...] = ()
    """What the model wrote for it, reply by reply."""

    def __len__(self) -> int:
        """The number of steps."""
        return len(self.sentences) + len(self.pairs)

    def first(self, k: int) -> Reasoning:
        """Keep the first `k` steps."""
        return Reasoning(self.sentences[:k], self.pairs[:k])


@dataclass(frozen=True)
class Answered:
    """A question with the reasoning and the letter that a model gave; "" if it gave none."""

    asked: Asked
    reasoning: Reasoning
    letter: str
    issues: Issues = field(default_factory=Counter)
    """Malformed output, by kind."""

    @property
    def right(self) -> bool:
        """Whether the answer is right; no answer is wrong."""
        return self.letter == self.asked.question.right_letter


def answer(asked: Asked) -> Asking[Answered]:
    """Reason as the strategy does, then choose."""
    reasoning, issues = yield from reason(asked)
    concluded = yield from conclude(asked, reasoning)
    issues["too_long"] += concluded.too_long
    if asked.strategy in say.REASONING and not reasoning:
        issues["no_steps"] += 1
    if not concluded.text:
        issues["no_choice"] += 1
    return Answered(asked, reasoning, concluded.text, +issues)


def reason(asked: Asked) -> Asking[tuple[Reasoning, Issues]]:
    """Write the reasoning of a strategy; those that answer at once write none."""
    if asked.strategy in ("zero_shot", "few_shot"):
        return Reasoning(), Counter()
    if asked.strategy == "factored_decomposition":
        found = yield from decompose(asked.question, asked.shots, asked.asides, asked.hint, asked.rounds)
        return from_rounds(found), found.issues
    return (yield from go_on(asked, Reasoning()))


def from_rounds(found: Decomposed) -> Reasoning:
    """The steps of a factored decomposition."""
    return Reasoning(pairs=tuple(steps_of(found.rounds)), rounds=tuple(found.rounds), generated=tuple(found.generated))


def go_on(asked: Asked, given: Reasoning) -> Asking[tuple[Reasoning, Issues]]:
    """Write the rest of reasoning in one context after the steps that are given."""
    start = write(asked, given, whole=False)
    [said] = yield [Write(_before(asked), start, grown=bool(given))]
    if asked.strategy == "chain_of_thought":
        sentences, issues = split_steps(said.text), Counter[str]()
        reasoning = Reasoning((*given.sentences, *sentences), generated=(said.text,))
    else:
        pairs, issues = read_pairs(said.text)
        if given and not pairs:
            # The given steps may be all that there is to say.
            del issues["no_tags"]
        reasoning = Reasoning(pairs=(*given.pairs, *pairs), generated=(said.text,))
    issues["cut_short"] += said.cut_short
    issues["too_long"] += said.too_long
    return reasoning, +issues


def conclude(asked: Asked, reasoning: Reasoning) -> Asking[Said]:
    """Choose after the reasoning; the text is the letter."""
    [said] = yield [choose(asked, reasoning)]
    return said


def choose(asked: Asked, reasoning: Reasoning) -> Choose:
    """Make the request for the final answer after the reasoning."""
    return Choose(before_answer(asked, reasoning), ANSWER, asked.question.letters, grown=bool(reasoning))


def before_answer(asked: Asked, reasoning: Reasoning) -> Messages:
    """The conversation up to the final answer."""
    question, hint = asked.question, asked.hint
    if asked.strategy == "zero_shot":
        return say.at_once(question, hint=hint)
    if asked.strategy == "few_shot":
        return say.at_once(question, asked.shots, hint=hint)
    if asked.strategy == "factored_decomposition":
        return say.recompose(question, reasoning.pairs, asked.shots, hint=hint)
    return say.conclude(_before(asked), write(asked, reasoning, whole=True))


def write(asked: Asked, reasoning: Reasoning, *, whole: bool) -> str:
    """Write reasoning as the assistant's turn; one that is not `whole` can be gone on with."""
    if asked.strategy == "chain_of_thought":
        return say.thought(reasoning.sentences)
    text = write_pairs(reasoning.pairs)
    return text if whole else text.rpartition("<FIN>")[0].rstrip("\n")


def split_steps(text: str) -> list[str]:
    """Split reasoning into steps: its lines where there are several, else its sentences."""
    lines = [" ".join(line.split()) for line in text.strip().splitlines() if line.strip()]
    if len(lines) > 1:
        return lines
    steps: list[str] = []
    number = ""
    for piece in (piece for line in lines for piece in _SENTENCE_END.split(line)):
        if _NUMBER.fullmatch(piece) and not number:
            # "2." before a step is its number and no sentence.
            number = piece
            continue
        steps.append(f"{number} {piece}".strip())
        number = ""
    # With nothing after it, it is no number of a step: it may be the answer.
    return [*steps, number] if number else steps


def _before(asked: Asked) -> Messages:
    make = say.think if asked.strategy == "chain_of_thought" else say.decompose_and_answer
    return make(asked.question, asked.shots, hint=asked.hint)


def written(answered: Answered) -> str:
    """The reasoning as text, for a sample."""
    strategy, reasoning = answered.asked.strategy, answered.reasoning
    if strategy == "chain_of_thought":
        return " ".join(reasoning.sentences)
    return "\n".join(f"{asked} -> {said}" for asked, said in reasoning.pairs)
