"""What a trainer is given to train, and the plain model that comes back: adapters merged, shards put together."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch.distributed.tensor import DTensor
from transformers.pytorch_utils import Conv1D

from dormouse.machine.hardware import shares_weights
from dormouse.models.quantized import quantize
from dormouse.models.settings import Quantized

Task = Literal["CAUSAL_LM", "SEQ_CLS"]


def with_adapter(model: Any, rank: int, seed: int, task: Task = "CAUSAL_LM") -> Any:
    """Return the model with an adapter at each linear map of its layers: all that is then trained, but a scoring head.

    Its update is scaled by two, as is usual (alpha twice the rank). The global generator is left as it was.
    """
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        task_type=task,
        # GPT-2 keeps its maps the other way round.
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def move_adapter(source: Any, target: Any) -> None:
    """Give a model the adapter of another, and its scoring head where that is trained too."""
    weights = {
        name: weight.detach().cpu()
        for name, weight in get_peft_model_state_dict(source, save_embedding_layers=False).items()
    }
    set_peft_model_state_dict(target, weights)


def merge(model: Any) -> Any:
    """Return the model with its adapter in the weights; the weights are changed in place."""
    return model.merge_and_unload()


@dataclass(frozen=True)
class Trainee:
    """A model in training."""

    model: Any
    """What the trainer is given: the model, or the model with an adapter."""
    adapted: bool = False
    skeleton: Any = None
    """The same without weights, where processes will share them: a model whose weights are shared cannot be copied."""

    exact: Any = None
    """Where the adapter is trained beside weights in few bits: the same with weights as they are, on the CPU."""

    @classmethod
    def of(cls, model: Any, lora_rank: int, seed: int, task: Task = "CAUSAL_LM", bits: Quantized = "none") -> Trainee:
        """Make a model ready for its trainer; with a rank, an adapter is all that is trained, beside so many bits."""
        if bits != "none":
            beside = with_adapter(quantize(model, bits), lora_rank, seed, task)
            return cls(beside, adapted=True, exact=with_adapter(model, lora_rank, seed, task))
        ready = with_adapter(model, lora_rank, seed, task) if lora_rank else model
        return cls(ready, bool(lora_rank), make_skeleton(ready) if shares_weights() else None)

    def in_float32(self) -> None:
        """Keep what is trained in float32 beside weights in few bits: TRL's trainers round it to bfloat16.

        To be called once the trainer is made; in bfloat16, updates below a 256th of a weight are lost.
        """
        if self.exact is not None:
            for weight in self.model.parameters():
                if weight.requires_grad:
                    weight.data = weight.data.to(torch.float32)

    def whole(self) -> Any:
        """Return the plain model as it now stands; processes that share the weights must all call it."""
        if self.exact is not None:
            # Rounding the weights a second time would be a change that nobody trained.
            made = copy.deepcopy(self.exact)
            move_adapter(self.model, made)
            return merge(made)
        if self.skeleton is not None:
            together = gather_weights(self.model, self.skeleton)
            return merge(together) if self.adapted else together
        return merge(copy.deepcopy(self.model)) if self.adapted else self.model


def make_skeleton(model: Any) -> Any:
    """Return a copy of a model whose weights take no memory."""

    def empty(tensor: Any) -> Any:
        return torch.empty_like(tensor, device="meta")

    # Weights that are the same object, as tied embeddings are, stay the same object.
    known: dict[int, Any] = {
        id(weight): torch.nn.Parameter(empty(weight), requires_grad=weight.requires_grad)
        for weight in model.parameters()
    }
    kept = model.state_dict(keep_vars=True).values()
    known |= {id(buffer): empty(buffer) for buffer in kept if id(buffer) not in known}
    return copy.deepcopy(model, known)


def gather_weights(shared: Any, skeleton: Any) -> Any:
    """Return the model on the CPU with whole weights, where every process holds a part of each."""
    formats = {name: empty.dtype for name, empty in skeleton.state_dict().items()}
    # Weight by weight, so that a GPU holds one more at a time; copied, for merging an adapter changes them.
    whole = {
        name: (part.full_tensor() if isinstance(part, DTensor) else part).detach().to("cpu", formats[name], copy=True)
        for name, part in shared.state_dict().items()
    }
    made = copy.deepcopy(skeleton)
    made.load_state_dict(whole, assign=True)
    made.tie_weights()
    return made
