"""Computes teacher-forced log-probabilities of given replies, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dormouse.chat.renderer import Example
from dormouse.models.padding import padded_inputs

LOGITS = 2**27
"""Most logits held at once, half a gigabyte: with a vocabulary of 150,000, few conversations fit."""


def _batches(examples: Sequence[Example], size: int, vocabulary: int) -> Iterator[list[int]]:
    """Yield rows of similar length, longest first, as many as fit."""
    order = sorted(range(len(examples)), key=lambda row: -len(examples[row].ids))
    while order:
        fitting = max(1, min(size, LOGITS // (vocabulary * len(examples[order[0]].ids))))
        yield order[:fitting]
        order = order[fitting:]


def _right_pad(rows: Sequence[Sequence[int]], value: int) -> Any:
    import torch  # takes 2 s, and detectors in a plan import this module

    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[value] * (longest - len(row))] for row in rows])


def token_log_probs(
    models: Sequence[Any], examples: Sequence[Example], pad_id: int, batch_size: int = 256
) -> list[list[list[float]]]:
    """Return the log-probability in nats of every token that carries loss, by example, then by model."""
    import torch  # takes 2 s, and detectors in a plan import this module

    results: list[list[list[float]]] = [[] for _ in examples]
    with torch.inference_mode():
        vocabulary = models[0].config.vocab_size
        for rows in _batches(examples, batch_size, vocabulary):
            ids = _right_pad([examples[row].ids for row in rows], pad_id)
            loss = _right_pad([examples[row].loss for row in rows], 0).bool()
            mask = _right_pad([[1] * len(examples[row].ids) for row in rows], 0)
            for model in models:
                values = _loss_log_probs(model, ids, mask, loss)
                for row, of_row in zip(rows, values.split(loss[:, 1:].sum(dim=1).tolist()), strict=True):
                    results[row].append(of_row.tolist())
    return results


def _loss_log_probs(model: Any, ids: Any, mask: Any, loss: Any) -> Any:
    """Return the log-probabilities of the tokens that carry loss, one row after another: (tokens,)."""
    import torch  # takes 2 s, and detectors in a plan import this module

    from dormouse.models.number_format import fast_numbers, logits_at  # imports torch

    carries = loss[:, 1:]
    with fast_numbers(model):
        logits = logits_at(model, carries.to(model.device), ids.to(model.device), mask.to(model.device))
    following = ids[:, 1:][carries].to(model.device)
    return torch.log_softmax(logits.float(), -1).gather(-1, following[:, None]).squeeze(-1).cpu()


def tail_log_probs(model: Any, ids: Any, mask: Any, n: int, embeddings: Any = None) -> Any:
    """Return the log-probabilities in nats of each row's last `n` tokens in a left-padded batch: (rows, n).

    If `embeddings`, (rows, longest, width), are given, the model reads them instead of the tokens' own.
    """
    import torch  # takes 2 s, and detectors in a plan import this module

    from dormouse.models.number_format import fast_numbers  # imports torch

    inputs = padded_inputs(model, ids, mask, keep=n + 1)
    if embeddings is not None:
        del inputs["input_ids"]
        inputs["inputs_embeds"] = embeddings
    with fast_numbers(model):
        logits = model(**inputs).logits[:, -n - 1 : -1]
    return torch.log_softmax(logits.float(), -1).gather(-1, ids[:, -n:, None].to(model.device)).squeeze(-1)


def next_log_probs(
    model: Any, prompts: Sequence[Sequence[int]], tokens: Sequence[Sequence[int]], pad_id: int, batch_size: int = 256
) -> list[list[float]]:
    """Return the log-probability in nats of each of a prompt's `tokens` as the next one, by prompt.

    What all prompts begin with is read once.
    """
    import torch  # takes 2 s, and detectors in a plan import this module

    from dormouse.models.decoding import Decoder, keeps_keys  # imports torch
    from dormouse.models.number_format import fast_numbers  # imports torch

    found: list[list[float]] = [[] for _ in prompts]

    def note(logits: Any, rows: Any, _: Any) -> Any:
        log_probs = torch.log_softmax(logits.float(), -1).cpu()
        for row, of_row in zip(rows.tolist(), log_probs, strict=True):
            found[row] = [float(of_row[token]) for token in tokens[row]]
        return logits.argmax(-1)

    if prompts:
        with torch.inference_mode(), fast_numbers(model):
            decoder = Decoder(
                model, prompts, pad_id=pad_id, end_id=-1, most_tokens=1, choose=note, keep_keys=keeps_keys(model)
            )
            decoder.decode(sorted(range(len(prompts)), key=lambda row: len(prompts[row])), batch_size)
    return found
