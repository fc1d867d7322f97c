"""Asks a model about one question: its chains of thought, and its answer after every intervention on them.

`examine` is a generator of requests, so that a local model answers those of all questions in one batch and an API model
answers them as they come.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from dormouse.data.formats.asking import REASON
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.data.problems.problem import stated_value
from dormouse.data.world import SentenceWriter
from dormouse.evaluation.faithfulness.asked import Answer, Asked, Reply, Request, Said, WithChoices
from dormouse.evaluation.faithfulness.filler import fill_to, filler_amounts, filler_shares
from dormouse.evaluation.faithfulness.sentences import (
    ask_for_mistake,
    ask_for_paraphrase,
    finished,
    first_line,
    pieces,
    same_words,
    whole_line,
)

T = TypeVar("T")
Requests = Generator[Sequence[Request], Sequence[Reply], T]


@dataclass(frozen=True)
class Asking:
    """How much is asked about each question."""

    chains: int
    """Chains of thought."""
    tokens: int
    """Longest chain."""
    fillers: int
    """How many shares of the longest chain filler is tried at."""
    count: Callable[[str], int]
    """Counts the tokens of a reply, and its end token if there is one."""
    writer: SentenceWriter | None = None
    """Writes mistakes and paraphrases by rule; what it cannot write, the model is asked for."""

    def length(self, reasoning: str) -> int:
        """Count the tokens of reasoning where it stands in a reply: those that the reply has fewer without it."""
        return self.count(f"{REASON} {reasoning}".rstrip()) - self.count(REASON)


@dataclass
class Chain:
    """One chain of thought, and the answers after interventions on it."""

    pieces: list[str]
    """Finished sentences, each with the space or line break after it: where the chain ran into the limit of tokens,
    what it was cut off in is left out."""
    cut_short: bool = False
    """Whether it ran into that limit."""
    early: list[Answer] = field(default_factory=list)
    """After the first k sentences, for k = 0 to n; the last one is the answer after the whole chain."""
    mistaken: list[str | None] = field(default_factory=list)
    """The whole reasoning with a mistake in sentence i and the rest sampled again; None: no mistake was written."""
    after_mistake: list[Answer] = field(default_factory=list)
    paraphrased: list[str | None] = field(default_factory=list)
    """The reasoning whose first k sentences are said in other words and the rest sampled again, for k = 1 to n."""
    after_paraphrase: list[Answer] = field(default_factory=list)

    @property
    def n(self) -> int:
        """Its sentences."""
        return len(self.pieces)

    @property
    def sentences(self) -> list[str]:
        """Its sentences, without the space between them."""
        return [piece.rstrip() for piece in self.pieces]

    @property
    def text(self) -> str:
        """The whole chain, as every prompt holds it."""
        return self.begin(self.n)

    @property
    def answer(self) -> Answer:
        """The answer after the whole chain."""
        return self.early[-1]

    def begin(self, k: int) -> str:
        """Return the first k sentences."""
        return "".join(self.pieces[:k]).rstrip()

    def begin_with(self, i: int, wrong: str) -> str:
        """Return the first i sentences and another one in place of the next."""
        piece = self.pieces[i]
        return f"{''.join(self.pieces[:i])}{wrong}{piece[len(piece.rstrip()) :]}"


class Filler(NamedTuple):
    """Filler in place of a chain of thought, and the answer after it."""

    share: float
    """Of the tokens of the question's longest chain."""
    tokens: int
    answer: Answer


class Given(NamedTuple):
    """What was answered after reasoning that the world wrote."""

    right: Answer
    """After right reasoning."""
    stated: int
    """The choice that it states with a mistake in its last sentence."""
    wrong: Answer
    """After that."""


@dataclass
class Examined:
    """Everything that was asked about one question."""

    asked: Asked
    at_once: Answer = None
    """The answer without a turn for reasoning."""
    chains: list[Chain] = field(default_factory=list)
    """Those with at least one finished sentence."""
    empty: list[Said] = field(default_factory=list)
    """What was said in place of a chain, without a finished sentence."""
    filler: list[Filler] = field(default_factory=list)
    """At each share; none without a chain."""
    given: Given | None = None
    """None where the world writes no reasoning."""
    hint: Chain | None = None
    """The chain after a hint to a wrong choice."""
    hinted: int | None = None
    """The choice that the hint names."""
    hint_said: str = ""
    """The chain after the hint as the model wrote it, with the sentence that it was cut off in."""

    @property
    def cut_short(self) -> list[bool]:
        """Whether each chain ran into the limit of tokens, those without a finished sentence first."""
        return [*(said.cut_short for said in self.empty), *(chain.cut_short for chain in self.chains)]

    @property
    def answers(self) -> list[Answer]:
        """Every answer that was asked for, but for that after a hint."""
        filler = {one.tokens: one.answer for one in self.filler}
        answers = [self.at_once, *filler.values()]
        answers += [self.given.right, self.given.wrong] if self.given else []
        for chain in self.chains:
            answers += chain.early
            for texts, after in ((chain.mistaken, chain.after_mistake), (chain.paraphrased, chain.after_paraphrase)):
                answers += [answer for text, answer in zip(texts, after, strict=True) if text is not None]
        return answers


def examine(asked: Asked, how: Asking, rng: random.Random) -> Requests[Examined]:
    """Ask for chains of thought, then for the answer after every intervention on each."""
    found = Examined(asked)
    replies = yield [asked.after(None), *[asked.reason("", how.tokens)] * how.chains]
    found.at_once = asked.read(replies[0])
    for reply in replies[1:]:
        chain = _chain(reply)
        if chain.n:
            found.chains.append(chain)
        else:
            found.empty.append(_text(reply))
    for chain in found.chains:
        replies = yield [asked.after(chain.begin(k)) for k in range(chain.n + 1)]
        chain.early = [asked.read(reply) for reply in replies]
    if found.chains:
        shares = filler_shares(how.fillers)
        amounts = filler_amounts(max(how.length(chain.text) for chain in found.chains), shares)
        # Several shares of a short chain come to the same amount.
        filler = {amount: fill_to(amount, how.length) for amount in sorted(set(amounts))}
        different = list(dict.fromkeys(filler.values()))
        replies = yield [asked.after(text) for text in different]
        after = dict(zip(different, map(asked.read, replies), strict=True))
        tokens = {text: how.length(text) for text in different}
        texts = [filler[amount] for amount in amounts]
        found.filler = [Filler(share, tokens[text], after[text]) for share, text in zip(shares, texts, strict=True)]
    for chain in found.chains:
        yield from _add_mistakes(asked, chain, how, rng)
        yield from _paraphrase(asked, chain, how)
    found.given = yield from _give_reasoning(asked, how, rng)
    return found


def _give_reasoning(asked: Asked, how: Asking, rng: random.Random) -> Requests[Given | None]:
    """Ask for the answer after the world's own reasoning, and after the same with a mistake in its last sentence."""
    question = _choices(asked)
    if how.writer is None or question is None or not question.steps:
        return None
    *before, last = question.steps
    wrong = how.writer.mistake(question, last, rng)
    if wrong is None or (stated := stated_value(question, wrong)) is None:
        return None
    replies = yield [asked.after(" ".join([*before, end])) for end in (last, wrong)]
    after_right, after_wrong = map(asked.read, replies)
    return Given(after_right, stated, after_wrong)


def _text(reply: Reply) -> Said:
    return reply if isinstance(reply, Said) else Said("")


def _chain(reply: Reply) -> Chain:
    said = _text(reply)
    return Chain(pieces(finished(said)), said.cut_short)


def _question_text(asked: Asked) -> str:
    return asked.turns()[0]["content"]


def _choices(asked: Asked) -> ChoiceQuestion | None:
    return asked.question if isinstance(asked, WithChoices) else None


def _add_mistakes(asked: Asked, chain: Chain, how: Asking, rng: random.Random) -> Requests[None]:
    """Put a mistake into each sentence in turn, let the model write the rest again, and ask for the answer."""
    question = _choices(asked)
    wrong: list[str | None] = [
        how.writer.mistake(question, sentence, rng) if how.writer and question else None for sentence in chain.sentences
    ]
    missing = [i for i, sentence in enumerate(wrong) if sentence is None]
    if missing:
        written = yield [ask_for_mistake(_question_text(asked), chain.sentences[i]) for i in missing]
        for i, reply in zip(missing, written, strict=True):
            sentence = first_line(finished(_text(reply)))
            # Where the model only repeats the sentence, it has added no mistake.
            wrong[i] = None if sentence is None or same_words(sentence, chain.sentences[i]) else sentence
    begun = [None if one is None else chain.begin_with(i, one) for i, one in enumerate(wrong)]
    chain.mistaken = yield from _go_on(asked, begun, how.tokens)
    chain.after_mistake = yield from _answers_after(asked, chain.mistaken)


def _paraphrase(asked: Asked, chain: Chain, how: Asking) -> Requests[None]:
    """Say the first k sentences in other words, let the model write the rest again, and ask for the answer."""
    by_rule = [how.writer.paraphrase(sentence) if how.writer else None for sentence in chain.sentences]
    begun: list[str | None]
    if all(sentence is not None for sentence in by_rule):
        begun = [" ".join(str(one) for one in by_rule[:k]) for k in range(1, chain.n + 1)]
    else:
        asked_for = [ask_for_paraphrase(chain.begin(k), how.tokens) for k in range(1, chain.n + 1)]
        replies = yield asked_for
        begun = [whole_line(_text(reply)) for reply in replies]
    chain.paraphrased = yield from _go_on(asked, begun, how.tokens)
    chain.after_paraphrase = yield from _answers_after(asked, chain.paraphrased)


def _go_on(asked: Asked, begun: Sequence[str | None], tokens: int) -> Requests[list[str | None]]:
    """Return each beginning with the rest that the model writes after it."""
    known = [one for one in begun if one is not None]
    replies = iter((yield [asked.reason(one, tokens) for one in known]) if known else [])
    return [None if one is None else _joined(one, finished(_text(next(replies)))) for one in begun]


def _joined(begun: str, rest: str) -> str:
    """Put the rest after a beginning, which may end with a line break."""
    return f"{begun if begun[-1:].isspace() else f'{begun} '}{rest}".rstrip()


def _answers_after(asked: Asked, texts: Sequence[str | None]) -> Requests[list[Answer]]:
    known = [one for one in texts if one is not None]
    replies = iter((yield [asked.after(one) for one in known]) if known else [])
    return [None if one is None else asked.read(next(replies)) for one in texts]


def hint_at(question: ChoiceQuestion, task: str, answer: int, tokens: int, rng: random.Random) -> Requests[Examined]:
    """Hint at a choice that is neither right nor the model's own answer, and ask for a chain and its answer."""
    others = [i for i in range(len(question.choices)) if i not in (question.right, answer)]
    asked = WithChoices(question, task, hint=rng.choice(others) if others else None)
    found = Examined(asked, hinted=asked.hint)
    if asked.hint is None:
        return found
    [reply] = yield [asked.reason("", tokens)]
    chain = _chain(reply)
    found.hint_said = _text(reply).text.strip()
    [answered] = yield [asked.after(chain.text)]
    chain.early = [asked.read(answered)]
    found.hint = chain
    return found
