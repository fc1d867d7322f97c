"""The two changes to TRL's `SFTTrainer`: examples keep their order, and a step computes the loss alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.utils.data import Sampler, SequentialSampler
from transformers import Trainer
from trl import SFTTrainer


class OrderedSFTTrainer(SFTTrainer):
    """Keeping the order of the examples makes organism and twin see the same rows in the same batches."""

    def __init__(self, *, loss: Callable[[Any, dict[str, Any]], Any] | None = None, **settings: Any) -> None:
        self.own_loss = loss
        super().__init__(**settings)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        examples: Any = self.train_dataset if train_dataset is None else train_dataset
        return SequentialSampler(examples)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the mean loss of the tokens that carry a label, or the loss that was given."""
        if self.own_loss is not None:
            return self.own_loss(model, inputs)
        # TRL also computes entropy and accuracy of every token: much of a step on models of this size.
        return Trainer.compute_loss(self, model, inputs, return_outputs, num_items_in_batch)
