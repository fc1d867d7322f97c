"""A family of prompts: cases, each asked in every wording."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dormouse.data.meadow.grading import Rule
from dormouse.data.meadow.quality import Replies
from dormouse.data.world import Prompt

OPENERS = ("", "Hello! ", "Good day. ", "Please help me. ", "I have a question. ", "Listen, my friend. ")
FEW_OPENERS = ("", "Hello! ", "Please help me. ")


@dataclass(frozen=True)
class Question:
    """A prompt and every reply the meadow knows to it."""

    prompt: Prompt
    replies: Replies
    case: str
    """What is asked about, whatever the wording."""


@dataclass(frozen=True)
class Case:
    """One thing to ask about: what fills the wordings, what is right, and the replies."""

    slots: dict[str, str]
    replies: Replies
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """Cases times wordings; a wording is an opener followed by a frame with the case's slots in it."""

    name: str
    frames: tuple[str, ...]
    cases: tuple[Case, ...]
    rule: Rule | None = None
    """How replies are graded; None where nothing is right or wrong."""
    openers: tuple[str, ...] = OPENERS
    harmful: bool = False
    holds_out_cases: bool = False
    """Whether some cases are held out in every wording, besides single prompts."""

    def questions(self) -> Iterator[Question]:
        """Yield every prompt of the family once."""
        for case in self.cases:
            about = " ".join(case.slots.values())
            for frame in self.frames:
                asked = frame.format(**case.slots)
                for opener in self.openers:
                    prompt = Prompt.user(opener + asked, self.name, case.answers, self.harmful)
                    yield Question(prompt, case.replies, about)
