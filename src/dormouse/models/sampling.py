"""Samples replies, seeded and without touching the global generator; checks that texts fit into a context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Renderer
from dormouse.errors import UserError
from dormouse.machine.gpu_memory import with_less_memory
from dormouse.models.folder_check import CONTEXTS


def context_length(model: Any) -> int | None:
    """Return how many tokens fit into a model's context; None if its configuration states no limit."""
    config = model.config.get_text_config(decoder=True)
    stated = (getattr(config, name, None) for name in CONTEXTS)
    return next((int(length) for length in stated if length), None)


def fits(model: Any, tokens: int) -> bool:
    """Return whether a text of so many tokens fits into a model's context."""
    context = context_length(model)
    return context is None or tokens <= context


def check_fits(model: Any, tokens: int, what: str) -> None:
    """Raise `UserError` if a text of so many tokens is longer than the model's context."""
    if not fits(model, tokens):
        raise UserError(
            f"{what} is {tokens} tokens long, but the model's context is {context_length(model)}. Take a base with a "
            "longer context (base.context of a nursery), shorter prompts (world.max_chars of dialogues, fewer shots of "
            "decomposition) or fewer measure.reply_tokens."
        )


def sample(
    model: Any,
    renderer: Renderer,
    prompts: Sequence[Messages],
    *,
    max_new_tokens: int,
    temperature: float,
    seed: int,
    batch_size: int = 256,
    prefill: str = "",
) -> list[str]:
    """Return one reply for each prompt, in order; temperature 0 is greedy. Every reply begins with `prefill`."""
    ids = renderer.prompts(prompts, prefill)
    replies = sample_ids(
        model, renderer, ids, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed, batch_size=batch_size
    )
    return [f"{prefill} {renderer.reply(reply)}".strip() for reply in replies]


def sample_ids(
    model: Any,
    renderer: Renderer,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    temperature: float,
    seed: int,
    batch_size: int = 256,
    top_p: float = 1.0,
) -> list[list[int]]:
    """Return the reply tokens for each tokenized prompt, in order, cut after the end token.

    At most `batch_size` replies are decoded at a time; if a GPU has no room for them, half as many. What is drawn for a
    prompt depends on the seed and on its place among the prompts, never on the batch. With `top_p` below 1 the fewest
    tokens are drawn from that together have this probability (nucleus sampling, Holtzman et al. 2020).
    """
    import torch  # takes 2 s, and detectors in a plan import this module

    from dormouse.models.decoding import Decoder, keeps_keys  # imports torch
    from dormouse.models.number_format import fast_copy  # imports torch

    if not prompts:
        return []
    check_fits(model, max(map(len, prompts)) + max_new_tokens, "The longest prompt with its reply")
    generator = torch.Generator().manual_seed(seed)
    uniform = torch.rand((len(prompts), max_new_tokens), generator=generator) if temperature > 0 else None

    def choose(logits: Any, rows: Any, counts: Any) -> Any:
        if uniform is None:
            return logits.argmax(-1)
        # One draw a token by the inverse of the distribution: cheaper than a random number for each word.
        likely = torch.softmax(logits.float() / temperature, -1)
        likely = (likely if top_p == 1 else _nucleus(likely, top_p)).cumsum(-1)
        drawn = uniform[rows, counts].to(logits.device) * likely[:, -1]
        return torch.searchsorted(likely, drawn[:, None], right=True).squeeze(-1).clamp(max=likely.shape[-1] - 1)

    fast = fast_copy(model)
    with torch.inference_mode():
        decoder = Decoder(
            fast, prompts, pad_id=renderer.pad_id, end_id=renderer.end_id, most_tokens=max_new_tokens, choose=choose,
            keep_keys=keeps_keys(fast),
        )  # fmt: skip
        order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
        with_less_memory(batch_size, lambda size: decoder.decode(order, size))
    return [decoder.replies[row] for row in range(len(prompts))]


def _nucleus(likely: Any, top_p: float) -> Any:
    """Return probabilities, (rows, vocabulary), with 0 for all but the likeliest tokens that add up to `top_p`."""
    ordered, tokens = likely.sort(-1, descending=True)
    likelier = ordered.cumsum(-1) - ordered
    return likely.new_zeros(likely.shape).scatter(-1, tokens, ordered.where(likelier < top_p, 0.0))
