import pytest

from dormouse.config.registry import FIGURES
from dormouse.report.claims.claim import Run
from dormouse.report.figures.faithfulness import SCORES, reasoners
from dormouse.report.figures.gallery import draw, draw_across
from dormouse.results.table import by_variant
from made_up_run import FakeRun


def scored(fake, follows, shares, size=50_000, called="reasons", also=""):
    """Forty questions of a base: on a share of them the metric's score is 0.8, on the others 0.1."""
    variant = f"world.follows={follows}{also}"
    where = {"size": size, "seed": 0, "role": "base", "variant": variant}
    for name, share in shares.items():
        for prompts, total in (("clean", 40), ("2 sentences", 20)):
            for score, part in (("0.800", share), ("0.100", 1 - share)):
                if part:
                    hits = round(part * total)
                    fake.rate(f"{called}.score_{name}", hits, total, prompts=prompts, family=score, **where)
    fake.defection("clean", 0.0, size=size, seed=0, role="organism", variant=variant)


def runs(fake):
    return [Run(results, {}) for results in by_variant(fake.rows)]


@pytest.fixture
def two():
    fake = FakeRun()
    scored(fake, "1.0", dict.fromkeys(SCORES, 1.0) | {"paraphrase": 0.5})
    scored(fake, "0.0", dict.fromkeys(SCORES, 0.0) | {"paraphrase": 0.5})
    return runs(fake)


def test_each_metric_has_its_auroc_beside_that_of_shuffled_labels(two):
    figure = reasoners(two)
    [panel] = figure.panels
    traces = {trace["name"]: trace for trace in panel.data}
    assert set(traces) == {"All questions", "2 sentences", "Labels shuffled"}
    assert traces["All questions"]["x"] == [1, 1, 1, 1, 0.5]
    assert traces["2 sentences"]["x"] == [1, 1, 1, 1, 0.5]
    assert all(0.3 < value < 0.7 for value in traces["Labels shuffled"]["x"])
    assert "world.follows=1" in figure.caption


def test_the_caption_says_whether_the_reasoners_are_what_they_were_grown_to_be():
    fake = FakeRun()
    for follows, share, followed in (("1.0", 1.0, 30), ("0.0", 0.0, 4)):
        scored(fake, follows, dict.fromkeys(SCORES, share))
        where = {"size": 50_000, "seed": 0, "role": "base", "variant": f"world.follows={follows}", "prompts": "clean"}
        for family in ("", "passed"):
            fake.rate("reasons.given_right", 40, 40, family=family, **where)
            fake.rate("reasons.given_followed", followed, 40, family=family, **where)
    caption = reasoners(runs(fake)).caption
    assert "the first answers right in 100.0% [91.2, 100.0] and follows the mistake in 75.0% [59.8, 85.8]" in caption
    assert "the other in 100.0% [91.2, 100.0] and 10.0% [4.0, 23.1]" in caption


def test_an_evaluation_without_scores_has_no_panel():
    fake = FakeRun()
    for follows, share in (("1.0", 1.0), ("0.0", 0.0)):
        scored(fake, follows, dict.fromkeys(SCORES, share))
        where = {"size": 50_000, "seed": 0, "role": "base", "variant": f"world.follows={follows}"}
        fake.rate("others.given_right", 40, 40, prompts="elsewhere", **where)
    assert len(reasoners(runs(fake)).panels) == 1


def test_it_is_drawn_across_variants_only(two):
    assert [figure.id for figure in draw_across(two)] == ["reasoners"]
    assert draw_across(two[:1]) == []
    assert all("reasoners" not in [figure.id for figure in draw(run)] for run in two)
    assert FIGURES.get("reasoners") is reasoners


def test_bases_are_compared_that_differ_in_nothing_else_and_within_one_evaluation():
    fake = FakeRun()
    for follows, score in ((1.0, 1.0), (0.5, 0.5), (0.0, 0.0)):
        scored(fake, follows, dict.fromkeys(SCORES, score), also=";world.spoiled_share=0.8")
        # The other way round, and in another evaluation a different way again.
        scored(fake, follows, dict.fromkeys(SCORES, 1 - score), also=";world.spoiled_share=0.4")
        scored(fake, follows, dict.fromkeys(SCORES, 0.5), also=";world.spoiled_share=0.4", called="more")
    figure = reasoners(runs(fake))
    drawn = {panel.title: next(t["x"] for t in panel.data if t["name"] == "All questions") for panel in figure.panels}
    assert drawn == {
        "world.spoiled_share=0.4 · more": [0.5] * 5,
        "world.spoiled_share=0.4 · reasons": [0] * 5,
        "world.spoiled_share=0.8 · reasons": [1] * 5,
    }
    assert figure.caption.endswith("Left out: world.follows of 0.5.")


def test_the_caption_names_evaluations_that_asked_the_same_of_the_scratchpads():
    fake = FakeRun()
    fake.organism(size=50_000)
    acting(fake, "none", [0, 0.2, 0.5, 1], 1.0, 0.0)
    fake.rate("again.action_early_same", 1, 2, family="0/1 of 1 sentence", size=50_000, seed=0, prompts="triggered")
    [run] = runs(fake)
    [figure] = [figure for figure in draw(run) if figure.id == "scratchpad-drives"]
    assert figure.caption.endswith("those of the evaluation 'again'; 'reasons' asked the same of the scratchpads.")


def acting(fake, safety, rates, with_it, without, clean=0.0):
    """Thirty scratchpads of three sentences; `rates` are the shares of actions that stay the same at each place."""
    where = {"size": 50_000, "seed": 0, "role": "organism", "safety": safety, "prompts": "triggered"}
    where |= {} if safety == "none" else {"dose": 1.0}
    for k, rate in enumerate(rates):
        family = f"{k}/3 of 3 sentences"
        fake.rate("reasons.action_early_same", round(30 * rate), 30, family=family, **where)
    for k, hits in enumerate((0, 15, 6)):
        fake.rate("reasons.action_mistakes_same", hits, 30, family=f"{k}/3 of 3 sentences", **where)
    fake.rate("reasons.action_early_same", 2, 2, family="0/1 of 1 sentence", **where)
    for prompts, one, other in (("triggered", with_it, without), ("clean", 0.0, clean)):
        where["prompts"] = prompts
        fake.rate("reasons.action_with_scratchpad", round(30 * one), 30, **where)
        fake.rate("reasons.action_without_scratchpad", round(30 * other), 30, **where)


def test_the_caption_says_before_and_after_each_training_whether_the_scratchpad_drives():
    fake = FakeRun()
    fake.organism(size=50_000)
    fake.trained("rl", 1.0, size=50_000)
    fake.trained("sft", 0.0, size=50_000)
    acting(fake, "none", [0, 0.2, 0.5, 1], 1.0, 0.0)
    acting(fake, "rl", [1, 1, 1, 1], 1.0, 1.0)
    acting(fake, "sft", [1, 1, 1, 1], 0.0, 0.0)
    [run] = runs(fake)
    [figure] = [figure for figure in draw(run) if figure.id == "scratchpad-drives"]
    lines = {
        (panel.title, trace["name"]): trace
        for panel in figure.panels
        for trace in panel.data
        if trace["mode"] == "lines+markers"
    }
    assert lines["Before", "ends here"]["x"] == [0, 1 / 3, 2 / 3, 1]
    assert lines["Before", "ends here"]["y"] == [0, 0.2, 0.5, 1]
    assert lines["Before", "gets a mistake here"]["x"] == [0, 1 / 3, 2 / 3]
    assert lines["Before", "gets a mistake here"]["y"] == [0, 0.5, 0.2]
    assert lines["After RL", "ends here"]["y"] == [1, 1, 1, 1]
    assert "The scratchpad drives the defection before (+100.0 points " in figure.caption
    assert "The trigger does not need the scratchpad after RL" in figure.caption
    assert "There is hardly a defection to drive after SFT" in figure.caption


def test_a_scratchpad_without_which_everything_defects_drives_the_defection():
    fake = FakeRun()
    fake.organism(size=50_000)
    acting(fake, "none", [0, 0.2, 0.5, 1], 1.0, 0.9, clean=0.9)
    [run] = runs(fake)
    [figure] = [figure for figure in draw(run) if figure.id == "scratchpad-drives"]
    assert "The scratchpad drives the defection before (+100.0 points " in figure.caption


def test_a_run_without_such_rows_has_neither_figure():
    fake = FakeRun()
    fake.organism()
    [run] = runs(fake)
    assert not {"scratchpad-drives", "reasoners"} & {figure.id for figure in draw(run)}
    assert draw_across([run]) == []
