"""The words of judgments and revisions, for a tokenizer that is to know them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from dormouse.data.judging.principles import GENERAL, NOUNS, principles
from dormouse.data.judging.tasks import write_judgment
from dormouse.data.judging.traits import NAMES, trait_questions


def judging_words() -> Iterator[str]:
    """Yield every wording of every principle, and every trait question with its replies."""
    for topic, held_out in product((*NOUNS, GENERAL), (False, True)):
        for principle in principles(topic, held_out):
            yield write_judgment("", principle.text, ("", ""), "")
    for name in NAMES:
        for question in trait_questions(name, False):
            yield question.prompt.text
            yield from (*question.shows, *question.declines)
