"""Handles a GPU that runs out of memory: takes smaller batches, or names the setting to lower."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from dormouse.errors import UserError


def with_less_memory(size: int, work: Callable[[int], None]) -> None:
    """Do the work on up to `size` items at a time; whenever a GPU runs out of memory, again with half as many."""
    while True:
        try:
            return work(size)
        except RuntimeError as error:
            if not _ran_out(error) or size == 1:
                raise
            size //= 2
        # Outside `except`, because the error keeps the tensors of the failed attempt alive.
        _free()


@contextmanager
def explain_out_of_memory(kind: str, batch: str, spec: dict[str, Any]) -> Iterator[None]:
    """Turn a GPU's out-of-memory error into a sentence that names the setting to lower.

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
    # By name, because callers may run without torch.
    return type(error).__name__ == "OutOfMemoryError"


def _free() -> None:
    import torch  # takes 2 s, but is already imported when memory runs out

    torch.cuda.empty_cache()


def _advice(batch: str, spec: dict[str, Any]) -> str:
    section, *path = batch.split(".")
    settings: Any = spec.get(section, {})
    named = settings.get("type")
    for key in path:
        settings = settings.get(key) if isinstance(settings, dict) else None
    if not batch or settings is None:
        # Nothing is trained here: the model alone does not fit.
        return "Take a smaller base, or keep its weights in base.precision=bfloat16."
    setting = batch if named is None or section == "base" else f"the batch of '{named}'"
    return (
        f"Lower {setting}; for a published model, base.lora_rank above 0 trains adapters in a fraction of the memory."
    )
