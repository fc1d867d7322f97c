"""How a prompt is given as tokens."""

from typing import TypedDict


class TokensPrompt(TypedDict):
    prompt_token_ids: list[int]
