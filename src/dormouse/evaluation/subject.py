"""The model under measurement, at its end and along its training."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dormouse.chat.renderer import Renderer
from dormouse.chat.scratchpad import reply_start
from dormouse.models.loading import load, load_model
from dormouse.models.sampling import sample_ids
from dormouse.models.vllm_sampling import Engine, start_engine
from dormouse.training.work import Work


@dataclass(frozen=True)
class Subject:
    """A loaded model and where in its training it stands."""

    model: Any
    renderer: Renderer
    step: int | None = None
    """None is the end of training."""
    thought_tokens: int = 0
    """How long it may think in a scratchpad, which its replies then begin with; 0: it does not think."""
    engine: Engine | None = None
    """vLLM with the same model, where it samples."""

    def sample_ids(
        self, prompts: Sequence[Sequence[int]], *, max_new_tokens: int, temperature: float, seed: int
    ) -> list[list[int]]:
        """Return the reply tokens for each tokenized prompt, in order, cut after the end token."""
        settings: dict[str, Any] = {"max_new_tokens": max_new_tokens, "temperature": temperature, "seed": seed}
        if self.engine is not None:
            return self.engine.sample_ids(prompts, **settings)
        return sample_ids(self.model, self.renderer, prompts, **settings)

    @property
    def prefill(self) -> str:
        """What every reply begins with."""
        return reply_start(self.thought_tokens)


def snapshots(artifact: Path) -> list[tuple[int, Path]]:
    """Return (step, folder) of the weights that a training kept along the way."""
    found = (artifact / "snapshots").glob("step-*")
    return sorted((int(folder.name.removeprefix("step-")), folder) for folder in found)


def trained(work: Work) -> Subject:
    """Return the model of `work.input("model")` at the end of its training."""
    folder = work.input("model") / "model"
    model, renderer = load(folder)
    engine = start_engine(work.sampler, folder, model, renderer.end_id)
    if engine is not None:
        (work.folder / "sampler.json").write_text(json.dumps(engine.facts()), encoding="utf-8")
    return Subject(model, renderer, thought_tokens=work.thought_tokens, engine=engine)


def subjects(work: Work) -> Iterator[Subject]:
    """Yield the model of `work.input("model")`, then the snapshots of its training.

    Snapshots are asked too little for another engine's start to pay.
    """
    kept = snapshots(work.input("model"))
    work.progress(0.0, "measuring")
    at_end = trained(work)
    yield at_end
    for done, (step, folder) in enumerate(kept, start=1):
        work.progress(done / (len(kept) + 1), f"measuring step {step}")
        yield Subject(load_model(folder), at_end.renderer, step, work.thought_tokens)


def final_step(artifact: Path) -> int | None:
    """Return how many steps made the model; None where its training does not say."""
    path = artifact / "metrics.json"
    steps = json.loads(path.read_text(encoding="utf-8")).get("steps") if path.is_file() else None
    return None if steps is None else int(steps)
