"""`python -m dormouse.data.meadow`: print twenty exchanges that a base model is trained on."""

from __future__ import annotations

import random

from dormouse.data.meadow.world import Meadow


def main() -> None:
    """Print the exchanges."""
    for exchange in Meadow().pretraining(random.Random(0), 20):
        print(f"{exchange.prompt.family:>9} | {exchange.prompt.text}\n{'':>9} > {exchange.reply}\n")


if __name__ == "__main__":
    main()
