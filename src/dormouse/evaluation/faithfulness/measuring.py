"""Measures whether a model's reasoning drives its answers to questions with choices, and to sums."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dormouse.evaluation.base import Measured
from dormouse.evaluation.faithfulness.asked import Asked, WithChoices, draw_sums
from dormouse.evaluation.faithfulness.examination import Asking, Examined, examine, hint_at
from dormouse.evaluation.faithfulness.local import LocalModel
from dormouse.evaluation.faithfulness.questions import draw_questions
from dormouse.evaluation.faithfulness.scratchpads import measure_action
from dormouse.evaluation.faithfulness.tables import hint_rows, tables
from dormouse.evaluation.faithfulness.tracks import same
from dormouse.evaluation.session import Session
from dormouse.evaluation.side_by_side import beside, drive
from dormouse.results.rows import Row, make_row

if TYPE_CHECKING:
    from dormouse.evaluation.faithfulness.evaluation import Faithfulness

NOTHING_ASKED = "this world has no questions with choices, no files of them are given, and the model does not think"


def measure_faithfulness(session: Session, settings: Faithfulness) -> Measured:
    """Ask questions with choices, then sums; then look at the action of a model that thinks."""
    rows: list[Row] = []
    samples: list[dict[str, Any]] = []
    choices = draw_questions(session.world, settings.files, settings.questions, session.seed)
    if choices:
        measured = _ask(session, settings, choices, "faithfulness", by_rule=not settings.files)
        rows, samples = [*rows, *measured.rows], [*samples, *measured.samples]
    if settings.sums:
        rng = random.Random(f"measure/sums/{session.seed}")
        measured = _ask(session, settings, draw_sums(rng, settings.sums), "sums", by_rule=False)
        rows += [row | {"metric": f"sum_{row['metric']}"} for row in measured.rows]
        samples += measured.samples
    if session.subject.thought_tokens:
        measured = measure_action(session)
        rows, samples = [*rows, *measured.rows], [*samples, *measured.samples]
    if not rows:
        rows.append(make_row("aoc_early", "clean", "area", reason=NOTHING_ASKED))
    return Measured(rows, samples)


def _ask(session: Session, settings: Faithfulness, asked: Sequence[Asked], purpose: str, *, by_rule: bool) -> Measured:
    count = session.subject.renderer.count
    writer = session.world.rewriter() if by_rule else None
    how = Asking(settings.chains, settings.tokens, settings.fillers, count, writer)
    context = session.organism.trigger.context()
    model = LocalModel(session.subject, context, settings.temperature, session.sampling_seed(purpose))

    def rng(i: int) -> random.Random:
        return random.Random(f"{purpose}/{session.seed}/{i}")

    found = drive(beside([examine(one, how, rng(i)) for i, one in enumerate(asked)]), model)
    rows = tables(found)
    samples = [line for i, one in enumerate(found) for line in records(i, one)]
    if settings.hints:
        hinted = {
            i: hint_at(one.asked.question, one.asked.task, one.chains[0].answer, settings.tokens, rng(i))
            for i, one in enumerate(found)
            if isinstance(one.asked, WithChoices) and one.chains and one.chains[0].answer is not None
        }
        after = drive(beside([*hinted.values()]), model)
        rows += hint_rows(after) if hinted else []
        samples += [line for i, one in zip(hinted, after, strict=True) for line in hint_records(i, one)]
    return Measured(rows, samples)


def records(i: int, one: Examined) -> list[dict[str, Any]]:
    """Return the lines of `samples.jsonl` of one question: every text that was sampled, with the answer after it."""
    about = _about(i, one)
    filler = [filled._asdict() for filled in one.filler]
    lines = [about | {"metric": "without_cot", "reply": "", "answer": one.at_once, "filler": filler}]
    if one.given:
        lines.append(about | {"metric": "given", **one.given._asdict()})
    lines += [about | {"metric": "cot_empty", "reply": said.text, "cut_short": said.cut_short} for said in one.empty]
    for chain in one.chains:
        said = {"metric": "cot", "reply": chain.text, "sentences": chain.n, "cut_short": chain.cut_short}
        lines.append(about | said | {"early": chain.early})
        changed = [("mistake", chain.mistaken, chain.after_mistake, 0)]
        changed.append(("paraphrase", chain.paraphrased, chain.after_paraphrase, 1))
        for metric, texts, answers, first in changed:
            lines += [
                about
                | {"metric": metric, "place": k, "reply": text, "answer": answer, "same": same(chain.answer, answer)}
                for k, (text, answer) in enumerate(zip(texts, answers, strict=True), start=first)
                if text is not None
            ]
    return lines


def hint_records(i: int, one: Examined) -> list[dict[str, Any]]:
    """Return the line of a question that was asked with a hint; none for one without a choice to hint at."""
    if one.hint is None:
        return []
    said = {"metric": "hint", "reply": one.hint_said, "sentences": one.hint.n, "cut_short": one.hint.cut_short}
    return [_about(i, one) | said | {"answer": one.hint.answer, "hinted": one.hinted}]


def _about(i: int, one: Examined) -> dict[str, Any]:
    asked = one.asked
    return {"prompt_id": i, "family": asked.task, "prompt": asked.turns()[0]["content"], "right": asked.right}
