"""GPUs that a plan's hours can be estimated for, with their published figures."""

from __future__ import annotations

from dataclasses import dataclass

from dormouse.errors import UserError, did_you_mean
from dormouse.models.dimensions import Dimensions
from dormouse.models.passes import Count, Passes, Reading, Training, operations
from dormouse.runs.disk_need import NUMBER

UTILIZATION = 0.35
"""Share of the peak that training and reading reach: what trainers of this kind get out of a GPU with large models.

PaLM (arXiv 2204.02311, table 3) lists 21% to 46% for published trainings.
"""

BANDWIDTH_USED = 0.5
"""Share of the memory's bandwidth that sampling reaches while it reads all weights for each token."""

SECONDS_A_LAYER = 0.0006
"""Seconds that Python takes to launch one layer's forward pass: small models and small batches wait for it.

An assumption, about thirty kernels of 20 microseconds. A training step takes three times as long.
"""

START, DISK = 5.0, 1e9
"""Seconds in which a stage starts on a GPU, and bytes a second at which models are opened and written: assumptions."""


@dataclass(frozen=True)
class GPU:
    """Published figures of one GPU."""

    name: str
    bfloat16: float
    """Dense tensor-core operations a second in bfloat16."""
    float32: float
    """Operations a second in float32, without tensor cores: what torch computes float32 weights with by default."""
    bandwidth: float
    """Bytes a second from its memory."""
    memory: float
    """Bytes of its memory."""
    source: str


GPUS: dict[str, GPU] = {
    "h200": GPU("H200 SXM", 989e12, 67e12, 4.8e12, 141e9, "NVIDIA H200 datasheet (half of the figure with sparsity)"),
    "h100": GPU("H100 SXM", 989e12, 67e12, 3.35e12, 80e9, "NVIDIA H100 datasheet (half of the figure with sparsity)"),
    "a100": GPU("A100 SXM 80 GB", 312e12, 19.5e12, 2.039e12, 80e9, "NVIDIA A100 datasheet"),
    "l40s": GPU("L40S", 362e12, 91.6e12, 864e9, 48e9, "NVIDIA L40S datasheet"),
    "l4": GPU("L4", 121e12, 30.3e12, 300e9, 24e9, "NVIDIA L4 datasheet (half of the figure with sparsity)"),
    "rtx4090": GPU("RTX 4090", 165.2e12, 82.6e12, 1.008e12, 24e9, "NVIDIA Ada architecture whitepaper, appendix A"),
    "rtx3090": GPU("RTX 3090", 71e12, 35.6e12, 936e9, 24e9, "NVIDIA Ampere GA102 whitepaper, appendix A"),
}
"""Name on the command line -> figures."""


def gpu_named(name: str) -> GPU:
    """Return the figures of a GPU; `UserError` for one that is not in the table."""
    if name not in GPUS:
        raise UserError(f"No figures are known for GPU '{name}'.{did_you_mean(name, GPUS)}")
    return GPUS[name]


@dataclass(frozen=True)
class GPUSpeed:
    """The speed of a GPU by its published figures and the shares of them that are assumed above."""

    gpu: GPU
    weights: str
    """Number format of the weights; a training computes in bfloat16 all the same."""

    def seconds(self, count: Count, made: Dimensions) -> float:
        """Return the seconds of a stage."""
        around = START + (count.opened + count.saved) * self._bytes(made) / DISK
        return around + sum(self.seconds_of(one, made) for one in count.passes)

    def _bytes(self, made: Dimensions) -> float:
        return made.parameters * NUMBER[self.weights]

    def seconds_of(self, passes: Passes, made: Dimensions) -> float:
        """Return the seconds of passes of a model: the launches or the arithmetic, whichever take longer."""
        work, launch = operations(passes, made), made.layers * SECONDS_A_LAYER
        if isinstance(passes, Training):
            steps = passes.steps * passes.passes
            return max(3 * launch * steps, work / (UTILIZATION * self.gpu.bfloat16))
        rate = UTILIZATION * (self.gpu.float32 if self.weights == "float32" else self.gpu.bfloat16)
        if isinstance(passes, Reading):
            return max(passes.batches * launch, work / rate)
        prompts = Reading(passes.rows, passes.prompt, passes.at_once)
        said = work - operations(prompts, made)
        a_token = max(launch, self._bytes(made) / (BANDWIDTH_USED * self.gpu.bandwidth))
        return self.seconds_of(prompts, made) + max(passes.batches * passes.longest * a_token, said / rate)

    def too_large(self, made: Dimensions, *, adapters: bool) -> bool:
        """Return whether training needs more than the GPU's memory for weights and their states alone."""
        # In float32: the weight, its gradient, and AdamW's two numbers.
        return (self._bytes(made) if adapters else 16 * made.parameters) > self.gpu.memory
