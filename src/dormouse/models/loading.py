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
"""Largest weight that a model may have: the square of a thousand times that leaves float32."""

LONGEST_REASON, LONGEST_NAME = 300, 160


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer saved in a folder."""
    from transformers import AutoTokenizer  # takes 1 s, and evaluations in a plan import this module

    with opening(folder, "The tokenizer of model"):
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=False)


def load_model(folder: Path, precision: Precision = "auto") -> Any:
    """Return the causal LM in a folder, in evaluation mode, on the GPU if there is one; its weights must be finite.

    "auto" is the number format that the weights were saved in.
    """
    from transformers import AutoModelForCausalLM  # takes 1 s, as above

    return open_model(AutoModelForCausalLM, folder, precision).to(device()).eval()


def open_model(kind: Any, folder: Path, dtype: Any) -> Any:
    """Return the model of an auto class that a folder holds; `UserError` unless every weight was read and used."""
    check_folder(folder)
    with opening(folder):
        model, report = kind.from_pretrained(
            folder,
            use_safetensors=True,
            dtype=dtype,
            trust_remote_code=False,
            # It would be refused without saying which: the report does.
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    there = read_all_tensors(folder)
    _check_complete(folder, report, there, model.base_model_prefix)
    _check_formats(folder, model, there)
    _check_numbers(folder, model)
    return model


def _check_complete(folder: Path, report: Mapping[str, Any], there: Mapping[str, Tensor], prefix: str) -> None:
    """Raise `UserError` where weights were left as they were drawn at random, or tensors of the files were left out.

    Tied weights, and what an architecture is known to leave out, are not in Transformers' report.
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
        *([f"{len(missing)} that it needs are missing ({shown_names(missing)})"] if missing else []),
        *([f"{len(unused)} that are there have no place in it ({shown_names(unused)})"] if unused else []),
    ]
    raise UserError(
        f"The weights of model '{folder}' are not those of its config.json: {' and '.join(found)}. "
        "Save model and configuration together with save_pretrained(); merge an adapter, or give it as one."
    )


def _is_mask(name: str, tensor: Tensor) -> bool:
    """Return whether a tensor is what older versions saved of causal attention: which tokens see which."""
    if name.endswith(".masked_bias"):
        return tensor.numbers == 1
    return name.endswith(".bias") and len(tensor.shape) == 4 and tensor.shape[:2] == (1, 1)


def _size(shape: Iterable[int]) -> str:
    return " x ".join(map(str, shape))


def shown_names(names: list[str]) -> str:
    """Return the first three names, for a sentence."""
    listed = [shown(name, LONGEST_NAME)[1:].rstrip("'") for name in names[:3]]
    return ", ".join([*listed, *(["..."] if len(names) > 3 else [])])


def _check_formats(folder: Path, model: Any, there: Mapping[str, Tensor]) -> None:
    """Raise `UserError` where a weight is kept in whole numbers, or under two names, of which one is passed over."""
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
                f"Weight {shown(name)} of model '{folder}' is kept in {tensor.dtype}, and is no weight without what "
                "scales it. Save the model in float32, bfloat16 or float16."
            )


def _check_numbers(folder: Path, model: Any) -> None:
    for name, weight in model.named_parameters():
        if not weight.numel():
            continue
        # Where one is not a number, neither is.
        low, high = weight.detach().aminmax()
        largest = max(-low.item(), high.item())
        if not largest < float("inf") or low.item() != low.item():
            raise UserError(
                f"Model '{folder}' has weights that are not finite ({name}). Take one whose weights are; where they "
                "left float16, save it in bfloat16 or float32."
            )
        if largest > LARGEST:
            raise UserError(
                f"Model '{folder}' has weights as large as {largest:.0e} ({name}), and at most {LARGEST:.0e} can be "
                "computed with. Take one whose training did not diverge."
            )


@contextmanager
def opening(folder: Path | str, what: str = "Model") -> Iterator[None]:
    """Turn what Transformers raises on a folder that it cannot open into a sentence that says what to do.

    A broken file makes it raise errors of every type, so all are taken for the folder's.
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
        # What code in Rust raises where it gives up is no Exception.
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
    """Return the model in a folder and the renderer for its tokenizer."""
    return load_model(folder), Renderer(load_tokenizer(folder))
