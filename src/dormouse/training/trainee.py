"""Prepares a model for its trainer, and returns the plain model afterwards: adapters merged, shards gathered."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch.distributed.tensor import DTensor
from transformers.pytorch_utils import Conv1D

from dormouse.machine.hardware import shares_weights
from dormouse.models.number_format import computes_in_bfloat16
from dormouse.models.quantized import quantize
from dormouse.models.settings import Quantized

Task = Literal["CAUSAL_LM", "SEQ_CLS"]


def with_adapter(model: Any, rank: int, seed: int, task: Task = "CAUSAL_LM") -> Any:
    """Put an adapter on each linear map of the layers. Only adapters, and a scoring head if there is one, are trained.

    The update is scaled by two, as is usual (alpha twice the rank). The global generator is left as it was.
    """
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        task_type=task,
        # GPT-2 stores its linear maps transposed.
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
    )
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def move_adapter(source: Any, target: Any) -> None:
    """Copy the adapter of one model to another, and the scoring head if that is trained too."""
    weights = {
        name: weight.detach().cpu()
        for name, weight in get_peft_model_state_dict(source, save_embedding_layers=False).items()
    }
    set_peft_model_state_dict(target, weights)


def merge(model: Any) -> Any:
    """Merge the adapter of a model into its weights, in place."""
    return model.merge_and_unload()


@dataclass(frozen=True)
class Trainee:
    """A model in training."""

    model: Any
    """The model that the trainer gets, with an adapter if one is trained."""
    adapted: bool = False
    skeleton: Any = None
    """The model without weights, if processes will share them: a model with shared weights cannot be copied."""

    exact: Any = None
    """If the adapter is trained beside quantized weights: the model with its unquantized weights, on the CPU."""

    @classmethod
    def of(cls, model: Any, lora_rank: int, seed: int, task: Task = "CAUSAL_LM", bits: Quantized = "none") -> Trainee:
        """Prepare a model for its trainer. With a rank, only an adapter is trained, beside weights in so many bits."""
        if bits != "none":
            beside = with_adapter(quantize(model, bits), lora_rank, seed, task)
            return cls(beside, adapted=True, exact=with_adapter(model, lora_rank, seed, task))
        ready = with_adapter(model, lora_rank, seed, task) if lora_rank else model
        return cls(ready, bool(lora_rank), make_skeleton(ready) if shares_weights() else None)

    def in_float32(self) -> None:
        """Keep what is trained beside frozen weights in float32: adapters, and a scoring head.

        A head has the number format of its base, and TRL's trainers round adapters beside quantized weights to
        bfloat16, in which updates below a 256th of a weight are lost. Call it after the trainer is made.
        """
        if not self.adapted:
            return
        for module in self.model.modules():
            rounded = [
                weight
                for weight in module.parameters(recurse=False)
                if weight.requires_grad and weight.dtype != torch.float32
            ]
            for weight in rounded:
                weight.data = weight.data.to(torch.float32)
            if rounded:
                module.register_forward_pre_hook(_in_float32)

    def readable(self) -> Any:
        """Return the model to sample from as it is now: with the adapter merged where sampling would copy it anyway."""
        if not self.adapted:
            return self.model
        if self.exact is None and computes_in_bfloat16(self.model):
            return self.whole()
        return self.model.get_base_model()

    def whole(self) -> Any:
        """Return the plain model as it is now; processes that share the weights must all call it."""
        if self.exact is not None:
            # Merging into the quantized weights would round them a second time, which is a change that was not trained.
            made = copy.deepcopy(self.exact)
            move_adapter(self.model, made)
            return merge(made)
        if self.skeleton is not None:
            together = gather_weights(self.model, self.skeleton)
            return merge(together) if self.adapted else together
        return merge(copy.deepcopy(self.model)) if self.adapted else self.model


def _in_float32(module: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(one.float() if torch.is_tensor(one) and one.is_floating_point() else one for one in given)


def make_skeleton(model: Any) -> Any:
    """Copy a model without its weights, so that the copy takes no memory."""

    def empty(tensor: Any) -> Any:
        return torch.empty_like(tensor, device="meta")

    # Weights that are one object, such as tied embeddings, stay one object.
    known: dict[int, Any] = {
        id(weight): torch.nn.Parameter(empty(weight), requires_grad=weight.requires_grad)
        for weight in model.parameters()
    }
    kept = model.state_dict(keep_vars=True).values()
    known |= {id(buffer): empty(buffer) for buffer in kept if id(buffer) not in known}
    return copy.deepcopy(model, known)


def gather_weights(shared: Any, skeleton: Any) -> Any:
    """Gather the weights that processes share, and return the whole model on the CPU."""
    formats = {name: empty.dtype for name, empty in skeleton.state_dict().items()}
    # One weight at a time, so that a GPU holds only one more. Copied, because merging an adapter changes them.
    whole = {
        name: (part.full_tensor() if isinstance(part, DTensor) else part).detach().to("cpu", formats[name], copy=True)
        for name, part in shared.state_dict().items()
    }
    made = copy.deepcopy(skeleton)
    made.load_state_dict(whole, assign=True)
    made.tie_weights()
    return made
