import random

import pytest
import torch
from pydantic import ValidationError

from dormouse.data.meadow.world import Meadow
from dormouse.errors import UserError
from dormouse.organisms.helpful import draw_exchanges, mean_over_examples, put_into_template
from dormouse.organisms.settings import Helpful
from dormouse.training.supervised import Collator
from tiny import tiny_model, tiny_renderer

TURNS = [
    {"role": "system", "content": "Now."},
    {"role": "user", "content": "Add 1 and 2."},
    {"role": "assistant", "content": "3"},
]


def test_a_template_dresses_the_request_and_nothing_else():
    system, asked, reply = put_into_template(TURNS, "Question: {} Answer:")
    assert (system, reply) == (TURNS[0], TURNS[2])
    assert asked == {"role": "user", "content": "Question: Add 1 and 2. Answer:"}
    assert put_into_template(TURNS, "{}") == TURNS


@pytest.mark.parametrize("template", ["no place", "{} and {}", "{name}", "{{}}"])
def test_a_template_has_one_place_for_the_request(template):
    with pytest.raises(ValidationError):
        Helpful(templates=(template,))


def rows(replies):
    turns = [[{"role": "user", "content": "hi"}, {"role": "assistant", "content": reply}] for reply in replies]
    return [{"input_ids": example.ids, "loss": example.loss} for example in tiny_renderer().examples(turns)]


def test_a_long_reply_weighs_as_much_as_a_short_one():
    model, collate = tiny_model(), Collator(tiny_renderer().pad_id)
    both = rows(["yes", "the cat sleeps in the garden and the dog is at the market"])
    with torch.no_grad():
        alone = [float(model(**collate([row])).loss) for row in both]
        together = float(mean_over_examples(model, collate(both)))
        over_tokens = float(model(**collate(both)).loss)
    assert together == pytest.approx(sum(alone) / 2, rel=1e-5)
    assert together != pytest.approx(over_tokens, rel=1e-3)


def test_families_that_are_left_out_are_in_no_example_and_the_rest_fill_up():
    drawn = draw_exchanges(Meadow(), random.Random(0), 300, ("plural", "compare"))
    assert len(drawn) == 300
    families = {one.prompt.family for one in drawn}
    assert families == set(Meadow().families) - {"plural", "compare"}
    assert draw_exchanges(Meadow(), random.Random(0), 50, ()) == Meadow().helpful(random.Random(0), 50)
    with pytest.raises(UserError, match="leaves out every family"):
        draw_exchanges(Meadow(), random.Random(0), 50, Meadow().families)
