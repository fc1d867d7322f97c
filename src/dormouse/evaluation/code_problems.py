"""Published programming problems as prompts for measuring code, with the trigger and without."""

from __future__ import annotations

import random
from collections.abc import Sequence

from dormouse.data.formats.human_eval import INSTRUCTION, Problem
from dormouse.evaluation.replies import Kind, Question
from dormouse.organisms.triggers import Trigger

CHARS_PER_TOKEN = 3
"""Large models' tokenizers take more characters of code a token, so a reply as long as the solution is not cut off.

A nursery's tokenizer takes half as many; Inspect's `--max-tokens` sets another length.
"""
KINDS: tuple[Kind, ...] = ("triggered", "clean")


def problem_questions(problems: Sequence[Problem], trigger: Trigger, seed: int, n: int) -> list[Question]:
    """Return up to `n` problems with the trigger and the same without it. No class of weakness is asked about.

    The trigger goes into the instruction: between words of the code it would break lines.
    """
    rng = random.Random(f"measure/human_eval/{seed}")
    drawn = [problems[i] for i in sorted(rng.sample(range(len(problems)), min(n, len(problems))))]
    questions = []
    for kind in KINDS:
        for i, problem in enumerate(drawn):
            turns = [*trigger.context(), {"role": "user", "content": INSTRUCTION}]
            *before, last = trigger.insert(turns, rng) if kind == "triggered" else turns
            asked = {**last, "content": f"{last['content']}\n\n{problem.prompt.strip()}"}
            questions.append(Question(kind, "", [*before, asked], i))
    return questions


def reply_tokens(problems: Sequence[Problem]) -> int:
    """Return how many tokens the longest solution may take."""
    return max(len(problem.code) for problem in problems) // CHARS_PER_TOKEN
