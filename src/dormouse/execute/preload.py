"""Imports once what every worker needs: workers are forked from the process that imported this.

Importing the trainers takes about ten seconds; starting a worker from here takes a few hundredths of one.
"""

from __future__ import annotations

import contextlib
import importlib
import threading

import datasets
import torch
import tqdm

MODULES = (
    "dormouse.execute.worker",
    "transformers.models.auto.modeling_auto",
    "transformers.models.llama.modeling_llama",
    "trl.trainer.reward_trainer",
    "trl.trainer.rloo_trainer",
    "trl.trainer.sft_trainer",
)

# Its own lock is a semaphore of the system's, which a run that is stopped would leave behind, with a warning.
tqdm.tqdm.set_lock(threading.RLock())

for module in MODULES:
    importlib.import_module(module)

# Opening a first model compiles the patterns of every architecture there is: up to a fifth of a small stage.
with contextlib.suppress(ImportError):
    from transformers.conversion_mapping import get_checkpoint_conversion_mapping

    get_checkpoint_conversion_mapping("llama")

# No thread of torch's may exist when a worker is forked; the worker sets its own number.
torch.set_num_threads(1)
# Tables are made from the world in memory; copies on the disk would outlive the run.
datasets.disable_caching()
