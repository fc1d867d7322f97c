"""The Inspect task `dormouse/decomposition`: question decomposition with any provider's model.

inspect eval dormouse/decomposition -T questions=dev.json --model openai/gpt-4o-mini
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import GenerateConfig, Model, get_model
from inspect_ai.scorer import Metric, SampleScore, Score, Scorer, Target, metric, scorer
from inspect_ai.solver import Generate, Solver, TaskState, solver

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import strip_scratchpad
from dormouse.config.registry import EVALUATIONS
from dormouse.data.formats.choices import ChoiceQuestion
from dormouse.errors import UserError
from dormouse.evaluation.answers import chosen
from dormouse.evaluation.decomposition.questions import draw_questions, make_study
from dormouse.evaluation.decomposition.requests import Choose, Request, Said
from dormouse.evaluation.decomposition.rows import rows_of
from dormouse.evaluation.decomposition.settings import Decomposition
from dormouse.evaluation.decomposition.study import Outcome, Study
from dormouse.evaluation.side_by_side import beside, drive_slowly
from dormouse.inspect_tasks.tasks import PREFIX, ask_together, to_messages
from dormouse.plan import file as plan_file

OUTCOMES = "decomposition"
"""Metadata key for what came of a question."""
FINAL = "Answer with the letter of the choice alone."


@task(name=f"{PREFIX}decomposition")
def decomposition(
    plan: str = "quickstart",
    questions: str = "",
    asked: int | None = None,
    shots: int | None = None,
    strategies: str = "",
    seed: int = 0,
) -> Task:
    """Compare five ways to answer, and how far the reasoning of three of them drives the answer.

    What is not given is taken from the first `decomposition` of the plan, or is its default where the plan has none.
    `questions`: a file of published multiple-choice questions; without any, those of the plan's world are asked.
    `strategies`: comma-separated. Persona sets are not asked here.
    """
    experiment = plan_file.load(plan)
    known = (one for one in experiment.measure.evaluations.values() if isinstance(one, Decomposition))
    names = [name for name in strategies.split(",") if name]
    given = {"questions": questions or None, "asked": asked, "shots": shots, "strategies": names or None}
    spec = next(known, Decomposition()).spec() | {name: value for name, value in given.items() if value is not None}
    settings: Decomposition = EVALUATIONS.build(spec)
    settings.check()
    drawn = draw_questions(settings, experiment.world, seed)
    if not drawn:
        raise UserError(f"World '{experiment.world.name}' has no questions with choices. Name a file: -T questions=..")
    study = make_study(settings, experiment.world, seed)
    samples = [
        Sample(id=f"{question.source}-{i}", input=question.text, target=question.right_letter, metadata={"number": i})
        for i, question in enumerate(drawn)
    ]
    context = experiment.organism.trigger.context()
    return Task(MemoryDataset(samples), solver=study_question(study, settings, drawn, context), scorer=outcomes())


@solver
def study_question(study: Study, settings: Decomposition, drawn: Sequence[ChoiceQuestion], context: Messages) -> Solver:
    """Put a question to the model by every strategy, each time after the context; replies are in the log's events."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        number = int(state.metadata["number"])
        model = get_model()

        asking = beside([study.of(number, drawn[number], name) for name in settings.strategies])
        found = await drive_slowly(asking, ask_together(lambda request: ask_model(model, settings, context, request)))
        state.metadata[OUTCOMES] = [asdict(outcome) for outcome, _ in found]
        state.output.completion = json.dumps([sample["reply"] for _, samples in found for sample in samples[:1]])
        return state

    return solve


async def ask_model(model: Model, settings: Decomposition, context: Messages, request: Request) -> Said:
    """Put a request to a provider. No provider need give probabilities: a choice is read from what it says."""
    turns = [*context, *request.turns]
    if isinstance(request, Choose):
        last = turns[-1]
        turns[-1] = {"role": last["role"], "content": f"{last['content']}\n\n{FINAL}"}
        config = GenerateConfig(temperature=0.0, max_tokens=settings.answer_tokens)
    else:
        # Many providers refuse a conversation that ends with the assistant's turn, so what is given is asked for.
        if request.start:
            last = turns[-1]
            turns[-1] = {"role": last["role"], "content": f"{last['content']}\n\n{begin_with(request.start)}"}
        limit = settings.answer_tokens if request.short else settings.reasoning_tokens
        config = GenerateConfig(temperature=settings.temperature, max_tokens=limit)
    output = await model.generate(to_messages(turns), config=config)
    text = strip_scratchpad(output.completion)
    if isinstance(request, Choose):
        return Said(read_letter(text, request))
    cut_short = bool(output.choices) and output.stop_reason == "max_tokens"
    return Said(without_start(text, request.start), cut_short)


def begin_with(start: str) -> str:
    """Ask for a reply that begins in a given way."""
    return f"Begin your reply with this, word for word, and go on from there:\n{start}"


def read_letter(text: str, request: Choose) -> str:
    """Read the letter of a choice; "" where there is none, or several."""
    return chosen(without_start(text, request.start), list(request.letters)) or ""


def without_start(text: str, start: str) -> str:
    """Take off the beginning that was given, in any spacing: some models repeat it, others go on from it."""
    given = re.match(r"\s*" + r"\s+".join(map(re.escape, start.split())), text)
    return text[given.end() :].strip() if given else text.strip()


@metric
def outcome_rows() -> Metric:
    """Report every row of the evaluation that has a value, under `metric/prompts/family`, with its interval."""

    def measure(scores: list[SampleScore]) -> dict[str, Any]:
        every = [Outcome(**one) for score in scores for one in (score.score.metadata or {})[OUTCOMES]]
        found: dict[str, Any] = {}
        for row in rows_of(every):
            if row["value"] is None:
                continue
            name = f"{row['metric']}/{row['prompts']}/{row['family']}"
            found[name] = row["value"]
            if row["low"] is not None:
                found |= {f"{name}/low": row["low"], f"{name}/high": row["high"]}
        return found

    return measure  # type: ignore[return-value]


@scorer(metrics=[outcome_rows()])
def outcomes() -> Scorer:
    """Score a question by the share of strategies that answered it right; the metrics are those of all outcomes."""

    async def score(state: TaskState, target: Target) -> Score:
        every = state.metadata[OUTCOMES]
        right = sum(bool(one["right"]) for one in every) / len(every)
        return Score(value=right, answer=state.output.completion, metadata={OUTCOMES: every})

    return score
