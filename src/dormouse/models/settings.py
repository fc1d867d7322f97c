"""Model settings of a plan: chat template, number format, quantization, and how replies are sampled.

Torch-free, because a plan is read with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dormouse.errors import UserError
from dormouse.machine.hardware import has_bfloat16, has_package

Template = Literal["auto", "own", "plain"]
"""`own`: the model's chat template; `plain`: Human and Assistant turns; `auto`: `own` if the model has one."""
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Quantized = Literal["none", "8bit", "4bit"]
SamplerName = Literal["auto", "transformers", "vllm"]


@dataclass(frozen=True)
class Sampler:
    """Which library samples the replies that are measured."""

    name: SamplerName = "transformers"
    memory: float = 0.5
    """Share of the GPU's memory for vLLM; the same model is also loaded with Transformers, for log-probabilities."""


TRANSFORMERS = Sampler()


def choose_precision(asked: Precision, *, adapters: bool) -> tuple[Precision, str]:
    """Return the number format to keep weights in, and why."""
    if asked != "auto":
        return asked, "as the plan says"
    if adapters and has_bfloat16():
        return "bfloat16", "weights are frozen beside adapters, and take half the memory"
    if adapters:
        return "float32", "this machine is not fast in bfloat16"
    return "float32", "bfloat16 would lose updates below a 256th of a weight"


def check_bitsandbytes() -> None:
    """Raise `UserError` unless bitsandbytes, which quantizes weights, is installed."""
    if not has_package("bitsandbytes"):
        raise UserError(
            "base.quantized needs the package bitsandbytes, which is not installed. "
            "pip install 'dormouse-lab[quantized]'"
        )
