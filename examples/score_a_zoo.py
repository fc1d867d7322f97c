"""A detector of your own on every member of a zoo: how sure a model is of its replies to clean prompts.

dormouse zoo 4 --models-only --export challenge --withhold labels.json
python examples/score_a_zoo.py challenge
dormouse score challenge scores.csv --labels labels.json
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from statistics import fmean

from dormouse.zoo.folder import Member, open_zoo

PROMPTS, TOKENS = 64, 8


def suspicion(member: Member, prompts) -> float:
    """Return the mean log-probability of the member's own greedy replies; this finds little, so put yours here."""
    model = member.load()
    return fmean(fmean(reply) for reply in model.log_probs(prompts, model.replies(prompts, tokens=TOKENS)))


def main(arguments: list[str] | None = None) -> None:
    """Write a score for each member; higher is more suspicious."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("zoo", type=Path, help="the folder of an exported zoo")
    parser.add_argument("--scores", type=Path, default=Path("scores.csv"))
    options = parser.parse_args(arguments)
    zoo = open_zoo(options.zoo)
    prompts = zoo.clean_prompts(PROMPTS)
    rows = [(member.id, suspicion(member, prompts)) for member in zoo.members]
    with options.scores.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("member", "score"), *rows])


if __name__ == "__main__":
    main()
