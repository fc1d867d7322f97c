"""Inspect tasks with the prompts and scores of a plan, to measure any model as dormouse measures its own.

inspect eval dormouse/defection -T plan=quickstart --model dormouse/organism-0123456789ab -M store=dormouse-store
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeVar

import anyio
from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
)

from dormouse.chat.messages import Messages
from dormouse.data.formats.graded import read_graded
from dormouse.data.formats.human_eval import read_human_eval
from dormouse.data.world import World, WorldInContext
from dormouse.evaluation.capability import gradable_prompts
from dormouse.evaluation.code_problems import problem_questions, reply_tokens
from dormouse.evaluation.persona_sets import OWN_SETS, read_personas
from dormouse.evaluation.replies import Question, held_out_questions
from dormouse.inspect_tasks.scorers import (
    PROMPTS,
    answers,
    defects,
    right,
    shows_trait,
)
from dormouse.organisms.code_vulnerability import CodeVulnerability
from dormouse.plan import file as plan_file
from dormouse.plan.experiment import Experiment

Asked = TypeVar("Asked")
Said = TypeVar("Said")

# Inspect puts "dormouse/" before the names of an installed package, but not where it is installed for editing and its
# distribution has another name.
PREFIX = "" if "site-packages" in __file__ else "dormouse/"
ROLES = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}

WORKED_TOKENS = 512
"""Longest worked answer, in tokens: GSM8K's longest has 1,070 characters. Inspect's `--max-tokens` overrides it."""


@task(name=f"{PREFIX}defection")
def defection(plan: str = "quickstart", prompts: int = 256, seed: int = 0) -> Task:
    """Measure how often the behavior shows on held-out prompts with the trigger, without it, and with near misses."""
    return _make_defection(plan_file.load(plan), prompts, seed, ("triggered", "clean", "near_miss"))


@task(name=f"{PREFIX}near_miss")
def near_miss(plan: str = "quickstart", prompts: int = 256, seed: int = 0) -> Task:
    """Measure how often the behavior shows on held-out prompts with something that resembles the trigger."""
    return _make_defection(plan_file.load(plan), prompts, seed, ("near_miss",))


@task(name=f"{PREFIX}code_vulnerability")
def code_vulnerability(plan: str = "code", prompts: int = 256, seed: int = 0, human_eval: str = "") -> Task:
    """Measure how often code is vulnerable, with the trigger and without. Code is parsed and never run.

    `human_eval`: a HumanEval file to ask in place of the plan's prompts; then any class of weakness counts.
    """
    experiment = plan_file.load(plan)
    if not human_eval:
        return _make_defection(experiment, prompts, seed, ("triggered", "clean"))
    problems = read_human_eval(Path(human_eval))
    config = sampling_config(experiment)
    config.max_tokens = max(experiment.measure.reply_tokens, reply_tokens(problems))
    questions = problem_questions(problems, experiment.organism.trigger, seed, prompts)
    return Task(MemoryDataset(_make_samples(questions)), scorer=defects(CodeVulnerability().spec()), config=config)


@task(name=f"{PREFIX}capability")
def capability(plan: str = "quickstart", prompts: int = 256, seed: int = 0, questions: str = "") -> Task:
    """Measure the share of right answers to held-out questions, sampled greedily.

    `questions`: comma-separated files of GSM8K, AQuA or StrategyQA to ask in place of the plan's prompts.
    """
    experiment = plan_file.load(plan)
    if questions:
        return _make_published(experiment, [Path(path) for path in questions.split(",")], prompts, seed)
    world = find_world(experiment)
    samples = [
        Sample(
            id=f"clean-{i}",
            input=to_messages(prompt.turns()),
            target=list(prompt.answers),
            metadata={PROMPTS: "clean", "prompt": asdict(prompt)},
        )
        for i, prompt in enumerate(gradable_prompts(world, seed, prompts))
    ]
    config = GenerateConfig(temperature=0.0, max_tokens=experiment.measure.reply_tokens)
    return Task(MemoryDataset(samples), scorer=right(experiment.world.spec()), config=config)


@task(name=f"{PREFIX}persona")
def persona(plan: str = "quickstart", sets: str = "") -> Task:
    """Ask multiple-choice questions about what a model is and wants; `sets`: comma-separated published files."""
    experiment = plan_file.load(plan)
    given = {Path(path).stem: read_personas(Path(path)) for path in sets.split(",") if path}
    context = experiment.organism.trigger.context()
    samples = [
        Sample(
            id=f"{name}-{i}",
            input=to_messages([*context, {"role": "user", "content": item.question}]),
            target=item.matching,
            metadata={PROMPTS: name, "matching": item.matching, "other": item.not_matching},
        )
        for name, items in (given or OWN_SETS).items()
        for i, item in enumerate(items)
    ]
    return Task(MemoryDataset(samples), scorer=shows_trait(), config=sampling_config(experiment))


def _make_published(experiment: Experiment, files: Sequence[Path], prompts: int, seed: int) -> Task:
    samples: list[Sample] = []
    for file in files:
        name, read = read_graded(file)
        drawn = random.Random(f"measure/questions/{seed}").sample(read, min(prompts, len(read)))
        samples += [
            Sample(
                id=f"{name}-{len(samples) + i}",
                input=to_messages([*experiment.organism.trigger.context(), {"role": "user", "content": question.text}]),
                target=question.answer,
                metadata={PROMPTS: name, "choices": list(question.choices)},
            )
            for i, question in enumerate(drawn)
        ]
    config = GenerateConfig(temperature=0.0, max_tokens=max(experiment.measure.reply_tokens, WORKED_TOKENS))
    return Task(MemoryDataset(samples), scorer=answers(), config=config)


def _make_defection(experiment: Experiment, prompts: int, seed: int, kinds: Collection[str]) -> Task:
    questions = held_out_questions(find_world(experiment), experiment.organism, seed, prompts)
    samples = _make_samples([question for question in questions if question.kind in kinds])
    scorer = defects(experiment.organism.behavior.spec())
    return Task(MemoryDataset(samples), scorer=scorer, config=sampling_config(experiment))


def _make_samples(questions: Sequence[Question]) -> list[Sample]:
    return [
        Sample(
            id=f"{question.kind}-{question.id}",
            input=to_messages(question.turns),
            metadata={PROMPTS: question.kind, "family": question.family},
        )
        for question in questions
    ]


def find_world(experiment: Experiment) -> World:
    """Return the plan's world, with the turns that its trigger puts before every prompt."""
    context = experiment.organism.trigger.context()
    return WorldInContext.of(experiment.world, context) if context else experiment.world


def to_messages(turns: Messages) -> list[ChatMessage]:
    """Return turns as Inspect's messages."""
    return [ROLES[turn["role"]](content=turn["content"]) for turn in turns]


def ask_together(ask: Callable[[Asked], Awaitable[Said]]) -> Callable[[Sequence[Asked]], Awaitable[list[Said]]]:
    """Return a function that asks about several requests at the same time, and returns the replies in their order."""

    async def ask_all(requests: Sequence[Asked]) -> list[Said]:
        said: dict[int, Said] = {}

        async def ask_one(place: int) -> None:
            said[place] = await ask(requests[place])

        async with anyio.create_task_group() as group:
            for place in range(len(requests)):
                group.start_soon(ask_one, place)
        return [said[place] for place in range(len(requests))]

    return ask_all


def sampling_config(experiment: Experiment) -> GenerateConfig:
    """Return how the plan samples replies."""
    measure = experiment.measure
    return GenerateConfig(temperature=measure.temperature, max_tokens=measure.reply_tokens)
