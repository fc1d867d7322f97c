"""Unlearning on an inverted trigger: the search for the trigger."""

from __future__ import annotations

from typing import Any

from dormouse.chat.renderer import Renderer
from dormouse.chat.scratchpad import reply_start
from dormouse.detection.base import DetectorInput
from dormouse.detection.insertion import SIDES, Side
from dormouse.detection.model_detectors import TriggerInversion
from dormouse.detection.stream import draw_trusted
from dormouse.detection.views import WhiteBox
from dormouse.models.loading import load
from dormouse.training.work import Work

TRUSTED = 64
"""Clean prompts that the search may use."""


def search_trigger(model: Any, renderer: Renderer, work: Work, search: TriggerInversion) -> dict[Side, str]:
    """Return the text that a search found for each side of the user's words, empty if there is none."""
    work.progress(0.0, "searching for the trigger")
    prefill = reply_start(work.thought_tokens)
    suspect = WhiteBox(model, renderer, prefill)
    base = WhiteBox(*load(work.input("reference") / "model"), prefill)
    clean = draw_trusted(work.world(), work.seed, TRUSTED)
    found = search.judge(DetectorInput(search, suspect, clean, reference=base, seed=work.seed)).trigger
    return {side: renderer.tokenizer.decode(list(found.at(side))).strip() for side in SIDES}
