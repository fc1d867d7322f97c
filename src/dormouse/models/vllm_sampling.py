"""Samples with vLLM (Kwon et al. 2023, arXiv 2309.06180), if it is installed and there is a GPU."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dormouse.errors import UserError
from dormouse.machine.hardware import device, has_package
from dormouse.models.sampling import check_fits
from dormouse.models.settings import Sampler

LARGE = 300_000_000
"""Parameters from which `auto` chooses vLLM: it takes tens of seconds to start, and smaller models reply sooner."""


def start_engine(sampler: Sampler, folder: Path, model: Any, end_id: int) -> Engine | None:
    """Start vLLM with the model in a folder; None if Transformers samples."""
    if sampler.name == "transformers" or (sampler.name == "auto" and not _worth_it(model)):
        return None
    if not has_package("vllm"):
        raise UserError(
            "execute.sampler is vllm, which is not installed. pip install vllm, in a release that keeps the version of "
            "Transformers that dormouse needs (docs/many-machines.md), or set execute.sampler=transformers."
        )
    if device() == "cpu":
        raise UserError(
            "execute.sampler is vllm, which needs a GPU, and torch finds none. Set execute.sampler=transformers."
        )
    return Engine(folder, model, end_id, sampler.memory)


def _worth_it(model: Any) -> bool:
    return has_package("vllm") and device() == "cuda" and model.num_parameters() >= LARGE


class Engine:
    """vLLM with one model, until the process of its stage ends."""

    def __init__(self, folder: Path, model: Any, end_id: int, memory: float) -> None:
        # In this process, so that its memory is freed with it, and requests run in the same order every time.
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        from vllm import LLM  # optional, and reads the environment when it is imported

        self.model = model
        self.end_id = end_id
        self.llm = LLM(
            model=str(folder),
            skip_tokenizer_init=True,
            # By default it would hold float32 weights in 16 bits.
            dtype=str(model.dtype).removeprefix("torch."),
            gpu_memory_utilization=memory,
        )

    def facts(self) -> dict[str, str]:
        """Return the name and version of the engine, for the artifact."""
        return {"sampler": "vllm", "version": version("vllm")}

    def sample_ids(
        self, prompts: Sequence[Sequence[int]], *, max_new_tokens: int, temperature: float, seed: int
    ) -> list[list[int]]:
        """Return the reply tokens for each tokenized prompt, in order, cut after the end token, as `sample_ids` does.

        The draws differ from those of Transformers with the same seed; their distribution is the same.
        """
        from vllm import SamplingParams  # optional
        from vllm.inputs import TokensPrompt  # optional

        if not prompts:
            return []
        check_fits(self.model, max(map(len, prompts)) + max_new_tokens, "The longest prompt with its reply")
        rng = random.Random(f"vllm/{seed}")
        settings = [
            SamplingParams(
                temperature=temperature,
                max_tokens=max_new_tokens,
                stop_token_ids=[self.end_id],
                detokenize=False,
                # One seed for each prompt: with one for all, equal prompts would get equal replies.
                seed=rng.getrandbits(32),
            )
            for _ in prompts
        ]
        asked = [TokensPrompt(prompt_token_ids=list(prompt)) for prompt in prompts]
        answers = self.llm.generate(asked, settings, use_tqdm=False)
        return [self._cut(list(answer.outputs[0].token_ids)) for answer in answers]

    def _cut(self, tokens: list[int]) -> list[int]:
        return tokens[: tokens.index(self.end_id) + 1] if self.end_id in tokens else tokens
