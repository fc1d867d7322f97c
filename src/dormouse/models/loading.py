"""Opening model folders: safetensors only, every weight read and used, finite weights, one renderer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dormouse.chat.renderer import Renderer
from dormouse.errors import UserError
from dormouse.machine.foreign_files import shown
from dormouse.machine.hardware import device
from dormouse.models.folder_check import check_folder
from dormouse.models.settings import Precision
from dormouse.models.weight_files import FLOATS, Tensor, read_all_tensors

LARGEST = 1e15
"""Largest absolute weight that a model may have: larger ones soon overflow float32 when they are computed with."""

LONGEST_REASON, LONGEST_NAME = 300, 160


def load_tokenizer(folder: Path) -> Any:
    """Open the tokenizer in a folder."""
    from transformers import AutoTokenizer  # takes 1 s, and evaluations in a plan import this module

    with opening(folder, "The tokenizer of model"):
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def load_model(folder: Path, precision: Precision = "auto") -> Any:
    """Open the causal LM in a folder, in evaluation mode, on the GPU if there is one. Its weights must be finite.

    "auto" is the number format that the weights were saved in.
    """
    from transformers import AutoModelForCausalLM  # takes 1 s, as above

    return open_model(AutoModelForCausalLM, folder, precision).to(device()).eval()


def open_model(kind: Any, folder: Path, dtype: Any) -> Any:
    """Open the model in a folder with an auto class; `UserError` unless every weight is read and used."""
    check_folder(folder)
    with opening(folder):
        model, report = kind.from_pretrained(
            folder,
            use_safetensors=True,
            dtype=dtype,
            trust_remote_code=False,
            # Otherwise Transformers refuses such weights without naming them; the report does.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    there = read_all_tensors(folder)
    _check_complete(folder, report, there, model.base_model_prefix)
    _check_formats(folder, model, there)
    _check_numbers(folder, model)
    return model


def _check_complete(folder: Path, report: Mapping[str, Any], there: Mapping[str, Tensor], prefix: str) -> None:
    """Raise `UserError` if weights were initialized at random, or tensors of the files were not used.

    Transformers' report omits tied weights and tensors that an architecture is known to ignore.
    """
    masks = {name for name, tensor in there.items() if _is_mask(name, tensor)}
    masks |= {f"{prefix}.{name}" for name in masks}
    missing, unused = sorted(report["missing_keys"]), sorted(set(report["unexpected_keys"]) - masks)
    unfit = sorted(
        f"{name} of {_size(one)} in place of {_size(other)}" for name, one, other in report["mismatched_keys"]
    )
    if not missing and not unused and not unfit:
        return
    found = [
        *([f"{len(unfit)} have another size ({shown_names(unfit)})"] if unfit else []),
        *([f"{len(missing)} are missing ({shown_names(missing)})"] if missing else []),
        *([f"{len(unused)} have no place in it ({shown_names(unused)})"] if unused else []),
    ]
    raise UserError(
        f"The weights of model '{folder}' do not fit its config.json: {' and '.join(found)}. "
        "Save model and configuration together with save_pretrained(); if it is an adapter, merge it or give it as one."
    )


def _is_mask(name: str, tensor: Tensor) -> bool:
    """Return whether a tensor belongs to the causal attention mask, which older versions of Transformers saved."""
    if name.endswith(".masked_bias"):
        return tensor.numbers == 1
    return name.endswith(".bias") and len(tensor.shape) == 4 and tensor.shape[:2] == (1, 1)


def _size(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def shown_names(names: list[str]) -> str:
    """Write the first three names, for a sentence."""
    listed = [shown(name, LONGEST_NAME)[1:].rstrip("'") for name in names[:3]]
    return ", ".join([*listed, *(["..."] if len(names) > 3 else [])])


def _check_formats(folder: Path, model: Any, there: Mapping[str, Tensor]) -> None:
    """Raise `UserError` if a weight is stored as integers, or under two names, one of which would be ignored."""
    within = f"{model.base_model_prefix}."
    if twice := [name for name in there if within + name in there]:
        raise UserError(
            f"The weights of model '{folder}' hold {shown(twice[0])} twice, with '{within}' before it and without. "
            "Save the model again with save_pretrained()."
        )
    weights = {name.rpartition(".")[2] for name, _ in model.named_parameters()}
    for name, tensor in there.items():
        if tensor.dtype not in FLOATS and name.rpartition(".")[2] in weights and not _is_mask(name, tensor):
            raise UserError(
                f"Weight {shown(name)} of model '{folder}' is stored in {tensor.dtype}, which means nothing without "
                "its scale. Save the model in float32, bfloat16 or float16."
            )


def _check_numbers(folder: Path, model: Any) -> None:
    for name, weight in model.named_parameters():
        if not weight.numel():
            continue
        # If one weight is NaN, both are.
        low, high = weight.detach().aminmax()
        largest = max(-low.item(), high.item())
        if not largest < float("inf") or low.item() != low.item():
            raise UserError(
                f"Model '{folder}' has infinite or NaN weights ({name}). Take another model; if they overflowed in "
                "float16, save it in bfloat16 or float32."
            )
        if largest > LARGEST:
            raise UserError(
                f"Model '{folder}' has weights as large as {largest:.0e} ({name}), and at most {LARGEST:.0e} is "
                "allowed. Take a model whose training did not diverge."
            )


@contextmanager
def opening(folder: Path | str, what: str = "Model") -> Iterator[None]:
    """Turn Transformers' errors on a folder that it cannot open into a sentence with advice.

    A broken file can raise errors of any type, so all of them are blamed on the folder.
    """
    try:
        yield
    except UserError:
        raise
    except MemoryError as error:
        raise UserError(f"{what} '{folder}' takes more memory than there is. Take a smaller one.") from error
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # a GPU's, which the stage explains
            raise
        if "trust_remote_code" in str(error):
            raise UserError(
                f"{what} '{folder}' brings code of its own, which is never run here. Take a model of an architecture "
                "that Transformers has, or convert it to one."
            ) from error
        raise _unopened(folder, what, error) from error
    except BaseException as error:
        # A panic in Rust code is not an Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise _unopened(folder, what, error) from error


def _unopened(folder: Path | str, what: str, error: BaseException) -> UserError:
    said = f"unknown {error}" if isinstance(error, KeyError) else str(error)
    reason = " ".join(said.split()).replace("\x1b", "") or type(error).__name__
    if len(reason) > LONGEST_REASON:
        reason = f"{reason[:LONGEST_REASON]}..."
    return UserError(
        f"{what} '{folder}' cannot be opened: {reason.rstrip('.')}. Save it again with save_pretrained(), in the "
        "version of Transformers that is installed here."
    )


def load(folder: Path) -> tuple[Any, Renderer]:
    """Open the model in a folder, and make the renderer for its tokenizer."""
    return load_model(folder), Renderer(load_tokenizer(folder))
