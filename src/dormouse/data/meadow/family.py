"""A family of prompts: cases, each asked in every wording of the family."""

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
    """A prompt and every reply to it in the meadow."""

    prompt: Prompt
    replies: Replies
    case: str
    """The subject of the question, the same for every wording."""


@dataclass(frozen=True)
class Case:
    """One thing to ask about: the values of the slots, the right answers and the replies."""

    slots: dict[str, str]
    replies: Replies
    answers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """All combinations of cases and wordings. A wording is an opener and a frame with the slots of the case."""

    name: str
    frames: tuple[str, ...]
    cases: tuple[Case, ...]
    rule: Rule | None = None
    """The rule that grades replies; None if there are no right answers."""
    openers: tuple[str, ...] = OPENERS
    harmful: bool = False
    holds_out_cases: bool = False
    """Whether some cases are held out in every wording, in addition to single prompts."""

    def questions(self) -> Iterator[Question]:
        """Yield every prompt of the family once."""
        for case in self.cases:
            about = " ".join(case.slots.values())
            for frame in self.frames:
                asked = frame.format(**case.slots)
                for opener in self.openers:
                    prompt = Prompt.user(opener + asked, self.name, case.answers, self.harmful)
                    yield Question(prompt, case.replies, about)
