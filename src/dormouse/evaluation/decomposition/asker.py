"""Answers the requests of strategies with a local model, in batches of prompts that begin alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import strip_scratchpad
from dormouse.errors import UserError
from dormouse.evaluation.decomposition.requests import AT_ONCE, MOST_ROWS, Choose, Request, Said, Write
from dormouse.evaluation.subject import Subject
from dormouse.models.likelihood import next_log_probs

FEWEST_ALIKE = 4
"""Prompts with the same first turn from which they are asked apart, so that their beginning is read once."""


@dataclass
class Asker:
    """Answers requests with one model."""

    subject: Subject
    sampling_seed: Callable[[str], int]
    context: Messages
    """Turns before each conversation."""
    temperature: float
    reasoning_tokens: int
    answer_tokens: int
    calls: int = 0
    letters: dict[tuple[str, str], tuple[int, list[int]]] = field(default_factory=dict)

    def __call__(self, requests: Sequence[Request]) -> list[Said]:
        """Return the reply to each request."""
        said: dict[int, Said] = {}
        for places in _alike(requests):
            kind = requests[places[0]]
            if isinstance(kind, Choose):
                chosen = self._choose([one for i in places if isinstance(one := requests[i], Choose)])
                said |= dict(zip(places, chosen, strict=True))
            else:
                texts = self._write([one for i in places if isinstance(one := requests[i], Write)], short=kind.short)
                said |= dict(zip(places, texts, strict=True))
        return [said[i] for i in range(len(requests))]

    def _write(self, requests: Sequence[Write], *, short: bool) -> list[Said]:
        renderer = self.subject.renderer
        prompts = renderer.prompts([[*self.context, *one.turns] for one in requests], [one.start for one in requests])
        limit = (self.answer_tokens if short else self.reasoning_tokens) + self.subject.thought_tokens
        said: list[Said] = []
        for part in _parts(prompts, limit):
            self.calls += 1
            seed = self.sampling_seed(f"decomposition/{self.calls}")
            sampled = self.subject.sample_ids(part, max_new_tokens=limit, temperature=self.temperature, seed=seed)
            for ids in sampled:
                ended = bool(ids) and ids[-1] == renderer.end_id
                said.append(Said(strip_scratchpad(renderer.reply(ids)), cut_short=len(ids) == limit and not ended))
        return said

    def _choose(self, requests: Sequence[Choose]) -> list[Said]:
        renderer, model = self.subject.renderer, self.subject.model
        prompts = renderer.prompts([[*self.context, *one.turns] for one in requests], [one.start for one in requests])
        found = [self._tokens(one.start, one.letters) for one in requests]
        cut = [prompt[: len(prompt) - surplus] for prompt, (surplus, _) in zip(prompts, found, strict=True)]
        said: list[Said] = []
        for part in _parts(cut, 0):
            tokens = [letters for _, letters in found[len(said) : len(said) + len(part)]]
            likely = next_log_probs(model, part, tokens, renderer.pad_id)
            asked = requests[len(said) : len(said) + len(part)]
            said += [Said(one.letters[of.index(max(of))]) for one, of in zip(asked, likely, strict=True)]
        return said

    def _tokens(self, start: str, letters: str) -> tuple[int, list[int]]:
        """Return how many tokens of `start` fuse with the letter, and the token that each letter makes after it."""
        key = (start, letters)
        if key not in self.letters:
            asked = [{"role": "user", "content": ""}]
            [alone, *followed] = self.subject.renderer.prompts(
                [asked] * (1 + len(letters)), [start, *(f"{start}{letter})" for letter in letters)]
            )
            same = min(_shared(alone, ids) for ids in followed)
            tokens = [ids[same] for ids in followed]
            if len(set(tokens)) < len(letters):
                raise UserError(
                    f"The tokenizer does not tell the letters {', '.join(letters)} apart after '{start}' by one token, "
                    "so no choice can be read. Take a model whose tokenizer splits brackets from letters."
                )
            self.letters[key] = (len(alone) - same, tokens)
        return self.letters[key]


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _alike(requests: Sequence[Request]) -> Iterator[list[int]]:
    """Yield the places of requests of one kind, those with the same first turn apart where there are several."""
    first = [(type(one), isinstance(one, Write) and one.short, one.turns[0]["content"]) for one in requests]
    often = Counter(first)
    groups: dict[object, list[int]] = {}
    for i, key in enumerate(first):
        groups.setdefault(key if often[key] >= FEWEST_ALIKE else key[:2], []).append(i)
    yield from groups.values()


def _parts(prompts: Sequence[list[int]], limit: int) -> Iterator[list[list[int]]]:
    """Yield the prompts in order, as many at a time as fit."""
    part: list[list[int]] = []
    longest = 0
    for prompt in prompts:
        longest = max(longest, len(prompt) + limit)
        if part and (len(part) == MOST_ROWS or longest * (len(part) + 1) > AT_ONCE):
            yield part
            part, longest = [], len(prompt) + limit
        part.append(prompt)
    if part:
        yield part
