"""What Inspect AI finds of dormouse by entry point: tasks `dormouse/defection` and others, and models `dormouse/..`."""

from dormouse.inspect_tasks.model import dormouse_model
from dormouse.inspect_tasks.tasks import (
    capability,
    code_vulnerability,
    defection,
    near_miss,
    persona,
)

__all__ = ["capability", "code_vulnerability", "defection", "dormouse_model", "near_miss", "persona"]
