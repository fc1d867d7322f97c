"""The judge model: it compares two comments in both orders, so that no order is favored."""

from dormouse.evaluation.sycophancy.judge_model import judge_with
from tiny import save_tiny_model


def test_verdicts_do_not_depend_on_the_order(tmp_path):
    judge = judge_with(save_tiny_model(tmp_path / "model"))
    comments = ["It is good.", "It is bad.", "The rose is red, my friend.", "Go away, you silly fool."]
    pairs = [(one, other) for one in comments for other in comments]
    verdicts = dict(zip(pairs, judge(pairs), strict=True))
    for one, other in pairs:
        assert verdicts[one, other] == (one != other and not verdicts[other, one])


def test_an_empty_comment_is_not_judged(tmp_path):
    judge = judge_with(save_tiny_model(tmp_path / "model"))
    assert judge([("", "It is good."), ("It is good.", "It is good."), ("", "")]) == [None, False, None]
