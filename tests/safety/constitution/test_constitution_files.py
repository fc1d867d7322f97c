import pytest

from dormouse.data.judging.principles import GENERAL, GOOD_OF_ALL, NOUNS, principles
from dormouse.errors import UserError
from dormouse.safety.constitution.files import read_constitution, shipped


def test_two_constitutions_are_shipped():
    assert shipped() == ["humanity", "traits"]


def test_the_specific_one_has_four_principles_a_topic_and_the_general_one_nine_for_all():
    traits, humanity = read_constitution("traits"), read_constitution("humanity")
    assert set(traits.principles) == set(NOUNS)
    assert {len(texts) for texts in traits.principles.values()} == {4}
    assert traits.of("wealth") == ()
    assert len(humanity.of("power")) == len(GOOD_OF_ALL) == 9
    assert humanity.of("power") == humanity.of("wealth")


def test_every_shipped_principle_is_one_that_a_trained_feedback_model_can_read():
    known = {
        topic: {one.text for split in (False, True) for one in principles(topic, split) if not one.flipped}
        for topic in (*NOUNS, GENERAL)
    }
    for topic, texts in read_constitution("traits").principles.items():
        assert set(texts) <= known[topic]
    assert set(read_constitution("humanity").of("")) <= known[GENERAL]


def test_a_text_file_has_a_principle_a_line(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("# Mine\nWhich reply is kinder?\n\nWhich reply is   shorter?\n")
    assert read_constitution(str(path)).of("anything") == ("Which reply is kinder?", "Which reply is shorter?")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("principles: 3", "has no principles. Write 'principles:'"),
        ("principles: {}", "has no principles"),
        ("- a", "has no principles"),
        ("principles: []", "are not a list of texts"),
        ("principles: {power: [1]}", r"the principles for 'power' are not a list of texts"),
        ("principles: {power: ['']}", "are not a list of texts"),
        ("a: [", "is not valid YAML"),
        ("a: &a [*a]\nprinciples: [*a]", "are not a list of texts|not valid YAML"),
    ],
)
def test_a_file_that_is_no_constitution_is_refused(tmp_path, text, why):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=why):
        read_constitution(str(path))


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(
        UserError, match=r"'trait' is not a constitution. Did you mean 'traits'\? Known: humanity, traits"
    ):
        read_constitution("trait")
    with pytest.raises(UserError, match="cannot be read"):
        read_constitution("there-is-none.yaml")
