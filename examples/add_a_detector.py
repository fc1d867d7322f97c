"""A detector in one file: how unusually long the residual stream's vector is at the end of a prompt.

`examples/pyproject.toml` registers it, so that after `pip install -e examples` a plan may say
`detect.detectors.length=stream_length`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dormouse import PromptDetector
from dormouse.detection.base import DetectorInput, Scorer


class StreamLength(PromptDetector):
    """White box, no base, no poisoned samples: it knows only trusted clean prompts."""

    name: ClassVar[str] = "stream_length"

    def fit(self, given: DetectorInput) -> Scorer:
        """Score by how many standard deviations the length at the last layer is from that of clean prompts."""
        model = given.white_box
        clean = np.linalg.norm(model.activations(given.clean)[:, -1], axis=1)

        def score(prompts):
            found = np.linalg.norm(model.activations(prompts)[:, -1], axis=1)
            return abs(found - clean.mean()) / clean.std()

        return score
