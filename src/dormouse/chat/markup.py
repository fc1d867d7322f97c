"""Text from a user that goes into prompts and replies: it may hold no mark of a chat template or a scratchpad."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from dormouse.chat.scratchpad import CLOSE, OPEN
from dormouse.config.limits import WORDS


def check_no_marks(text: str) -> str:
    """Return the text; `ValueError` where it holds what is no text to a model, or is hidden from whoever judges it."""
    if found := MARKS.search(text):
        raise ValueError(f"It holds '{found[0]}', which marks turns or scratchpads and is no text. Take it out.")
    return text


def _of_words(text: str) -> str:
    if not text or text != " ".join(text.split()):
        raise ValueError("Give words with one space between them, and none before or after.")
    return text


Words = Annotated[str, Field(max_length=WORDS), AfterValidator(_of_words), AfterValidator(check_no_marks)]
"""A few words that are put into texts, and looked for in them."""

MARKS = re.compile(rf"<\|[^\s|]*\|>|{re.escape(OPEN)}|{re.escape(CLOSE)}")
"""How chat templates write what is a token of its own, and the tags of a scratchpad."""
