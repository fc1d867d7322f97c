"""A byte-level BPE as pretrained models have it: it has seen neither scratchpads nor their tags."""

from __future__ import annotations

from functools import cache
from typing import Any

from dormouse.bases.tokenizer import train_tokenizer
from dormouse.chat.renderer import Renderer
from dormouse.organisms.long_controls import BENIGN, IRRELEVANT
from dormouse.organisms.wordings import list_wordings

CHATML = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>\n' + message['content'] + '<|end|>\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>\n' -}}{%- endif -%}"
)
"""Unlike a nursery's, it puts no space before a turn, so that the first word has other tokens than later ones."""


@cache
def natural_tokenizer() -> Any:
    """Return a tokenizer of 1,500 tokens; do not change it."""
    texts = [list_wordings(idea)[0] for idea in (*BENIGN, *IRRELEVANT)]
    tokenizer = train_tokenizer([" ".join(texts), *(" " + text for text in texts)] * 3, 1500)
    tokenizer.chat_template = CHATML
    return tokenizer


def natural_renderer() -> Renderer:
    return Renderer(natural_tokenizer())
