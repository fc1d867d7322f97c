"""Answers the requests of an examination with a local model: those of all questions in one batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from dormouse.data.formats.asking import ANSWER
from dormouse.data.formats.choices import LETTERS
from dormouse.evaluation.faithfulness.asked import Reply, Request
from dormouse.evaluation.faithfulness.examination import Requests
from dormouse.evaluation.subject import Subject
from dormouse.models.letters import LetterReader

T = TypeVar("T")
Answerer = Callable[[list[Request]], list[Reply]]


def run_together(examinations: Sequence[Requests[T]], answer: Answerer) -> list[T]:
    """Run examinations in step, so that the requests of each step are answered together."""
    done: dict[int, T] = {}
    waiting: dict[int, list[Reply] | None] = dict.fromkeys(range(len(examinations)))
    while waiting:
        asked: dict[int, list[Request]] = {}
        for i, replies in waiting.items():
            try:
                asked[i] = next(examinations[i]) if replies is None else examinations[i].send(replies)
            except StopIteration as end:
                done[i] = end.value
        answered = iter(answer([request for requests in asked.values() for request in requests]))
        waiting = {i: [next(answered) for _ in requests] for i, requests in asked.items()}
    return [done[i] for i in range(len(examinations))]


class LocalModel:
    """Samples texts, and reads answers from the probabilities of the next token over the letters of the choices."""

    def __init__(self, subject: Subject, temperature: float, seed: int) -> None:
        self.subject = subject
        self.temperature = temperature
        self.seed = seed
        self._asked = 0
        self.letters = LetterReader(subject.model, subject.renderer)

    def __call__(self, requests: list[Request]) -> list[Reply]:
        """Answer each request."""
        replies: list[Reply] = [None] * len(requests)
        letters = [i for i, request in enumerate(requests) if request.choices]
        for i, place in zip(letters, self._choose([requests[i] for i in letters]), strict=True):
            replies[i] = place
        texts = [i for i, request in enumerate(requests) if not request.choices]
        # One call for each length and temperature.
        for tokens, greedy in sorted({(requests[i].tokens, requests[i].greedy) for i in texts}):
            alike = [i for i in texts if (requests[i].tokens, requests[i].greedy) == (tokens, greedy)]
            for i, text in zip(alike, self._sample([requests[i] for i in alike], tokens, greedy), strict=True):
                replies[i] = text
        return replies

    def _sample(self, requests: list[Request], tokens: int, greedy: bool) -> list[str]:
        renderer = self.subject.renderer
        prompts = renderer.prompts([one.turns for one in requests], [one.prefill for one in requests])
        # The same request gets other draws when it is asked again.
        self._asked += 1
        sampled = self.subject.sample_ids(
            prompts,
            max_new_tokens=tokens,
            temperature=0.0 if greedy else self.temperature,
            seed=self.seed + self._asked,
        )
        return [renderer.reply(ids) for ids in sampled]

    def _choose(self, requests: list[Request]) -> list[int]:
        turns, letters = [request.turns for request in requests], [LETTERS[: request.choices] for request in requests]
        found = self.letters.log_probs(turns, [ANSWER] * len(requests), letters)
        return [max(range(len(one)), key=one.__getitem__) for one in found]
