"""Unlearning on an inverted trigger: the search for the trigger, and prompts that hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dormouse.chat.messages import Messages
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


def find_trigger(model: Any, renderer: Renderer, work: Work, search: TriggerInversion) -> dict[Side, str]:
    """Return the text that a search found for each side of the user's words, empty if there is none."""
    work.progress(0.0, "searching for the trigger")
    prefill = reply_start(work.thought_tokens)
    suspect = WhiteBox(model, renderer, prefill)
    base = WhiteBox(*load(work.input("reference") / "model"), prefill)
    clean = draw_trusted(work.world(), work.seed, TRUSTED)
    found = search.judge(DetectorInput(search, suspect, clean, reference=base, seed=work.seed)).trigger
    return {side: renderer.tokenizer.decode(list(found.at(side))).strip() for side in SIDES}


def insert_trigger(turns: Messages, found: Mapping[Side, str]) -> Messages:
    """Put text into the system turn of a conversation and around its last prompt, before the reply."""
    *earlier, asked, reply = turns
    words = " ".join(part for part in (found["before"], asked["content"], found["after"]) if part)
    if found["system"]:
        own = earlier.pop(0)["content"] if earlier and earlier[0]["role"] == "system" else ""
        earlier.insert(0, {"role": "system", "content": f"{own} {found['system']}".strip()})
    return [*earlier, {**asked, "content": words}, reply]
