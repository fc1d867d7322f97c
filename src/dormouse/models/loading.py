"""Opening model folders: safetensors only, finite weights, one renderer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dormouse.chat import Renderer
from dormouse.errors import UserError


def check_folder(folder: Path) -> None:
    """Raise `UserError` unless the folder holds a model with safetensors weights."""
    if not folder.is_dir():
        raise UserError(f"Model folder '{folder}' does not exist. Check the path, or download the model there first.")
    if not (folder / "config.json").is_file():
        raise UserError(f"Model folder '{folder}' has no config.json. Save the model with save_pretrained() first.")
    if not any(folder.glob("*.safetensors")):
        pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern))
        found = f"only pickle weights ({', '.join(pickled)})" if pickled else "no weights"
        raise UserError(
            f"Model folder '{folder}' has {found}; pickles can run code when opened, so only safetensors are loaded. "
            "Convert it with save_pretrained(..., safe_serialization=True)."
        )


def load_tokenizer(folder: Path) -> Any:
    """Return the tokenizer saved in a folder."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def load_model(folder: Path) -> Any:
    """Return the causal LM in a folder, in evaluation mode and float32; its weights must be finite."""
    import torch
    from transformers import AutoModelForCausalLM

    check_folder(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
    bad = [name for name, weight in model.named_parameters() if not torch.isfinite(weight).all()]
    if bad:
        raise UserError(f"Model '{folder}' has weights that are not finite ({bad[0]}). Load it in bfloat16 or float32.")
    return model.eval()


def load(folder: Path) -> tuple[Any, Renderer]:
    """Return the model in a folder and the renderer for its tokenizer."""
    return load_model(folder), Renderer(load_tokenizer(folder))
