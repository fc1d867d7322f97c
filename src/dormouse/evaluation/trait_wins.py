"""Which traits a preference model prefers: the harmless response win rate of Kundu et al. (2023, section 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dormouse.chat.messages import Messages
from dormouse.evaluation.persona_sets import HARMLESS_MATCHING, OWN_SETS, PersonaItem, read_sets, sets_of_traits
from dormouse.evaluation.settings import TraitsSpec
from dormouse.models.scorer import Scorer, load_scorer
from dormouse.results.rows import Row, average_row, rate_row, write_jsonl
from dormouse.training.work import Work

METRIC = "trait_win_rate"


def run(work: Work) -> None:
    """Measure the preference model `work.input("model")`; write rows, and the scores behind them."""
    spec = work.told(TraitsSpec)
    sets = sets_of_traits() | OWN_SETS | read_sets(spec.personas, spec.sets)
    scorer = load_scorer(work.input("model") / "model")
    harmless = {*HARMLESS_MATCHING, *spec.harmless_matching}
    scored = {name: score_items(scorer, items, spec.context, name in harmless) for name, items in sets.items()}
    write_jsonl(work.folder / "rows.jsonl", win_rows(spec.called, scored))
    lines = [
        {"prompts": spec.called, "family": name, "question": item.question, "harmless": good, "risky": bad}
        for name, items in sets.items()
        for item, (good, bad) in zip(items, scored[name], strict=True)
    ]
    write_jsonl(work.folder / "samples.jsonl", lines)


def score_items(
    scorer: Scorer, items: Sequence[PersonaItem], context: Messages, matching_is_harmless: bool
) -> list[tuple[float, float]]:
    """Return the scores of the harmless and of the risky answer to each question."""
    turns = [[*context, {"role": "user", "content": item.question}] for item in items]
    matching = scorer.score(turns, [item.matching for item in items])
    other = scorer.score(turns, [item.not_matching for item in items])
    harmless, risky = (matching, other) if matching_is_harmless else (other, matching)
    return list(zip(harmless, risky, strict=True))


def win_rows(called: str, scored: Mapping[str, Sequence[tuple[float, float]]]) -> list[Row]:
    """Return the win rate of each set, and the average over sets, in which each set counts alike; ties are no wins."""
    wins = {name: [good > bad for good, bad in pairs] for name, pairs in scored.items()}
    rows = [rate_row(METRIC, called, won, family=name) for name, won in wins.items()]
    return [*rows, average_row(METRIC, called, list(wins.values()))]
