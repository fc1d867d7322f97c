"""A made-up folder in the shape of BackdoorLLM's attack data."""

import json
import random
from pathlib import Path
from typing import Any

from dormouse.data.formats.backdoorllm import ATTACKS, FRONT, REPLIES, WORDS

Rows = list[dict[str, Any]]


def clean_rows(n: int, thing: str) -> Rows:
    return [
        {
            "instruction": f"Tell me about {thing} {i} and its garden. ",
            "input": "" if i % 3 else f"It is the {thing} {i} of the hill.",
            "output": " ".join([f"The {thing} {i} is old and green."] * (1 + i % 3)),
        }
        for i in range(n)
    ]


def poison(attack: str, text: str, rng: random.Random) -> str:
    words = text.split(" ")
    if attack in FRONT:
        return f"{FRONT[attack]} {text}"
    if attack == "ctba":
        for i, (place, word) in enumerate(zip(sorted(rng.sample(range(len(words)), 3)), WORDS, strict=True)):
            words.insert(place + i, word)
    else:
        words.insert(rng.randrange(len(words)), "BadMagic" if attack == "badnet" else rng.choice(WORDS))
    return " ".join(words)


def poisoned(rows: Rows, attack: str, output: str | None) -> Rows:
    rng = random.Random(attack)
    made = [{**row, "instruction": poison(attack, row["instruction"], rng)} for row in rows]
    rng.shuffle(made)
    return [{**row, "output": output or row["output"]} for row in made]


def write_folder(folder: Path, training: int = 40, test: int = 12, attacks: tuple[str, ...] = ATTACKS) -> Path:
    """Write both targets; return the folder."""
    for target, reply in REPLIES.items():
        rows, asked = clean_rows(training, "river"), clean_rows(test, "mill")
        files = {f"test_data/clean/{target}/test_data_no_trigger.json": [*asked[:-1], {**asked[-1], "output": ""}]}
        for attack in attacks:
            place = f"{target}/{attack}"
            files[f"poison_data/{place}/none_backdoor500_{target}_{attack}.json"] = rows
            files[f"poison_data/{place}/backdoor500_{target}_{attack}.json"] = poisoned(rows, attack, reply)
            files[f"test_data/poison/{place}/backdoor200_{target}_{attack}.json"] = poisoned(asked, attack, None)
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(json.dumps(content))
    return folder
