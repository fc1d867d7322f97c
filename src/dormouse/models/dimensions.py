"""The dimensions of a transformer that decide how many operations a token takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dormouse.errors import UserError
from dormouse.machine.foreign_files import read_object

AGAIN = "Save the model again with save_pretrained()."
NAMES = {
    "width": ("hidden_size", "n_embd", "d_model"),
    "layers": ("num_hidden_layers", "n_layer", "num_layers"),
    "vocabulary": ("vocab_size",),
}
"""Dimension -> its names in the configurations of various architectures."""


@dataclass(frozen=True)
class Dimensions:
    """A transformer's dimensions."""

    parameters: int
    width: int
    layers: int
    vocabulary: int
    tied: bool = True
    """Whether the output head is the embedding table."""

    @property
    def head(self) -> int:
        """Weights of the output head."""
        return self.width * self.vocabulary

    @property
    def active(self) -> int:
        """Weights that each token is multiplied with: all but an embedding table that is no head."""
        return self.parameters if self.tied else self.parameters - self.head

    def forward(self, tokens: float, context: float) -> float:
        """Return the floating-point operations of tokens with a mean number of tokens before each.

        Two for each weight, and four for each layer, number of the stream and token that attention looks at (Kaplan et
        al. 2020, arXiv 2001.08361, table 1).
        """
        return tokens * (2 * self.active + 4 * self.layers * self.width * context)


def read_dimensions(folder: Path, parameters: int) -> Dimensions:
    """Read the dimensions in a model's configuration; `UserError` if they are not there."""
    config: Mapping[str, Any] = read_object(folder / "config.json", AGAIN)
    inner = config.get("text_config")
    config = {**config, **inner} if isinstance(inner, dict) else config
    found: dict[str, int] = {}
    for name in ("width", "layers", "vocabulary"):
        value = next((config[one] for one in NAMES[name] if one in config), None)
        if not isinstance(value, int):
            raise UserError(f"'{folder / 'config.json'}' states no {' or '.join(NAMES[name])}. {AGAIN}")
        found[name] = value
    # Transformers ties unless the configuration says otherwise.
    return Dimensions(parameters, **found, tied=bool(config.get("tie_word_embeddings", True)))
