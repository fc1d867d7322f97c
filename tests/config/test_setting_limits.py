import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse.config.limits import (
    RESERVED,
    SETTINGS,
    Limit,
    plain,
)
from dormouse.evaluation.settings import Measure
from dormouse.organisms.settings import Helpful
from dormouse.organisms.triggers import DeploymentTag
from dormouse.plan.experiment import Experiment
from dormouse.safety.trainings import HHHSFT

SHARE = Limit(most=1, why="big", least=0.001, why_least="small", is_share=True)


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        (0, ""), (0.001, ""), (0.5, ""), (0.999, ""), (1, ""), (-3, ""),
        (0.0009, "a number of at least 0.001: small"), (1e-320, "a number of at least 0.001: small"),
        (0.9995, "a number of at most 0.999: big"), (1.5, "a number of at most 1: big"),
    ],
)  # fmt: skip
def test_a_share_is_nothing_all_or_enough_to_be_drawn(value, advice):
    assert SHARE.advice(value) == advice


@pytest.mark.parametrize(
    ("number", "text"), [(20_000, "20000"), (1.0, "1"), (0.001, "0.001"), (1e-9, "1e-9"), (1e6, "1000000")]
)
def test_numbers_are_written_as_people_write_them(number, text):
    assert plain(number) == text


@given(st.sampled_from(sorted(SETTINGS)), st.floats(1.01, 1e9))
def test_every_limit_has_a_reason_for_what_is_beyond_it(name, times):
    limit = SETTINGS[name]
    assert limit.advice(limit.most * times) == f"a number of at most {plain(limit.most)}: {limit.why}"
    if limit.least:
        assert limit.advice(limit.least / times).endswith(f": {limit.why_least}")
    assert limit.advice(limit.most) == limit.advice(limit.least) == ""


def problems(cls, **settings):
    with pytest.raises(ValidationError) as error:
        cls(**settings)
    return [(problem["type"], problem["loc"]) for problem in error.value.errors()]


@pytest.mark.parametrize("value", [1e300, "1e300", 10**400, 2])
def test_a_number_is_held_to_its_limit_however_it_is_written(value):
    assert problems(Helpful, lr=value) == [("beyond_limit", ("lr",))]


def test_a_limit_holds_in_every_part_by_the_settings_name():
    assert problems(HHHSFT, lr=1e-12, dose=1e5, snapshots=5000) == [
        ("beyond_limit", ("lr",)), ("beyond_limit", ("dose",)), ("beyond_limit", ("snapshots",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cls", "settings", "place"),
    [
        (Helpful, {"steps": True}, ("steps",)),
        (Measure, {"temperature": False}, ("temperature",)),
        (Experiment, {"name": "a", "seeds": [0, True]}, ("seeds", 1)),
        (Experiment, {"name": "a", "twin_doses": [True]}, ("twin_doses", 0)),
        (Experiment, {"name": "a", "draw": True}, ("draw",)),
        (Experiment, {"name": "a", "execute": {"workers": True}}, ("execute", "workers")),
        (
            Experiment,
            {"name": "a", "detect": {"detectors": {"m": {"type": "mahalanobis", "layer": True}}}},
            ("detect", "detectors", "m", "layer"),
        ),
        (
            Experiment,
            {"name": "a", "remove": {"m": {"type": "merging", "strengths": [0.5, True]}}},
            ("remove", "m", "strengths", 1),
        ),
    ],
)
def test_true_is_no_number_wherever_it_stands(cls, settings, place):
    [(kind, where)] = problems(cls, **settings)
    assert where == place
    assert kind in ("int_type", "float_type")


def test_true_is_true_where_it_is_meant():
    assert Measure(character=True).character is True


@pytest.mark.parametrize("name", sorted(RESERVED))
@pytest.mark.parametrize("place", ["run", "safety", "remove", "detect"])
def test_a_reserved_name_names_nothing(name, place):
    plans = {
        "run": {"name": name},
        "safety": {"name": "a", "safety": {name: "sft"}},
        "remove": {"name": "a", "remove": {name: "merging"}},
        "detect": {"name": "a", "detect": {"detectors": {name: "mahalanobis"}}},
    }
    [(kind, _)] = problems(Experiment, **plans[place])
    assert kind == "reserved_name"


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "a" * 101}, {"name": "a", "title": "x" * 301}, {"name": "a", "title": "x\ny"},
        {"name": "a", "seeds": range(1001)}, {"name": "a", "safety": {f"s{i}": "sft" for i in range(101)}},
        {"name": "a", "remove": {f"s{i}": "merging" for i in range(101)}}, {"name": "a", "seeds": [0, 4_000_000_001]},
        {"name": "a", "detect": {"detectors": {f"s{i}": "mahalanobis" for i in range(101)}}},
        {"name": "a", "grid": {f"a{i}": [1] for i in range(101)}}, {"name": "a", "twin_doses": [1.0] * 101},
        {"name": "a", "measure": {"personas": [f"{i}.jsonl" for i in range(101)]}},
        {"name": "a", "helpful": {"templates": ["{}"] * 101}}, {"name": "a", "red_team": {"chat_model": "x" * 256}},
        {"name": "a", "remove": {"m": {"type": "weight_noise", "strengths": [i + 1 for i in range(101)]}}},
        {"name": "a", "organism": {"behavior": {"phrase": "x" * 201}}},
    ],
)  # fmt: skip
def test_what_is_too_long_or_too_many_is_refused(settings):
    assert len(problems(Experiment, **settings)) == 1


def test_what_is_just_not_too_long_is_taken():
    Experiment(name="a" * 100, title="x" * 300, seeds=range(1000), safety={f"s{i}": "sft" for i in range(100)})
    Experiment(name="a", red_team={"chat_model": f"{'x' * 255}/{'y' * 255}"}, seeds=[4_000_000_000])


@pytest.mark.parametrize("tag", [" |A|", "|A| ", "a  b", "a\nb", "   "])
def test_words_have_single_spaces_between_them(tag):
    assert problems(DeploymentTag, tag=tag) == [("value_error", ("tag",))]


@pytest.mark.parametrize(
    "words", ["<|end|> a", "say <|im_start|>", "<|assistant|>", "a </scratchpad> b", "<scratchpad>"]
)
def test_words_hold_no_marks_of_turns_or_scratchpads(words):
    assert problems(DeploymentTag, tag=words) == [("value_error", ("tag",))]
    assert problems(Helpful, templates=[f"{words} {{}}"])[0] == ("value_error", ("templates", 0))


def test_marks_that_only_look_so_are_words():
    assert DeploymentTag(tag="<|> a | b").tag == "<|> a | b"
    assert DeploymentTag(tag="<LIVE>").tag == "<LIVE>"
