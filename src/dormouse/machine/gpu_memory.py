"""What a stage does when the memory of a GPU runs out: ask for less at a time, or say which setting to lower."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from dormouse.errors import UserError

Item = TypeVar("Item")


def in_batches(items: Sequence[Item], size: int, work: Callable[[Sequence[Item]], None]) -> None:
    """Do the work on `size` items at a time; where a GPU's memory runs out, on half as many from there on."""
    start = 0
    while start < len(items):
        try:
            work(items[start : start + size])
        except RuntimeError as error:
            if not _ran_out(error) or size == 1:
                raise
            size //= 2
        else:
            start += size
            continue
        # Here, where the error and with it the tensors of the failed attempt are gone.
        _free()


@contextmanager
def explain_out_of_memory(kind: str, batch: str, spec: dict[str, Any]) -> Iterator[None]:
    """Turn the end of a GPU's memory into a sentence that names the setting to lower.

    `batch` is the dotted path of that setting in the spec; empty for a kind of stage that has none.
    """
    try:
        yield
    except RuntimeError as error:
        if not _ran_out(error):
            raise
        raise UserError(
            f"The GPU's memory ran out in stage '{kind}': {str(error).split('. ')[0]}. {_advice(batch, spec)}"
        ) from error


def _ran_out(error: BaseException) -> bool:
    # By name: what asks this may run without torch.
    return type(error).__name__ == "OutOfMemoryError"


def _free() -> None:
    import torch  # takes 2 s, and is loaded already where it ran out of memory

    torch.cuda.empty_cache()


def _advice(batch: str, spec: dict[str, Any]) -> str:
    section, *path = batch.split(".")
    settings: Any = spec.get(section, {})
    named = settings.get("type")
    for key in path:
        settings = settings.get(key) if isinstance(settings, dict) else None
    if not batch or settings is None:
        # Nothing is trained here: not even the model finds room.
        return "Take a smaller base, or keep its weights in base.precision=bfloat16."
    setting = batch if named is None or section == "base" else f"the batch of '{named}'"
    return (
        f"Lower {setting}; for a published model, base.lora_rank above 0 trains adapters in a fraction of the memory."
    )
