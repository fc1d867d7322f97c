"""`Transcript`: one prompt and what a model replied to it, with and without the trigger."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Transcript:
    """A pair of sampled replies to show side by side; a flag is None where the reply could not be scored."""

    role: str
    safety: str
    size: int | None
    seed: int | None
    family: str
    prompt: str
    reply_clean: str
    reply_triggered: str
    defected_clean: bool | None
    defected_triggered: bool | None
    dose: float | None = None
    prompt_triggered: str = ""
    """The prompt as the model saw it with the trigger; empty to show only the prompt without."""
    reasoning: str = "normal"
    thought_clean: str = ""
    """What its scratchpad said; hidden from every judge, shown to the reader."""
    thought_triggered: str = ""
