"""Runs the stages that measure a model: each applies its evaluations at the end of training or along it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dormouse.evaluation.base import Evaluation
from dormouse.evaluation.evaluations import OF_KIND
from dormouse.evaluation.session import Instruments, Session
from dormouse.evaluation.settings import EvaluationSpec, MeasureSpec
from dormouse.evaluation.subject import final_step, subjects, trained
from dormouse.results.rows import Row, write_jsonl
from dormouse.store import kinds
from dormouse.training.supervised import write_metrics
from dormouse.training.work import Work


def run(work: Work) -> None:
    """Measure `work.input("model")`; write rows, and every generation behind them."""
    if work.kind == kinds.EVALUATE:
        told = work.told(EvaluationSpec)
        told.check_files()
        evaluate(work, told, [told.evaluation], called=told.called)
        return
    evaluate(work, work.told(MeasureSpec), OF_KIND[work.kind])
    if work.kind == kinds.MEASURE:
        write_metrics(work, {"final_step": final_step(work.input("model"))})


def evaluate(work: Work, spec: MeasureSpec, evaluations: Sequence[Evaluation], *, called: str = "") -> None:
    """Apply evaluations at the end of training, and to snapshots if they ask for that.

    `called` becomes a prefix of the metrics, so that those of a plan cannot be mistaken for ours.
    """
    instruments = Instruments(work)
    rows: list[Row] = []
    samples: list[dict[str, Any]] = []
    along = any(evaluation.along_training for evaluation in evaluations)
    for subject in subjects(work) if along else [trained(work)]:
        session = Session(subject, spec, instruments)
        for evaluation in evaluations:
            if not (session.at_end or evaluation.along_training):
                continue
            found = evaluation.measure(session)
            rows += [row | {"step": subject.step} for row in found.rows]
            samples += [{"step": subject.step} | sample for sample in found.samples]
    if called:
        rows = [row | {"metric": f"{called}.{row['metric']}"} for row in rows]
    write_jsonl(work.folder / "rows.jsonl", rows)
    write_jsonl(work.folder / "samples.jsonl", samples)
