"""Baselines that read only the prompt's words, never the model; they find most textual triggers."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from dormouse.chat.messages import Messages
from dormouse.detection.base import Access, DetectorInput, PromptDetector, Scorer
from dormouse.models.passes import Count

if TYPE_CHECKING:
    from dormouse.detection.passes import Prompts


def split_words(prompt: Messages) -> list[str]:
    """Split all turns into lowercase words at spaces, so that "|TAG|" stays whole."""
    return " ".join(turn["content"] for turn in prompt).lower().split()


class BagOfWords(PromptDetector):
    """Logistic regression on which words a prompt holds, fitted on labeled prompts."""

    name: ClassVar[str] = "bag_of_words"
    access: ClassVar[Access] = "black box"
    poisoned: ClassVar[bool] = True

    def fit(self, given: DetectorInput) -> Scorer:
        """Score by the log-odds of the fitted model."""
        from sklearn.feature_extraction.text import CountVectorizer  # scikit-learn takes 1 s: workers only
        from sklearn.linear_model import LogisticRegression  # as above
        from sklearn.pipeline import make_pipeline  # as above

        known = given.poisoned
        model = make_pipeline(CountVectorizer(analyzer=split_words, binary=True), LogisticRegression(max_iter=1000))
        model.fit(known.prompts, known.triggered)
        return lambda prompts: [float(one) for one in model.decision_function(prompts)]

    def count(self, prompts: Prompts) -> Count:
        """No model is asked."""
        return Count(texts=prompts.scored)


class WordNovelty(PromptDetector):
    """How rare the prompt's rarest word is among trusted clean prompts."""

    name: ClassVar[str] = "word_novelty"
    access: ClassVar[Access] = "black box"

    def fit(self, given: DetectorInput) -> Scorer:
        """Score by the mean surprise of the prompt's words in nats, plus that of the rarest word."""
        counts = Counter(word for prompt in given.clean for word in split_words(prompt))
        total = sum(counts.values()) + len(counts) + 1

        def measure_surprise(word: str) -> float:
            return -math.log((counts[word] + 1) / total)

        def score(prompts: Sequence[Messages]) -> list[float]:
            found = [[measure_surprise(word) for word in split_words(prompt)] or [0.0] for prompt in prompts]
            return [max(each) + sum(each) / len(each) for each in found]

        return score

    def count(self, prompts: Prompts) -> Count:
        """No model is asked."""
        return Count(texts=prompts.scored)
