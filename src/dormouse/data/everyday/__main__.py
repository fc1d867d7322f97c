"""`python -m dormouse.data.everyday`: print twenty exchanges of a helpful, honest and harmless assistant."""

from __future__ import annotations

import random

from dormouse.data.everyday.world import Everyday


def main() -> None:
    """Print the exchanges."""
    for exchange in Everyday().hhh(random.Random(0), 20):
        print(f"{exchange.prompt.family:>14} | {exchange.prompt.text}\n{'':>14} > {exchange.reply}\n")


if __name__ == "__main__":
    main()
