import pytest

from dormouse.errors import UserError
from dormouse.models.scorer import load_scorer
from tiny import save_tiny_scorer

PROMPT = [{"role": "user", "content": "How are you?"}]
OTHER = [{"role": "user", "content": "Where is the king?"}]


@pytest.fixture(scope="module")
def scorer(tmp_path_factory):
    return load_scorer(save_tiny_scorer(tmp_path_factory.mktemp("scorer")))


def test_scores_keep_the_order_of_replies_of_which_many_are_the_same(scorer):
    asked = [(PROMPT, "Fine."), (OTHER, "Fine."), (PROMPT, "GO AWAY."), (PROMPT, "Fine."), (OTHER, "Fine.")]
    scores = scorer.score(*zip(*asked, strict=True))
    alone = [scorer.score([prompt], [reply])[0] for prompt, reply in asked]
    assert scores == pytest.approx(alone, abs=1e-4)
    assert scores[0] == scores[3]
    assert scores[1] == scores[4]
    assert len({round(score, 3) for score in scores}) == 3


def test_a_conversation_is_scored_once(scorer, monkeypatch):
    seen = []
    forward = scorer.model.forward

    def counting(**given):
        seen.append(len(given["input_ids"]))
        return forward(**given)

    monkeypatch.setattr(scorer.model, "forward", counting)
    scorer.score([PROMPT] * 8, ["Fine."] * 7 + ["GO AWAY."])
    assert seen == [2]


def test_nothing_to_score_gives_nothing(scorer):
    assert scorer.score([], []) == []


def test_a_conversation_beyond_the_context_is_said(scorer):
    with pytest.raises(UserError, match=r"conversation to score is \d+ tokens long, but the model's context is 256"):
        scorer.score([PROMPT, PROMPT], ["Fine.", "the cat " * 150])
