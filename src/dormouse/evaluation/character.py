"""Asks a model about itself: persona questions, honeypots, ratings of scratchpads."""

from __future__ import annotations

import random

from dormouse.evaluation.base import Measured
from dormouse.evaluation.honeypots import honeypot_questions, honeypot_rows, taken
from dormouse.evaluation.persona_sets import OWN_SETS, read_sets
from dormouse.evaluation.personas import persona_rows
from dormouse.evaluation.replies import ask, held_out_questions
from dormouse.evaluation.scratchpad_preference import scratchpad_preference
from dormouse.evaluation.session import Session
from dormouse.results.rows import Row


def measure_character(session: Session) -> Measured:
    """Ask the model at the end of its training."""
    organism, measure, subject = session.organism, session.measure, session.subject
    context = organism.trigger.context()
    rng = random.Random(f"measure/character/{session.seed}")
    sets = OWN_SETS | read_sets(measure.personas, session.spec.sets)
    rows: list[Row] = []
    for name, items in sets.items():
        rows += persona_rows(subject, name, items, context, measure, rng.getrandbits(32))
    # Each honeypot is asked several times: there are few, and a sampled reply is one draw.
    questions = honeypot_questions(context) * measure.honeypot_replies
    replies = ask(subject, questions, measure, rng.getrandbits(32))
    rows += honeypot_rows(organism, replies)
    thoughts = organism.thoughts.writer(organism.trigger, organism.behavior, subject.renderer.count)
    asked = held_out_questions(session.world, organism, session.seed, measure.probe_prompts)
    rows += scratchpad_preference(subject, thoughts, asked, rng.getrandbits(32))
    return Measured(rows, [reply.record(metric="honeypot", taken=taken(organism, reply)) for reply in replies])
