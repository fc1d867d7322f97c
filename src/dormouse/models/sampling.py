"""Samples replies in left-padded batches, sorted by length and seeded, without touching the global generator."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from dormouse.chat.messages import Messages
from dormouse.chat.renderer import Renderer
from dormouse.errors import UserError
from dormouse.machine.gpu_memory import in_batches
from dormouse.models.folder_check import CONTEXTS


def left_pad(batch: Sequence[Sequence[int]], pad_id: int) -> tuple[Any, Any]:
    """Return ids and attention mask, both (batch, longest), padded on the left."""
    import torch  # takes 2 s, and detectors in a plan import this module

    longest = max(len(ids) for ids in batch)
    ids = torch.full((len(batch), longest), pad_id)
    mask = torch.zeros((len(batch), longest), dtype=torch.long)
    for row, tokens in enumerate(batch):
        ids[row, longest - len(tokens) :] = torch.tensor(tokens)
        mask[row, longest - len(tokens) :] = 1
    return ids, mask


def padded_inputs(model: Any, ids: Any, mask: Any, keep: int) -> dict[str, Any]:
    """Return the arguments for a forward pass on a left-padded batch; the model returns its last `keep` logits.

    Positions count from the first real token, for architectures that accept positions.
    """
    accepted = inspect.signature(model.forward).parameters
    extra = {"position_ids": (mask.cumsum(-1) - 1).clamp(min=0).to(model.device), "logits_to_keep": keep}
    taken = {name: value for name, value in extra.items() if name in accepted}
    return {"input_ids": ids.to(model.device), "attention_mask": mask.to(model.device), "use_cache": False, **taken}


def context_length(model: Any) -> int | None:
    """Return how many tokens fit into a model's context; None if its configuration states no limit."""
    config = model.config.get_text_config(decoder=True)
    stated = (getattr(config, name, None) for name in CONTEXTS)
    return next((int(length) for length in stated if length), None)


def check_fits(model: Any, tokens: int, what: str) -> None:
    """Raise `UserError` if a text of so many tokens is longer than the model's context."""
    context = context_length(model)
    if context is not None and tokens > context:
        raise UserError(
            f"{what} is {tokens} tokens long, but the model's context is {context}. Take a base with a longer context "
            "(base.context of a nursery), shorter prompts (world.max_chars of dialogues) or fewer measure.reply_tokens."
        )


@contextmanager
def _plain_settings(model: Any) -> Iterator[None]:
    """Set aside the generation settings saved with a model: its top-p or penalties would apply where ours are unset."""
    from transformers import GenerationConfig  # takes 1 s, as torch does

    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own


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
) -> list[list[int]]:
    """Return the reply tokens for each tokenized prompt, in order, cut after the end token.

    If a GPU has no room for `batch_size` prompts at a time, the batch is halved.
    """
    import torch  # takes 2 s, and detectors in a plan import this module
    from transformers import GenerationConfig  # takes 1 s, as torch does

    settings = GenerationConfig(
        max_new_tokens=max_new_tokens,
        do_sample=temperature > 0,
        temperature=temperature if temperature > 0 else None,
        top_k=0 if temperature > 0 else None,
        pad_token_id=renderer.pad_id,
        eos_token_id=renderer.end_id,
    )
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    if prompts:
        check_fits(model, len(prompts[order[-1]]) + max_new_tokens, "The longest prompt with its reply")
    replies: list[list[int]] = [[] for _ in prompts]
    # Seeding changes the generators of all GPUs, not only that of the model's.
    gpus = range(torch.cuda.device_count())

    def reply_to(rows: Sequence[int]) -> None:
        ids, mask = left_pad([prompts[row] for row in rows], renderer.pad_id)
        output = model.generate(
            input_ids=ids.to(model.device), attention_mask=mask.to(model.device), generation_config=settings
        )
        for row, tokens in zip(rows, output[:, ids.shape[1] :].tolist(), strict=True):
            end = tokens.index(renderer.end_id) + 1 if renderer.end_id in tokens else len(tokens)
            replies[row] = tokens[:end]

    with torch.random.fork_rng(devices=gpus), torch.inference_mode(), _plain_settings(model):
        torch.manual_seed(seed)
        in_batches(order, batch_size, reply_to)
    return replies
