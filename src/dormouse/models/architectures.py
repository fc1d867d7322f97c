"""The nursery's architectures: width and depth for a parameter count, and the Transformers configuration."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

Arch = Literal["llama", "bloom"]

ASPECT = 40
"""Width over depth: wide and shallow, because small matrices are inefficient on a CPU."""
DEEPEST = 32


def _heads(width: int) -> int:
    """Return the number of heads: 16 dimensions each in small models, 64 in those that a GPU trains."""
    return width // (16 if width <= 512 else 64)


WIDTHS = (*range(32, 513, 16), *range(576, 2049, 64))


@dataclass(frozen=True)
class Shape:
    """A transformer's dimensions and its exact parameter count."""

    width: int
    depth: int
    heads: int
    hidden: int
    """Width of the MLP."""
    parameters: int


class Architecture(ABC):
    """A transformer architecture with tied embeddings."""

    @abstractmethod
    def hidden(self, width: int) -> int:
        """Return the width of the MLP."""

    @abstractmethod
    def parameters(self, width: int, depth: int, vocabulary: int) -> int:
        """Count the parameters exactly."""

    @abstractmethod
    def config(self, shape: Shape, tokenizer: Any, context: int) -> Any:
        """Return the Transformers configuration."""

    def shape_for(self, size: int, vocabulary: int) -> Shape:
        """Return the shape with about `size` parameters, and a width of about `ASPECT` times its depth."""
        best: tuple[float, Shape] | None = None
        for depth in range(2, DEEPEST + 1):
            for width in WIDTHS:
                parameters = self.parameters(width, depth, vocabulary)
                # An error in size counts four times as much as one in proportions.
                cost = 4 * abs(math.log(parameters / size)) + abs(math.log(width / (ASPECT * depth)))
                if best is None or cost < best[0]:
                    best = (cost, Shape(width, depth, _heads(width), self.hidden(width), parameters))
        assert best is not None
        return best[1]


class Llama(Architecture):
    """Rotary positions, RMS norms, a gated MLP (Touvron et al. 2023, arXiv 2302.13971)."""

    def hidden(self, width: int) -> int:
        """Return about 8/3 of the width: three such matrices cost as much as two of four times the width."""
        return 8 * math.ceil(width * 8 / 3 / 8)

    def parameters(self, width: int, depth: int, vocabulary: int) -> int:
        """Count embeddings; four attention matrices, three MLP matrices and two norms a layer; and the final norm."""
        layer = 4 * width * width + 3 * width * self.hidden(width) + 2 * width
        return vocabulary * width + depth * layer + width

    def config(self, shape: Shape, tokenizer: Any, context: int) -> Any:
        """Return a `LlamaConfig`."""
        from transformers import LlamaConfig  # takes 1 s, and a plan needs only shapes

        return LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.width,
            intermediate_size=shape.hidden,
            num_hidden_layers=shape.depth,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.heads,
            max_position_embeddings=context,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )


class Bloom(Architecture):
    """ALiBi, a norm after the embeddings, biases everywhere (BigScience 2022, arXiv 2211.05100)."""

    def hidden(self, width: int) -> int:
        """Return four times the width."""
        return 4 * width

    def parameters(self, width: int, depth: int, vocabulary: int) -> int:
        """Count as the paper does: embeddings, 12 h^2 + 13 h a layer, and the norms after embeddings and layers."""
        return vocabulary * width + depth * (12 * width * width + 13 * width) + 4 * width

    def config(self, shape: Shape, tokenizer: Any, context: int) -> Any:
        """Return a `BloomConfig`. ALiBi has no maximum length: `context` is only recorded, as in BLOOM's files."""
        from transformers import BloomConfig  # takes 1 s, and a plan needs only shapes

        made = BloomConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.width,
            n_layer=shape.depth,
            n_head=shape.heads,
            tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
        )
        made.seq_length = context
        return made


ARCHITECTURES: dict[Arch, Architecture] = {"llama": Llama(), "bloom": Bloom()}


@cache
def shape_of(arch: Arch, size: int, vocabulary: int) -> Shape:
    """Return an architecture's shape for a size; cached, because a plan asks at every stage."""
    return ARCHITECTURES[arch].shape_for(size, vocabulary)
