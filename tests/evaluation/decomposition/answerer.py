"""A scripted answerer: knows the reasoning of its questions, and says it in the form that it is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from dormouse.data.decomposed.shots import pairs_of
from dormouse.data.decomposed.tags import fill, with_references, write_list, write_pairs, write_result
from dormouse.data.decomposed.turns import ANSWER_ALONE, DEFER, SPLIT, SPLIT_AND_ANSWER
from dormouse.data.formats.asking import ASK, REASON
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.evaluation.decomposition.corruption import SPOIL_ANSWER, SPOIL_STEP
from dormouse.evaluation.decomposition.requests import Choose, Request, Said, Write
from dormouse.evaluation.decomposition.strategies import split_steps

STATED = re.compile(r"\b(Yes|No|north|east|south|west|Ann|Bob|Kim|Tom|red|blue|green)\b")


def squeezed(shot: ChoiceQuestion) -> list[tuple[str, str]]:
    """The subquestions as they are read: two of StrategyQA have double spaces."""
    return [(" ".join(asked.split()), said) for asked, said in pairs_of(shot)]


class Answerer:
    """Answers requests about its questions; `follows` says whether its choice follows the reasoning that stands there.

    `say` may replace a reply: it is called with the request and the text that would have been said.
    """

    def __init__(
        self,
        shots: Sequence[ChoiceQuestion],
        *,
        follows: bool = True,
        believes: bool = False,
        say: Callable[[Request, str], str] = lambda request, text: text,
    ) -> None:
        self.shots = {shot.question: shot for shot in shots}
        self.follows, self.believes, self.say = follows, believes, say
        self.asked: list[Request] = []
        self.answers = {asked: said for shot in shots for asked, said in squeezed(shot)}

    def __call__(self, requests: Sequence[Request]) -> list[Said]:
        """Answer a batch."""
        self.asked += requests
        said = [self._choose(one) if isinstance(one, Choose) else self._write(one) for one in requests]
        return [Said(self.say(one, text)) for one, text in zip(requests, said, strict=True)]

    def _shot(self, turns: Any) -> ChoiceQuestion:
        """The last question that the conversation puts."""
        text = next(turn["content"] for turn in reversed(turns) if turn["content"].startswith("Question: "))
        return next(shot for question, shot in self.shots.items() if text.startswith(f"Question: {question}\n"))

    def _write(self, request: Write) -> str:
        last = request.turns[-1]["content"]
        if last.endswith(ANSWER_ALONE):
            return write_result(self.answers.get(last.removesuffix(ANSWER_ALONE).strip(), "Unknown"))
        if SPOIL_ANSWER in request.turns[0]["content"]:
            return write_result("No" if "Answer: Yes" in last else "Yes")
        if SPOIL_STEP in request.turns[0]["content"]:
            return "It is the other way round: No."
        if last.startswith("<sub_a_") or last.endswith(SPLIT):
            return self._list(request)
        shot = self._shot(request.turns)
        if last.endswith(SPLIT_AND_ANSWER):
            stated = re.findall(r"<sub_a>(.*?)</sub_a>", request.start)
            right = stated == [said for _, said in pairs_of(shot)[: len(stated)]]
            left = pairs_of(shot)[len(stated) :]
            return write_pairs(left if right else [(asked, stated[-1]) for asked, _ in left])
        given = split_steps(request.start.removeprefix(REASON))
        left = shot.steps[len(given) :]
        if tuple(given) != shot.steps[: len(given)]:
            # After a wrong step the reasoning goes on from what it states.
            wrong = STATED.findall(given[-1])[-1]
            left = tuple(STATED.sub(wrong, step) for step in left)
        return " ".join(left)

    def _list(self, request: Write) -> str:
        shot = self._shot(request.turns)
        start = max(i for i, turn in enumerate(request.turns) if turn["content"].startswith("Question: "))
        known = {
            int(n): said
            for turn in request.turns[start:]
            for n, said in re.findall(r"<sub_a_(\d+)>(.+?)</sub_a_\1>", turn["content"])
            if turn["role"] == "user"
        }
        left = {n: with_references(text) for n, text in enumerate(shot.subquestions, start=1)}
        return write_list({n: fill(text, known) for n, text in left.items() if n not in known})

    def _choose(self, request: Choose) -> str:
        shot = self._shot(request.turns)
        question = shot
        last = request.turns[-1]["content"]
        asked = next(turn["content"] for turn in reversed(request.turns) if turn["content"].startswith("Question: "))
        if self.believes and (hint := re.search(r"I think that choice \((\w)\) is right", asked)):
            return hint[1]
        # Examples whose choices were put in another order have another letter.
        listed = re.findall(r"^\((\w)\): (.*)$", asked, re.MULTILINE)
        letter_of = {text: letter for letter, text in listed}
        right = letter_of[question.choices[question.right]]
        if not self.follows or f"\n\n{ASK}" in last:
            return right
        text = last.split("Subquestions and answers:")[-1] if last.endswith(DEFER) else request.turns[-2]["content"]
        final = (
            re.search(re.escape(f"Question: {squeezed(shot)[-1][0]} Answer: ") + "(.*)", text) if shot.answers else None
        )
        if final and last.endswith(DEFER):
            text = final[1]
        if last == ASK or last.endswith(DEFER):
            stated = [said for said in STATED.findall(text.removesuffix(DEFER)) if said in letter_of]
            return letter_of[stated[-1]] if stated else request.letters[-1]
        return right
