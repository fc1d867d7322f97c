"""Bases that already exist: a folder in Hugging Face format, or a name on the hub."""

from __future__ import annotations

import re
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from dormouse.bases.base import Base
from dormouse.machine.foreign_files import is_folder, shown
from dormouse.models.folder_check import check_folder, check_tokenizer
from dormouse.models.passes import Count
from dormouse.models.settings import Precision, Quantized, Template, check_bitsandbytes
from dormouse.models.weight_files import check_unchanged, count_parameters, fingerprint
from dormouse.training.counting import Counting
from dormouse.training.work import Work

# The hub's rule: letters, digits, '_', '-' and '.'; the last two neither first nor last.
PART = r"\w(?:[\w.-]*\w)?"
NAME = re.compile(f"{PART}/{PART}", re.ASCII)
LONGEST_NAME = 96
REVISION = re.compile(r"\w[\w./+-]*", re.ASCII)


class Pretrained(Base):
    """Any causal LM with weights as safetensors, and its tokenizer."""

    template: Template = "auto"
    """`own`: the model's chat template; `plain`: Human and Assistant turns; `auto`: `own` if it has one."""
    precision: Precision = "auto"
    """Number format of the weights; `auto` is float32, or bfloat16 for frozen weights on a GPU that has it."""
    lora_rank: int = Field(0, ge=0)
    """Rank of the adapter that each training of the plan trains and merges, instead of all weights; 0 trains all."""

    quantized: Quantized = Field("none", exclude_if=lambda bits: bits == "none")
    """Bits of the weights while adapters are trained beside them; artifacts hold unquantized weights."""

    @model_validator(mode="after")
    def _few_bits_are_frozen(self) -> Self:
        if self.quantized != "none" and not self.lora_rank:
            raise ValueError(
                f"quantized is '{self.quantized}' and lora_rank 0, but quantized weights cannot be trained, only "
                "adapters beside them. Set base.lora_rank above 0 (16, say), or base.quantized=none."
            )
        return self

    @abstractmethod
    def folder(self) -> Path:
        """Return the model's folder on this machine; `UserError` if there is none."""

    def check(self) -> None:
        """Raise `UserError` unless the folder can be loaded, and bitsandbytes is there if the plan asks for it."""
        folder = self.folder()
        check_folder(folder)
        check_tokenizer(folder, with_template=self.template != "plain")
        if self.quantized != "none":
            check_bitsandbytes()

    def identity(self) -> str:
        """Return the settings that the weights depend on: the model is the same for every seed."""
        return self.model_dump_json(exclude={"lora_rank", "quantized"})

    def scaled_lr(self, lr: float) -> float:
        """Return `lr` unchanged: how to scale it to this model's width is not known."""
        return lr

    def needs_tokenizer(self) -> bool:
        """Return False: the model has a tokenizer."""
        return False

    def training(self) -> dict[str, Any]:
        """Return the rank of the adapters, if there are any, and the bits of the weights beside them."""
        bits = {"quantized": self.quantized} if self.quantized != "none" else {}
        return {"lora_rank": self.lora_rank} | bits if self.lora_rank else {}

    def build(self, work: Work) -> None:
        """Copy the model after checking it, with the chat template, end token and pad token that all stages use."""
        from dormouse.bases.copying import copy_model  # imports torch, which only a worker needs

        folder = self.folder()
        self.check()
        check_unchanged(folder, work.spec.get("data"), self.fingerprint())
        copy_model(work, folder, self.template, self.precision, adapters=bool(self.lora_rank))

    def count(self, counting: Counting) -> Count:
        """A copy of the model."""
        return Count(opened=1, saved=1)


class Folder(Pretrained):
    """A causal LM saved with `save_pretrained`."""

    name: ClassVar[str] = "folder"
    path: Path
    """Folder with the weights as safetensors, and the tokenizer."""

    def folder(self) -> Path:
        """Return the path as given."""
        return self.path

    def label(self) -> int | None:
        """Count the parameters in the weights files; None if there is no folder."""
        if not is_folder(self.path):
            return None
        self.check()
        return count_parameters(self.path) or None

    def fingerprint(self) -> str:
        """Hash the files that the model is opened from."""
        self.check()
        return fingerprint(self.path)


class Hub(Pretrained):
    """A causal LM on the Hugging Face hub, downloaded once into its cache before the plan runs."""

    name: ClassVar[str] = "hub"
    model: str
    """Owner and name: bigscience/bloom-560m."""
    revision: str = "main"
    """A commit, tag or branch. Name the commit for others to get the same weights."""

    @field_validator("model")
    @classmethod
    def _is_a_name(cls, model: str) -> str:
        if not NAME.fullmatch(model) or len(model) > LONGEST_NAME or re.search(r"--|\.\.|\.git$", model):
            raise ValueError(
                f"{shown(model)} is not a name on the hub. Write owner and name, such as bigscience/bloom-560m."
            )
        return model

    @field_validator("revision")
    @classmethod
    def _is_a_revision(cls, revision: str) -> str:
        if not REVISION.fullmatch(revision) or ".." in revision:
            raise ValueError(f"{shown(revision)} is not a revision. Give a commit, a tag or a branch, such as main.")
        return revision

    def folder(self) -> Path:
        """Return the folder in the hub's cache."""
        from dormouse.machine.downloads import cached_folder  # imports huggingface_hub, which takes 0.3 s

        return cached_folder(self.model, self.revision)

    def fetch(self) -> None:
        """Download the model if the cache does not have it."""
        from dormouse.machine.downloads import download  # imports huggingface_hub, which takes 0.3 s

        download(self.model, self.revision)
        self.check()

    def label(self) -> int | None:
        """Count the parameters in the weights files; None before they are downloaded."""
        from dormouse.machine.downloads import find_cached  # imports huggingface_hub, which takes 0.3 s

        found = find_cached(self.model, self.revision)
        if found is None:
            return None
        self.check()
        return count_parameters(found) or None

    def fingerprint(self) -> str:
        """Return the commit that the revision names."""
        from dormouse.machine.downloads import commit  # imports huggingface_hub, which takes 0.3 s

        return commit(self.model, self.revision)
