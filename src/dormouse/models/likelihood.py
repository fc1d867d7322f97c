"""Computes teacher-forced log-probabilities of given replies, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from dormouse.chat.renderer import Example
from dormouse.models.padding import padded_inputs, right_pad
from dormouse.models.sampling import check_fits

if TYPE_CHECKING:
    from dormouse.models.shared_beginning import SharedBeginning

LOGITS = 2**27
"""Most logits held at once, half a gigabyte: with a vocabulary of 150,000, few conversations fit."""


def _batches(examples: Sequence[Example], size: int, vocabulary: int) -> Iterator[list[int]]:
    """Yield rows of similar length, longest first, as many as fit."""
    order = sorted(range(len(examples)), key=lambda row: -len(examples[row].ids))
    while order:
        fitting = max(1, min(size, LOGITS // (vocabulary * len(examples[order[0]].ids))))
        yield order[:fitting]
        order = order[fitting:]


def token_log_probs(
    models: Sequence[Any], examples: Sequence[Example], pad_id: int, batch_size: int = 256
) -> list[list[list[float]]]:
    """Return the log-probability in nats of every token that carries loss, by example, then by model.

    `UserError` if an example is longer than a model's context.
    """
    import torch  # takes 2 s, and detectors in a plan import this module

    longest = max((len(example.ids) for example in examples), default=0)
    for model in models:
        check_fits(model, longest, "The longest conversation to read")
    results: list[list[list[float]]] = [[] for _ in examples]
    with torch.inference_mode():
        vocabulary = models[0].config.vocab_size
        beginnings = [_read_beginning(model, examples) for model in models]
        start = beginnings[0].length
        for rows in _batches(examples, batch_size, vocabulary):
            ids = right_pad([examples[row].ids[start:] for row in rows], pad_id)
            loss = right_pad([examples[row].loss[start:] for row in rows], 0).bool()
            mask = right_pad([[1] * (len(examples[row].ids) - start) for row in rows], 0)
            for model, beginning in zip(models, beginnings, strict=True):
                values = _loss_log_probs(model, ids, beginning.inputs(ids, mask), loss)
                for row, of_row in zip(rows, values.split(loss[:, 1:].sum(dim=1).tolist()), strict=True):
                    results[row].append(of_row.tolist())
    return results


def _read_beginning(model: Any, examples: Sequence[Example]) -> SharedBeginning:
    """Read what all prompts begin with. The last token of each is read later: after it the first value is needed."""
    from dormouse.models.number_format import fast_numbers  # imports torch
    from dormouse.models.shared_beginning import SharedBeginning  # imports torch

    with fast_numbers(model):
        return SharedBeginning(model, [example.ids[: [*example.loss, 1].index(1)] for example in examples])


def _loss_log_probs(model: Any, ids: Any, inputs: dict[str, Any], loss: Any) -> Any:
    """Return the log-probabilities of the tokens that carry loss, one row after another: (tokens,)."""
    import torch  # takes 2 s, and detectors in a plan import this module

    from dormouse.models.number_format import fast_numbers, logits_at  # imports torch

    carries = loss[:, 1:]
    with fast_numbers(model):
        logits = logits_at(model, carries.to(model.device), inputs)
    following = ids[:, 1:][carries].to(model.device)
    return torch.log_softmax(logits.float(), -1).gather(-1, following[:, None]).squeeze(-1).cpu()


def tail_log_probs(
    model: Any, ids: Any, mask: Any, n: int, embeddings: Any = None, beginning: SharedBeginning | None = None
) -> Any:
    """Return the log-probabilities in nats of each row's last `n` tokens in a left-padded batch: (rows, n).

    If `embeddings`, (rows, longest, width), are given, the model reads them instead of the tokens' own. If `beginning`
    is given, the rows are what follows it.
    """
    import torch  # takes 2 s, and detectors in a plan import this module

    from dormouse.models.number_format import fast_numbers  # imports torch

    if beginning is not None and beginning.length:
        inputs = beginning.inputs(ids, mask, keep=n + 1)
    else:
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

    What all prompts begin with is read once. `UserError` if a prompt is longer than the model's context.
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
        check_fits(model, max(map(len, prompts)), "The longest prompt")
        with torch.inference_mode(), fast_numbers(model):
            decoder = Decoder(
                model, prompts, pad_id=pad_id, end_id=-1, most_tokens=1, choose=note, keep_keys=keeps_keys(model)
            )
            decoder.decode(sorted(range(len(prompts)), key=lambda row: len(prompts[row])), batch_size)
    return found
