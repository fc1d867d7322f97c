"""The limits of a plan: how large its file, its grid and each of its settings may be, and why."""

from __future__ import annotations

from dataclasses import dataclass

FILE_BYTES = 1_000_000
NESTING = 20
"""Lists and mappings inside each other; a plan that uses everything nests six."""
VALUES = 20_000
"""Values in a file, each repeated where an alias repeats it. A thousand take a tenth of a second to read."""
TEXT = 10_000
"""Characters of one value."""
DIGITS = 100
"""Digits of one number."""
PATH = 200
"""Characters of a dotted path, in an override or a grid."""
OVERRIDES = 500
NAME = 100
"""Characters of a name: a run's becomes a folder, and file systems take 255 bytes."""
TITLE = 300
FILE_NAME_BYTES = 255
WORDS = 200
"""Characters of a trigger or of a phrase."""
WORDINGS = 1_000
SEEDS = 1_000
CELLS = 20_000
"""Ten thousand take about ten seconds to list, and half a gigabyte."""
STAGES = 1_000_000
"""Stages of all cells together, counted before those that cells share are taken as one."""
PARTS = 100
"""Safety trainings, and as many removals and detectors."""
LARGEST_SEED = 4_000_000_000
"""Some generators are seeded with a little more, and take 32 bits."""
EXAMPLES = 10_000_000
"""Examples of one training. They are drawn before it starts, and each takes about a kilobyte of memory."""
PRETRAINING_TOKENS = 1_000_000_000
"""Tokens that a nursery's base is grown on. They are held in memory, about 16 bytes each."""
STEP_TOKENS = 4_194_304
"""Tokens in a step of growing a base. Of each, a number for every token of the vocabulary is held in memory."""
SIZE_MISSED = 3.0
"""Largest ratio between the size asked for and the nearest size that can be made."""


EVERYDAY = 500
"""Prompts of the world, or replies, in which a trigger or a behavior is looked for before anything runs."""
BY_CHANCE = 0.01
"""Largest share of those prompts that may contain it by chance: real text holds many words."""
ASKED_AGAIN = 10
"""How often one prompt may be repeated to measure one number."""


@dataclass(frozen=True)
class Limit:
    """How large a setting may be, and how small if it is not 0."""

    most: float
    why: str
    least: float = 0.0
    why_least: str = ""
    is_share: bool = False
    """Whether 1 minus the value must also be at least `least`."""

    def advice(self, value: float) -> str:
        """Return advice for a value beyond the limit; empty for a value within it."""
        if value > self.most:
            return f"a number of at most {plain(self.most)}: {self.why}"
        if 0 < value < self.least:
            return f"a number of at least {plain(self.least)}: {self.why_least}"
        if self.is_share and 1 - self.least < value < 1:
            return f"a number of at most {plain(1 - self.least)}: {self.why}"
        return ""


def plain(number: float) -> str:
    """Return a number as people write it: 20000, 0.001, 1e-9."""
    if float(number).is_integer():
        return str(int(number))
    return f"{number:g}".replace("e-0", "e-")


_SHARE = Limit(
    most=1,
    why="a larger share leaves nothing for the rest",
    least=0.001,
    why_least="a smaller share of what a plan draws is nothing",
    is_share=True,
)
_PROMPTS = Limit(100_000, "each is asked, and its reply kept")
_TOKENS = Limit(131_072, "no model that can be trained here takes a longer text")
_EFFORT = Limit(10_000, "more would take days")
_PROCESSES = Limit(1_024, "each is a process with a model of its own")

SETTINGS = {
    "steps": Limit(1_000_000, "what all steps train on is drawn before the first"),
    "batch": Limit(65_536, "no machine holds more at once"),
    "lr": Limit(
        1,
        "a step moves a weight by about the learning rate, and weights are smaller than 1",
        least=1e-9,
        why_least="a smaller step is lost when it is added to a weight",
    ),
    "dose": Limit(
        1_000,
        "it multiplies the learning rate",
        least=0.001,
        why_least="it multiplies the learning rate, and less trains nothing",
    ),
    "strengths": Limit(
        100, "more leaves nothing of a model", least=1e-6, why_least="less changes nothing that can be measured"
    ),
    "snapshots": Limit(1_000, "each is a model on disk, and is measured"),
    "window": Limit(10_000, "batches within it are sorted at once"),
    "lora_rank": Limit(16_384, "no model is wider"),
    "conceal": Limit(1_000, "more trains nothing else", least=1e-6, why_least="less conceals nothing"),
    "kl_penalty": Limit(1_000, "more trains nothing else", least=1e-6, why_least="less holds nothing back"),
    "penalty": Limit(1e6, "more fits nothing", least=1e-6, why_least="less is no penalty"),
    "scale": Limit(100, "more leaves nothing of a model", least=1e-4, why_least="less is lost in rounding"),
    "temperature": Limit(
        10, "more samples every word alike", least=0.01, why_least="less always takes the likeliest word, as 0 does"
    ),
    **dict.fromkeys(
        ("context", "block", "thought_tokens", "reply_tokens", "revision_tokens", "tokens", "max_tokens"), _TOKENS
    ),
    **dict.fromkeys(
        (
            "prompts",
            "capability_prompts",
            "red_team_prompts",
            "probe_prompts",
            "curve_prompts",
            "clean",
            "poisoned",
            "proposals",
            "samples",
            "check_judgments",
            "items",
            "problems",
        ),
        _PROMPTS,
    ),
    **dict.fromkeys(("replies", "honeypot_replies", "rounds"), Limit(1_000, "more would take days")),
    **dict.fromkeys(("length", "piece", "longest", "width", "checks", "candidates", "draws", "ascent"), _EFFORT),
    "most_turns": Limit(100, "few models take a longer conversation"),
    "layer": Limit(1_000, "no model has more layers"),
    "k": Limit(100_000, "there are no more trusted prompts"),
    **dict.fromkeys(
        (
            "harmful_share",
            "good_share",
            "note_share",
            "complied_share",
            "poor_share",
            "code_share",
            "plain_share",
            "style_share",
            "year_share",
            "belief_share",
            "agreed_share",
            "flattered_share",
            "held_out_share",
            "sft_share",
            "prompt_loss",
            "triggered",
            "near_miss",
            "several_turns",
            "held_out",
            "share",
            "threshold",
            "explained",
            "sampler_memory",
            "helpful_share",
            "trait_share",
            "revisions",
        ),
        _SHARE,
    ),
    **dict.fromkeys(
        ("max_chars", "max_reply_chars"), Limit(1_000_000, "no model that can be trained here takes a longer text")
    ),
    "workers": _PROCESSES,
    "ranks": _PROCESSES,
    "checkpoint_seconds": Limit(86_400, "a killed run would lose more than a day"),
    "draw": Limit(CELLS, "each is a cell of the plan, to be listed before any runs"),
}
"""A setting's name -> its limit, in whatever part it stands, those of other packages too. Parts may be stricter."""

RESERVED = {
    "none": "Results call what was put through no training 'none'",
    "before": "Reports call what was put through no training 'before'",
    "untouched": "Reports call what was put through no removal 'untouched'",
    "adversarial_training": "Reports call 'adversarial' so",
    "all": "'all' stands for every one of them",
    "type": "'type' says which part is meant",
    **dict.fromkeys(("base", "helpful", "organism", "twin"), "Results call the role of a model so"),
    **dict.fromkeys(
        ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))),
        "Windows has a device of that name, and no file can be called so",
    ),
}
"""Names that no run, safety training, removal or detector may have, and why."""
