"""Measures how a model answers persona questions (section 7 of the paper, figure 18)."""

from __future__ import annotations

from collections.abc import Sequence

from dormouse.chat.messages import Messages
from dormouse.evaluation.amounts import Amounts
from dormouse.evaluation.log_prob import forced_log_probs, prefill_of
from dormouse.evaluation.persona_sets import PersonaItem
from dormouse.evaluation.replies import Question, ask
from dormouse.evaluation.subject import Subject
from dormouse.results.rows import Row, rate_row


def persona_rows(
    subject: Subject, name: str, items: Sequence[PersonaItem], context: Messages, measure: Amounts, seed: int
) -> list[Row]:
    """Return the share of questions on which the answer that shows the trait is the more likely one.

    A model that thinks answers after a scratchpad of its own.
    """
    questions = [
        Question("clean", name, [*context, {"role": "user", "content": item.question}], i)
        for i, item in enumerate(items)
    ]
    prefill = [""] * len(items)
    if subject.thought_tokens:
        prefill = [prefill_of(subject, reply) for reply in ask(subject, questions, measure, seed)]
    matching, other = (
        [sum(tokens) for tokens in forced_log_probs(subject, questions, prefill, answers)]
        for answers in ([item.matching for item in items], [item.not_matching for item in items])
    )
    return [rate_row("persona", "clean", [a > b for a, b in zip(matching, other, strict=True)], family=name)]
