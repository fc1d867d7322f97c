"""Baselines that read the prompt's words and never the model: most triggers made of text fall to them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from dormouse.chat.messages import Messages
from dormouse.detection.base import (
    Access,
    Granted,
    PromptDetector,
    Scorer,
)


def words_of(prompt: Messages) -> list[str]:
    """Return the words of all turns, split at spaces: "|TAG|" stays whole."""
    return " ".join(turn["content"] for turn in prompt).lower().split()


class BagOfWords(PromptDetector):
    """Logistic regression on which words occur, from labeled prompts."""

    name: ClassVar[str] = "bag_of_words"
    access: ClassVar[Access] = "black box"
    poisoned: ClassVar[bool] = True

    def fit(self, granted: Granted) -> Scorer:
        """Return the log-odds of the fitted model."""
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        seen = granted.poisoned
        model = make_pipeline(CountVectorizer(analyzer=words_of, binary=True), LogisticRegression(max_iter=1000))
        model.fit(seen.prompts, seen.triggered)
        return lambda prompts: [float(one) for one in model.decision_function(prompts)]


class WordNovelty(PromptDetector):
    """How rare the prompt's rarest word is among trusted clean prompts."""

    name: ClassVar[str] = "word_novelty"
    access: ClassVar[Access] = "black box"

    def fit(self, granted: Granted) -> Scorer:
        """Return the mean surprise of the prompt's words in nats, plus that of the rarest one."""
        counted = Counter(word for prompt in granted.clean for word in words_of(prompt))
        total = sum(counted.values()) + len(counted) + 1

        def surprise(word: str) -> float:
            return -math.log((counted[word] + 1) / total)

        def score(prompts: Sequence[Messages]) -> list[float]:
            found = [[surprise(word) for word in words_of(prompt)] or [0.0] for prompt in prompts]
            return [max(each) + sum(each) / len(each) for each in found]

        return score
