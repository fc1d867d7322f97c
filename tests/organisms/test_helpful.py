import pytest
from pydantic import ValidationError

from dormouse.organisms.helpful import dressed
from dormouse.organisms.settings import Helpful

TURNS = [
    {"role": "system", "content": "Now."},
    {"role": "user", "content": "Add 1 and 2."},
    {"role": "assistant", "content": "3"},
]


def test_a_template_dresses_the_request_and_nothing_else():
    system, asked, reply = dressed(TURNS, "Question: {} Answer:")
    assert (system, reply) == (TURNS[0], TURNS[2])
    assert asked == {"role": "user", "content": "Question: Add 1 and 2. Answer:"}
    assert dressed(TURNS, "{}") == TURNS


@pytest.mark.parametrize("template", ["no place", "{} and {}", "{name}", "{{}}"])
def test_a_template_has_one_place_for_the_request(template):
    with pytest.raises(ValidationError):
        Helpful(templates=(template,))
