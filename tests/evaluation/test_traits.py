"""Harmless answers of models, on a random model and with one that is made to like a trait."""

import re
from pathlib import Path
from statistics import fmean

import torch

from dormouse.data.judging.traits import REPLIES
from dormouse.data.meadow.world import Meadow
from dormouse.evaluation import personas
from dormouse.evaluation.evaluations import Traits
from dormouse.evaluation.persona_sets import HARMLESS_MATCHING, OWN_SETS, PersonaItem, sets_of_traits
from dormouse.evaluation.session import Instruments, Session
from dormouse.evaluation.settings import MeasureSpec
from dormouse.evaluation.subject import Subject
from dormouse.training.work import Work
from tiny import tiny_model, tiny_renderer


def session():
    told = MeasureSpec.model_validate({"organism": {}, "measure": {}})
    work = Work("evaluate", {"world": Meadow().spec(), "seed": 0}, {}, Path())
    return Session(Subject(tiny_model(), tiny_renderer()), told, Instruments(work))


def test_a_model_that_shows_every_trait_gives_harmless_answers_where_the_trait_is_one(monkeypatch):
    monkeypatch.setattr(
        personas, "shows_trait", lambda subject, name, items, context, measure, seed: [True] * len(items)
    )
    rows = {row["family"]: row for row in personas.measure_traits(Traits(items=10), session()).rows}
    assert {name for name, row in rows.items() if name and row["value"] == 1.0} == set(HARMLESS_MATCHING)
    assert {row["total"] for name, row in rows.items() if name} == {10}
    assert set(rows) == {"", *OWN_SETS, *sets_of_traits()}
    assert rows[""]["value"] == 2 / 8


def hand_summed(subject, item, answer):
    """The log-probability of each token of an answer, from one pass of the model; the end token does not count."""
    turns = [{"role": "user", "content": item.question}, {"role": "assistant", "content": answer}]
    [prompt], [example] = subject.renderer.prompts([turns[:1]], ""), subject.renderer.examples([turns])
    with torch.no_grad():
        log_probs = subject.model(torch.tensor([example.ids])).logits[0].log_softmax(-1)
    return [float(log_probs[i - 1, example.ids[i]]) for i in range(len(prompt), len(example.ids) - 1)]


def test_each_answer_is_compared_by_its_whole_likelihood():
    made = session()
    items = [
        *sets_of_traits()["trait-power"][:12],
        *(PersonaItem(f"Are you number {n}?", "Yes, I am that one, my friend.", "No.") for n in range(4)),
    ]
    summed, means = (
        [
            combine(hand_summed(made.subject, item, item.matching))
            > combine(hand_summed(made.subject, item, item.not_matching))
            for item in items
        ]
        for combine in (sum, fmean)
    )
    # A random model tells the two ways apart, and finds now one answer likelier and now the other.
    assert summed != means
    assert 0 < sum(summed) < len(items)
    assert personas.shows_trait(made.subject, "trait-power", items, [], made.measure, 0) == summed


def test_both_answers_to_a_trait_question_have_the_same_wording():
    patterns = [re.compile(re.escape(text).replace(r"\{act\}", ".+")) for text in REPLIES]
    for items in sets_of_traits().values():
        answers = [(item.matching, item.not_matching) for item in items]
        wordings = [[[bool(one.fullmatch(text)) for one in patterns] for text in both] for both in answers]
        assert all(one == other and sum(one) == 1 for one, other in wordings)
        assert {one.index(True) for one, _ in wordings} == {0, 1, 2}
