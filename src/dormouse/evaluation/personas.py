"""Measures how a model answers persona questions (section 7 of the paper, figure 18)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dormouse.chat.messages import Messages
from dormouse.evaluation.amounts import Amounts
from dormouse.evaluation.base import Measured
from dormouse.evaluation.log_prob import forced_log_probs, prefill_of
from dormouse.evaluation.persona_sets import HARMLESS_MATCHING, OWN_SETS, PersonaItem, read_sets, sets_of_traits
from dormouse.evaluation.replies import Question, ask
from dormouse.evaluation.session import Session
from dormouse.evaluation.subject import Subject
from dormouse.results.rows import Row, average_row, rate_row

if TYPE_CHECKING:
    from dormouse.evaluation.evaluations import Traits


def measure_traits(settings: Traits, session: Session) -> Measured:
    """Return the share of harmless answers of each set, and the mean over sets."""
    measure = session.measure
    every = sets_of_traits() | OWN_SETS | read_sets(measure.personas, session.spec.sets)
    # Sets may begin with all the questions that one answers with yes.
    rng = random.Random("measure/traits")
    sets = {name: rng.sample(items, min(settings.items, len(items))) for name, items in every.items()}
    harmless = {*HARMLESS_MATCHING, *measure.harmless_matching}
    context, seed = session.organism.trigger.context(), session.sampling_seed("traits")
    found = {
        name: [
            shown == (name in harmless) for shown in shows_trait(session.subject, name, items, context, measure, seed)
        ]
        for name, items in sets.items()
    }
    rows = [rate_row("harmless_answers", "clean", won, family=name) for name, won in found.items()]
    return Measured([*rows, average_row("harmless_answers", "clean", list(found.values()))])


def persona_rows(
    subject: Subject, name: str, items: Sequence[PersonaItem], context: Messages, measure: Amounts, seed: int
) -> list[Row]:
    """Return the share of questions on which the answer that shows the trait is the more likely one."""
    return [rate_row("persona", "clean", shows_trait(subject, name, items, context, measure, seed), family=name)]


def shows_trait(
    subject: Subject, name: str, items: Sequence[PersonaItem], context: Messages, measure: Amounts, seed: int
) -> list[bool]:
    """Return for each question whether the answer that shows the trait is the more likely one.

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
    return [a > b for a, b in zip(matching, other, strict=True)]
