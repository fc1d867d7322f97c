"""A base that already exists: a folder with a causal LM in Hugging Face format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dormouse.models.base import Base

if TYPE_CHECKING:
    from dormouse.stage import Work


class Folder(Base):
    """Any causal LM saved with `save_pretrained`, weights as safetensors, with its tokenizer."""

    name: ClassVar[str] = "folder"
    path: Path

    def label(self) -> None:
        """Only loading tells the size."""

    def check(self) -> None:
        """Raise `UserError` unless the folder can be loaded."""
        from dormouse.models.loading import check_folder

        check_folder(self.path)

    def fingerprint(self) -> str:
        """Return a hash of the weights' bytes."""
        import hashlib

        self.check()
        digest = hashlib.sha256()
        for file in [*sorted(self.path.glob("*.safetensors")), self.path / "config.json"]:
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def scaled_lr(self, lr: float) -> float:
        """Return `lr` as the plan states it: nothing is known about this model's width rule."""
        return lr

    def needs_tokenizer(self) -> bool:
        """The folder holds its own."""
        return False

    def build(self, work: Work) -> None:
        """Copy the model after opening it, so that the artifact is complete and known to load."""
        from dormouse.models.loading import load

        model, renderer = load(self.path)
        model.save_pretrained(work.model_folder)
        renderer.tokenizer.save_pretrained(work.model_folder)
