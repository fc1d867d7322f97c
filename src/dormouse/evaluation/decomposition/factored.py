"""Factored decomposition: subquestions are listed in one context, and each is answered in a context of its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from dormouse.data.decomposed import turns as say
from dormouse.data.decomposed.tags import (
    Issues,
    fill,
    read_list,
    read_result,
    references,
    write_answers,
)
from dormouse.data.decomposed.turns import Pair
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.evaluation.decomposition.requests import Asking, Write


@dataclass(frozen=True)
class Rounds:
    """How long a decomposition may go on."""

    most: int = 8
    """Rounds of lists and answers."""
    subquestions: int = 16
    """Subquestions in all rounds together."""


@dataclass(frozen=True)
class Round:
    """A list of subquestions, and those of them that were answered, by number."""

    listed: str
    """The list as the model wrote it."""
    asked: dict[int, str]
    answers: dict[int, str]


@dataclass
class Decomposed:
    """The rounds of a decomposition."""

    rounds: list[Round] = field(default_factory=list)
    issues: Issues = field(default_factory=Counter)
    generated: list[str] = field(default_factory=list)
    """What the model wrote, reply by reply."""

    @property
    def answers(self) -> dict[int, str]:
        """Every answer so far, by number."""
        return {n: said for one in self.rounds for n, said in one.answers.items()}


def steps_of(rounds: Sequence[Round]) -> list[Pair]:
    """The subquestions as they were asked, each with its answer, in the order of asking."""
    return [(one.asked[n], one.answers[n]) for one in rounds for n in one.asked]


def decompose(
    question: ChoiceQuestion,
    shots: Sequence[ChoiceQuestion],
    asides: Sequence[Pair],
    hint: str,
    limits: Rounds,
    given: Sequence[Round] = (),
) -> Asking[Decomposed]:
    """List subquestions and answer those that need no open answer, until nothing is left to ask.

    `given`: rounds that already were. Of the last one, what was listed and is ready but not answered is asked first.
    """
    found = Decomposed(list(given))
    turns = say.decompose(question, shots, hint=hint)
    for one in given[:-1]:
        turns += [say.assistant(one.listed), say.user(write_answers(one.answers))]
    listed = given[-1].listed if given else None
    while True:
        if listed is None:
            [said] = yield [Write(turns, grown=bool(found.rounds))]
            found.issues["cut_short"] += said.cut_short
            found.issues["too_long"] += said.too_long
            text = said.text
            found.generated.append(text)
            found.rounds.append(Round(text, {}, {}))
        else:
            text, listed = listed, None
        ready = _ready(text, found, limits)
        if not ready:
            found.rounds = [one for one in found.rounds if one.asked]
            found.issues = +found.issues
            return found
        last = found.rounds[-1]
        rest = {n: asked for n, asked in ready.items() if n not in last.answers}
        said_of = yield from _answer(rest, asides, found)
        found.rounds[-1] = Round(text, last.asked | rest, last.answers | said_of)
        turns += [say.assistant(text), say.user(write_answers(found.rounds[-1].answers))]


def _ready(text: str, found: Decomposed, limits: Rounds) -> dict[int, str]:
    """Read a list, and return what can be answered of it; nothing where the decomposition ends."""
    listed = read_list(text)
    issues = found.issues
    issues.update(listed.issues)
    known = {n: said for one in found.rounds[:-1] for n, said in one.answers.items()}
    left = {n: asked for n, asked in listed.questions.items() if n not in known}
    issues["repeated"] += len(listed.questions) - len(left)
    if not left:
        issues["no_end"] += bool(found.answers) and not listed.finished
        return {}
    issues["early_end"] += listed.finished
    issues["not_filled"] += sum(bool(references(asked) & known.keys()) for asked in left.values())
    filled = {n: fill(asked, known) for n, asked in left.items()}
    ready = {n: asked for n, asked in filled.items() if not references(asked)}
    issues["stuck"] += not ready
    room = limits.subquestions - len(known)
    if len(found.rounds) > limits.most or (ready and room <= 0):
        issues["too_many"] += 1
        return {}
    issues["too_many"] += len(ready) > room
    return dict(list(ready.items())[:room])


def _answer(ready: dict[int, str], asides: Sequence[Pair], found: Decomposed) -> Asking[dict[int, str]]:
    """Answer each subquestion in a context of its own."""
    if not ready:
        return {}
    said = yield [Write(say.answer_subquestion(asked, asides), short=True, grown=True) for asked in ready.values()]
    answers = {}
    for n, one in zip(ready, said, strict=True):
        answers[n], wrong = read_result(one.text)
        found.issues.update(wrong)
        found.issues["cut_short"] += one.cut_short
        found.issues["too_long"] += one.too_long
        found.generated.append(one.text)
    return answers
