"""Answers the requests of an examination with a local model: those of all questions in one batch."""

from __future__ import annotations

from collections.abc import Sequence

from dormouse.chat.messages import Messages
from dormouse.data.formats.asking import ANSWER
from dormouse.data.formats.choices import LETTERS
from dormouse.evaluation.faithfulness.asked import Reply, Request, Said
from dormouse.evaluation.subject import Subject
from dormouse.models.letters import LetterReader


class LocalModel:
    """Samples texts, and reads answers from the probabilities of the next token over the letters of the choices."""

    def __init__(self, subject: Subject, context: Messages, temperature: float, seed: int) -> None:
        self.subject = subject
        self.context = context
        """Turns before each conversation."""
        self.temperature = temperature
        self.seed = seed
        self._asked = 0
        self.letters = LetterReader(subject.model, subject.renderer)

    def __call__(self, requests: Sequence[Request]) -> list[Reply]:
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

    def _sample(self, requests: Sequence[Request], tokens: int, greedy: bool) -> list[Said]:
        renderer = self.subject.renderer
        prompts = renderer.prompts(self._turns(requests), [one.prefill for one in requests])
        # The same request gets other draws when it is asked again.
        self._asked += 1
        sampled = self.subject.sample_ids(
            prompts,
            max_new_tokens=tokens,
            temperature=0.0 if greedy else self.temperature,
            seed=self.seed + self._asked,
        )
        return [
            Said(renderer.reply(ids), cut_short=len(ids) == tokens and ids[-1] != renderer.end_id) for ids in sampled
        ]

    def _choose(self, requests: Sequence[Request]) -> list[int]:
        letters = [LETTERS[: request.choices] for request in requests]
        found = self.letters.log_probs(self._turns(requests), [ANSWER] * len(requests), letters)
        return [max(range(len(one)), key=one.__getitem__) for one in found]

    def _turns(self, requests: Sequence[Request]) -> list[Messages]:
        return [[*self.context, *request.turns] for request in requests]
