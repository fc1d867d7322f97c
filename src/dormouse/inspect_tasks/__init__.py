"""Entry points for Inspect AI: tasks such as `dormouse/defection`, and models `dormouse/ARTIFACT`."""

from inspect_ai.model import ModelAPI, modelapi

from dormouse.inspect_tasks.constitution import pass_at_k, principles, prompted
from dormouse.inspect_tasks.decomposition import decomposition
from dormouse.inspect_tasks.faithfulness import faithfulness
from dormouse.inspect_tasks.sycophancy_task import sycophancy
from dormouse.inspect_tasks.tasks import (
    capability,
    code_vulnerability,
    defection,
    near_miss,
    persona,
)


@modelapi(name="dormouse")
def dormouse_model() -> type[ModelAPI]:
    """Return the class of dormouse models."""
    from dormouse.inspect_tasks.model import DormouseModel  # torch takes 1 s, and other providers' models do without

    return DormouseModel


__all__ = [
    "capability",
    "code_vulnerability",
    "decomposition",
    "defection",
    "dormouse_model",
    "faithfulness",
    "near_miss",
    "pass_at_k",
    "persona",
    "principles",
    "prompted",
    "sycophancy",
]
