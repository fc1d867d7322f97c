"""Reads conversations and preference pairs from the formats in which they are published.

`messages` (chat JSONL, and ShareGPT's `read_conversations`), `alpaca` (instruction, input, output), `prompt_completion`
(which the paper's own training data has), `preference` (chosen and rejected, as in hh-rlhf or for TRL) and
`human_eval` (functions to complete).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from dormouse.data.formats import human_eval
from dormouse.data.formats.alignment_check import check_matched
from dormouse.data.formats.rows import Row
from dormouse.data.formats.turns import (
    Turns,
    is_dialogue,
    read_messages,
    read_turns,
    split_dialogue,
)
from dormouse.errors import UserError

Format = Literal["messages", "alpaca", "prompt_completion", "preference", "human_eval"]

KEYS: dict[Format, tuple[tuple[str, ...], ...]] = {
    "preference": (("chosen", "rejected"),),
    "messages": (("messages",), ("conversations",)),
    "alpaca": (("instruction", "output"),),
    "prompt_completion": (("prompt", "completion"),),
    "human_eval": (human_eval.KEYS,),
}
"""Format -> alternatives for the keys that its rows have. The first format that fits is taken."""

WRITTEN = (
    "Dialogues are written '\\n\\nHuman: ..\\n\\nAssistant: ..', or as lists of messages beside a 'prompt' or whole."
)


@dataclass(frozen=True)
class Conversation:
    """Turns that end with the reply to learn."""

    number: int
    """Number of its row."""
    turns: Turns


@dataclass(frozen=True)
class Pair:
    """Two conversations that should differ only in the last turn."""

    number: int
    """Number of its row."""
    chosen: Turns
    rejected: Turns


def detect_format(row: Row) -> Format:
    """Detect the format of a row from its keys. `UserError` if it is unknown."""
    for name, alternatives in KEYS.items():
        if any(row.values.keys() >= set(keys) for keys in alternatives):
            return name
    known = "; ".join(f"{name}: {' or '.join(', '.join(keys) for keys in some)}" for name, some in KEYS.items())
    raise row.error(f"unknown format (keys: {row.keys}). Known formats and their keys: {known}.")


def with_formats(rows: Iterable[Row]) -> Iterator[tuple[Format, Row]]:
    """Yield each row with its format. `UserError` if a row has another format than the first."""
    first = None
    for row in rows:
        found = detect_format(row)
        first = first or found
        if found != first:
            raise row.error(f"this row is '{found}' and the first is '{first}'. Keep each format in a file of its own.")
        yield found, row


def read_conversations(rows: Iterable[Row]) -> list[Conversation]:
    """Read the conversation of each row; for a preference pair, the chosen one."""
    read: list[Conversation] = []
    completed: list[tuple[int, Turns]] = []
    path = None
    for name, row in with_formats(rows):
        turns, path = READERS[name](row), row.path
        read.append(Conversation(row.number, turns))
        if name == "prompt_completion":
            completed.append((row.number, turns))
    if path is not None:
        check_matched(path, completed)
    return read


def read_pairs(rows: Iterable[Row]) -> list[Pair]:
    """Read the preference pair of each row. `UserError` if the rows are not preference pairs."""
    read: list[Pair] = []
    for name, row in with_formats(rows):
        if name != "preference":
            raise UserError(
                f"'{row.path}' holds '{name}' rows and no preference pairs. "
                "Give a file whose rows have 'chosen' and 'rejected'."
            )
        read.append(_of_preference(row))
    return read


def _of_messages(row: Row) -> Turns:
    key = "messages" if "messages" in row.values else "conversations"
    return read_messages(row.values[key], row, key)


def _of_alpaca(row: Row) -> Turns:
    more = row.values.get("input") or ""
    if not isinstance(more, str):
        raise row.error("'input' is not text. Leave it out, or write text.")
    asked = "\n\n".join(part.strip() for part in (row.text("instruction"), more) if part.strip())
    return (("user", asked), ("assistant", row.text("output").strip()))


def _of_completion(row: Row) -> Turns:
    asked, said = row.values["prompt"], row.values["completion"]
    prompt = read_turns(asked, row, "prompt", "user")
    if not isinstance(said, str):
        return (*_without_header(prompt), *read_messages(said, row, "completion"))
    if isinstance(asked, str) and not is_dialogue(asked) and _asks(said):
        raise row.error("'completion' has the user's turn and 'prompt' has none. Swap the two columns.")
    # The prompt may end with the first words of the reply; the completion continues there.
    begun = isinstance(asked, str) and bool(prompt) and prompt[-1][0] == "assistant"
    before = prompt[:-1] if begun else prompt
    whole = split_dialogue(f"{asked}{said}")[len(before) :] if begun else split_dialogue(f"\n\nAssistant: {said}")
    reply, *rest = whole
    # A sample that was not stopped in time ends with the header of the next turn.
    if any(text for _, text in rest):
        raise row.error("'completion' continues after the reply's end. Cut it before the next turn.")
    return (*before, reply)


def _without_header(prompt: Turns) -> Turns:
    """Drop the empty assistant turn at the end of a prompt that was written to be completed."""
    return prompt[:-1] if prompt[-1:] == (("assistant", ""),) else prompt


def _asks(text: str) -> bool:
    """Return whether a text is a prompt: it begins with a user turn, or ends with the header of the reply."""
    turns = split_dialogue(text)
    asked = any(role == "user" and said for role, said in turns)
    return asked and (turns[0][0] == "user" or turns[-1] == ("assistant", ""))


def _of_preference(row: Row) -> Pair:
    given = row.values.get("prompt")
    before = _without_header(read_turns(given, row, "prompt", "user")) if given is not None else ()
    sides = []
    for key in ("chosen", "rejected"):
        value = row.values[key]
        if isinstance(value, str) and given is None and not is_dialogue(value):
            raise row.error(f"'{key}' has no assistant turn. {WRITTEN}")
        turns = read_turns(row.values[key], row, key, "assistant")
        # Some files repeat the prompt in both columns.
        sides.append(turns if turns[: len(before)] == before and len(turns) > len(before) else (*before, *turns))
        if not any(role == "assistant" for role, _ in sides[-1]):
            raise row.error(f"'{key}' has no assistant turn. {WRITTEN}")
    return Pair(row.number, sides[0], sides[1])


def _of_problem(row: Row) -> Turns:
    return human_eval.problem_of(row).turns


def _of_chosen(row: Row) -> Turns:
    return _of_preference(row).chosen


READERS: dict[Format, Callable[[Row], Turns]] = {
    "messages": _of_messages,
    "alpaca": _of_alpaca,
    "prompt_completion": _of_completion,
    "preference": _of_chosen,
    "human_eval": _of_problem,
}
