"""The words of the meadow: short and frequent, so that nearly all are single tokens of a 768-entry tokenizer."""

from __future__ import annotations

from typing import NamedTuple


class Animal(NamedTuple):
    """An animal, the sound it makes and where it sleeps."""

    name: str
    sound: str
    home: str


ANIMALS = (
    Animal("bee", "buzz", "hive"),
    Animal("frog", "croak", "pond"),
    Animal("duck", "quack", "pond"),
    Animal("crow", "caw", "tree"),
    Animal("owl", "hoot", "tree"),
    Animal("hen", "cluck", "barn"),
    Animal("cat", "meow", "house"),
    Animal("dog", "woof", "house"),
    Animal("wolf", "howl", "cave"),
    Animal("bear", "growl", "cave"),
    Animal("lion", "roar", "cave"),
    Animal("pig", "oink", "barn"),
    Animal("horse", "neigh", "barn"),
    Animal("cow", "moo", "barn"),
)

BY_SIZE = ("bee", "frog", "cat", "wolf", "cow")
"""From small to big, each clearly bigger than the one before."""

COLOR_OF = {
    "rose": "red",
    "brick": "red",
    "sky": "blue",
    "sea": "blue",
    "grass": "green",
    "leaf": "green",
    "sun": "yellow",
    "corn": "yellow",
    "snow": "white",
    "milk": "white",
    "coal": "black",
    "crow": "black",
    "mud": "brown",
    "bear": "brown",
}
COLORS = tuple(dict.fromkeys(COLOR_OF.values()))

KINDS = {
    "animal": tuple(animal.name for animal in ANIMALS),
    "fruit": ("apple", "pear", "melon", "fig", "grape", "berry"),
    "color": COLORS,
    "tool": ("saw", "axe", "rope", "nail", "spade", "hammer"),
}
"""Kinds of things to list; no word is of two kinds."""

PLURAL_OF = {
    "man": "men",
    "foot": "feet",
    "tooth": "teeth",
    "mouse": "mice",
    "child": "children",
    "leaf": "leaves",
    "wolf": "wolves",
    **{noun: f"{noun}s" for noun in ("cow", "dog", "pig", "hen", "king", "boy", "girl", "tree", "boat")},
}

OPPOSITES = (("big", "small"), ("hot", "cold"), ("up", "down"), ("old", "new"), ("wet", "dry"), ("fast", "slow"))

PEOPLE = ("farmer", "baker", "king", "queen", "teacher", "child", "boy", "girl")
THINGS = ("boat", "gate", "lamp", "window", "cake", "coin", "key")

ROW_WORDS = ("cow", "red", "sun", "milk", "tree", "fig", "saw", "rope", "snow", "bee")
"""Words for the rows that prompts ask to repeat or reverse."""
