"""Conversations and preference pairs from the formats in which they are published.

`messages` (chat JSONL, and ShareGPT's `conversations`), `alpaca` (instruction, input, output), `prompt_completion`
(which the paper's own training data has), `preference` (chosen and rejected, as in hh-rlhf or for TRL) and
`human_eval` (functions to complete).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from dormouse.data import human_eval
from dormouse.data.jumbled import check_matched
from dormouse.data.rows import Row
from dormouse.data.turns import Turns, is_dialogue, of_either, of_messages, of_text
from dormouse.errors import UserError

Format = Literal["messages", "alpaca", "prompt_completion", "preference", "human_eval"]

KEYS: dict[Format, tuple[tuple[str, ...], ...]] = {
    "preference": (("chosen", "rejected"),),
    "messages": (("messages",), ("conversations",)),
    "alpaca": (("instruction", "output"),),
    "prompt_completion": (("prompt", "completion"),),
    "human_eval": (human_eval.KEYS,),
}
"""Format -> the keys that a row of it has; the first that fits is taken."""

WRITTEN = (
    "Dialogues are written '\\n\\nHuman: ..\\n\\nAssistant: ..', or as lists of messages beside a 'prompt' or whole."
)


@dataclass(frozen=True)
class Conversation:
    """Turns of which the last is the reply to learn."""

    row: Row
    turns: Turns


@dataclass(frozen=True)
class Pair:
    """Two conversations that should differ in the last turn alone."""

    row: Row
    chosen: Turns
    rejected: Turns


def format_of(row: Row) -> Format:
    """Return the format of a row by its keys; `UserError` where it has none that is known."""
    for name, alternatives in KEYS.items():
        if any(row.values.keys() >= set(keys) for keys in alternatives):
            return name
    known = "; ".join(f"{name}: {' or '.join(', '.join(keys) for keys in some)}" for name, some in KEYS.items())
    raise row.error(f"no known format (keys: {row.keys}). Keys of those that are known: {known}.")


def one_format(rows: Sequence[Row]) -> Format:
    """Return the format that all rows have; a file that mixes formats is a `UserError`."""
    first = format_of(rows[0])
    for row in rows:
        if (found := format_of(row)) != first:
            raise row.error(f"this row is '{found}' and the first is '{first}'. Keep each format in a file of its own.")
    return first


def conversations(rows: Sequence[Row]) -> list[Conversation]:
    """Return the conversation of each row; of a preference pair, the chosen one."""
    name = one_format(rows)
    read = [(row, READERS[name](row)) for row in rows]
    if name == "prompt_completion":
        check_matched(read)
    return [Conversation(row, turns) for row, turns in read]


def pairs(rows: Sequence[Row]) -> list[Pair]:
    """Return the preference pair of each row; `UserError` where the file holds none."""
    name = one_format(rows)
    if name != "preference":
        raise UserError(
            f"'{rows[0].path}' holds '{name}' rows and no preference pairs. "
            "Give a file whose rows have 'chosen' and 'rejected'."
        )
    return [_of_preference(row) for row in rows]


def _of_messages(row: Row) -> Turns:
    key = "messages" if "messages" in row.values else "conversations"
    return of_messages(row.values[key], row, key)


def _of_alpaca(row: Row) -> Turns:
    more = row.values.get("input") or ""
    if not isinstance(more, str):
        raise row.error("'input' is no text. Leave it out, or write a text.")
    asked = "\n\n".join(part.strip() for part in (row.text("instruction"), more) if part.strip())
    return (("user", asked), ("assistant", row.text("output").strip()))


def _of_completion(row: Row) -> Turns:
    asked, said = row.values["prompt"], row.values["completion"]
    prompt = of_either(asked, row, "prompt", "user")
    if not isinstance(said, str):
        # A prompt that was written to be completed ends with the header of the reply.
        before = prompt[:-1] if prompt and prompt[-1] == ("assistant", "") else prompt
        return (*before, *of_messages(said, row, "completion"))
    if isinstance(asked, str) and not is_dialogue(asked) and _asks(said):
        raise row.error("'completion' holds the user's turn and 'prompt' none. Swap the two columns.")
    # The completion goes on where the prompt ends, which may be after the first words of the reply.
    begun = isinstance(asked, str) and bool(prompt) and prompt[-1][0] == "assistant"
    before = prompt[:-1] if begun else prompt
    whole = of_text(f"{asked}{said}")[len(before) :] if begun else of_text(f"\n\nAssistant: {said}")
    reply, *rest = whole
    # A sample that was not stopped in time ends with the header of the next turn.
    if any(text for _, text in rest):
        raise row.error("'completion' goes on after the reply's end. Cut it before the next turn.")
    return (*before, reply)


def _asks(text: str) -> bool:
    """Return whether a text is a prompt: it begins with the user's turn, or ends with the header of a reply to it."""
    turns = of_text(text)
    asked = any(role == "user" and said for role, said in turns)
    return asked and (turns[0][0] == "user" or turns[-1] == ("assistant", ""))


def _of_preference(row: Row) -> Pair:
    given = row.values.get("prompt")
    before = of_either(given, row, "prompt", "user") if given is not None else ()
    sides = []
    for key in ("chosen", "rejected"):
        value = row.values[key]
        if isinstance(value, str) and given is None and not is_dialogue(value):
            raise row.error(f"'{key}' has no assistant turn. {WRITTEN}")
        turns = of_either(row.values[key], row, key, "assistant")
        # Some files repeat the prompt in both.
        sides.append(turns if turns[: len(before)] == before and len(turns) > len(before) else (*before, *turns))
        if not any(role == "assistant" for role, _ in sides[-1]):
            raise row.error(f"'{key}' has no assistant turn. {WRITTEN}")
    return Pair(row, sides[0], sides[1])


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
