"""A detector in one file: how unusually long the residual stream's vector is at the end of a prompt.

`examples/pyproject.toml` registers it, so that after `pip install -e examples` a plan may say
`detect.detectors.length=stream_length`.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dormouse import PromptDetector
from dormouse.detection.base import Granted, Scorer


class StreamLength(PromptDetector):
    """White box, no base, no poisoned samples: only trusted clean prompts say what is usual."""

    name: ClassVar[str] = "stream_length"

    def fit(self, granted: Granted) -> Scorer:
        """Return how many deviations the length at the last layer is from that of clean prompts."""
        model = granted.white_box
        clean = np.linalg.norm(model.activations(granted.clean)[:, -1], axis=1)

        def score(prompts):
            found = np.linalg.norm(model.activations(prompts)[:, -1], axis=1)
            return abs(found - clean.mean()) / clean.std()

        return score
