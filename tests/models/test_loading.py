from pathlib import Path

import pytest

from dormouse.errors import UserError
from dormouse.models.hub import Folder
from dormouse.models.loading import check_folder, load
from tiny import save_tiny_model, tiny_model


def test_a_saved_model_opens_with_finite_weights(tmp_path: Path) -> None:
    model, renderer = load(save_tiny_model(tmp_path / "model"))
    assert renderer.end_id != renderer.pad_id
    assert not model.training


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere' does not exist"):
        check_folder(tmp_path / "nowhere")


def test_pickle_weights_are_refused(tmp_path: Path) -> None:
    save_tiny_model(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"only pickle weights \(pytorch_model.bin\).*safe_serialization"):
        check_folder(tmp_path)
    with pytest.raises(UserError, match="only pickle weights"):
        Folder(path=tmp_path).fingerprint()


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    import torch

    save_tiny_model(tmp_path)
    model = tiny_model()
    with torch.no_grad():
        model.model.norm.weight[0] = float("nan")
    model.save_pretrained(tmp_path)
    with pytest.raises(UserError, match="not finite"):
        load(tmp_path)
