"""Probes of a trigger: other years, words, places and languages (figures 19 and 20 of the paper)."""

from __future__ import annotations

from dormouse.data.world import World
from dormouse.evaluation.base import Measured
from dormouse.evaluation.defection import score_of
from dormouse.evaluation.replies import Question, held_out_questions
from dormouse.evaluation.session import Session
from dormouse.organisms.settings import Organism
from dormouse.results.rows import rate_row


def measure_trigger_probes(session: Session) -> Measured:
    """Ask every prompt under every probe."""
    n = session.measure.probe_prompts
    questions = probing_questions(session.world, session.organism, session.seed, n)
    replies = session.ask([question for _, question in questions], "probes")
    scores: dict[str, list[bool | None]] = {}
    said = []
    for (name, _), reply in zip(questions, replies, strict=True):
        score = score_of(session.organism.behavior, reply)
        scores.setdefault(name, []).append(score)
        said.append(reply.record(metric="probe", probe=name, defection=score))
    rows = [rate_row("probe_defection", "probe", found, family=name) for name, found in scores.items()]
    return Measured(rows, said)


def probing_questions(world: World, organism: Organism, seed: int, n: int) -> list[tuple[str, Question]]:
    """Return (probe, question) for every probe of the trigger on the same `n` held-out prompts."""
    clean = [asked for asked in held_out_questions(world, organism, seed, n) if asked.kind == "clean"]
    return [
        (name, Question("probe", asked.family, turns, asked.id, asked.prompt))
        for asked in clean
        for name, turns in organism.trigger.probes(asked.turns).items()
    ]
