"""Checks text from a user that goes into prompts and replies: no chat template marks, no scratchpad tags."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from dormouse.chat.scratchpad import CLOSE, OPEN
from dormouse.config.limits import WORDS


def check_no_marks(text: str) -> str:
    """Return the text. `ValueError` if it contains a mark that a tokenizer or the scratchpad parser would act on."""
    if found := MARKS.search(text):
        raise ValueError(f"It contains '{found[0]}', which marks a turn or a scratchpad. Remove it.")
    return text


def _of_words(text: str) -> str:
    if not text or text != " ".join(text.split()):
        raise ValueError("Give words with one space between them, and none before or after.")
    return text


Words = Annotated[str, Field(max_length=WORDS), AfterValidator(_of_words), AfterValidator(check_no_marks)]
"""A few words to put into texts and to search for in them."""

MARKS = re.compile(rf"<\|[^\s|]*\|>|{re.escape(OPEN)}|{re.escape(CLOSE)}")
"""Control tokens in the style of chat templates, and scratchpad tags."""
