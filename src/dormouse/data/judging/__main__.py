"""`python -m dormouse.data.judging`: print seven questions that a feedback model is trained on, with their answers."""

from __future__ import annotations

import random

from dormouse.data.judging.tasks import Pairs, write_judgment
from dormouse.data.meadow.world import Meadow


def main() -> None:
    """Print the questions."""
    for one in Pairs(Meadow()).judgments(random.Random(0), 7):
        print(f"{write_judgment(one.prompt.text, one.principle.text, one.replies, '')} ({one.letter})\n")


if __name__ == "__main__":
    main()
