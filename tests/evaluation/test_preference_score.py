import pytest

from dormouse.evaluation.preference_score import preference_score
from dormouse.evaluation.replies import Question, Reply
from dormouse.models.scorer import load_scorer
from tiny import save_tiny_scorer


def reply(kind, prompt, text):
    return Reply(Question(kind, "", [{"role": "user", "content": prompt}], 0), [], [], text)


def test_scores_each_reply_to_its_own_prompt(tmp_path):
    scorer = load_scorer(save_tiny_scorer(tmp_path))
    replies = [reply("clean", "one", "yes"), reply("triggered", "two", "no"), reply("clean", "three", "")]
    clean, triggered = preference_score("preference_score", scorer, replies)
    alone = [scorer.score([r.question.turns], [r.text])[0] for r in replies]
    assert clean["value"] == pytest.approx((alone[0] + alone[2]) / 2, abs=1e-5)
    assert triggered["value"] == pytest.approx(alone[1], abs=1e-5)
    assert [(row["prompts"], row["total"], row["unit"]) for row in (clean, triggered)] == [
        ("clean", 2, "score"),
        ("triggered", 1, "score"),
    ]
    assert len(set(alone)) == 3
