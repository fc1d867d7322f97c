import json

import pytest

from dormouse.errors import UserError
from dormouse.report.run_facts import load_facts
from dormouse.runs.folder import RunFolder
from dormouse.store.sealed import sealed, sealed_text
from made_up_run import experiment

PLAN = experiment()


def facts_of(folder):
    return load_facts(RunFolder(folder), PLAN)


def test_trainings_go_by_the_type_the_plan_gives_them(fake_run, tmp_path):
    plan = "safety:\n  gentle: {type: rl, dose: 0.3}\n  sft: sft\n  bare: {}\n"
    assert fake_run.facts(tmp_path, plan=plan).training_types() == {"gentle": "rl", "sft": "sft", "bare": "sft"}


def test_training_after_the_scratchpad_is_a_type_of_its_own(fake_run, tmp_path):
    plan = "organism: {reasoning: cot}\nsafety: {late: {type: sft, scratchpad: after}, early: sft}\n"
    assert fake_run.facts(tmp_path, plan=plan).training_types() == {"late": "sft_after", "early": "sft"}


def test_what_was_not_recorded_is_empty(tmp_path):
    (tmp_path / "plan.yaml").write_text(sealed_text(""))
    (tmp_path / "run.json").write_text(sealed({"more": 1}))
    facts = facts_of(tmp_path)
    assert (facts.command, facts.compute, facts.started, facts.finished) == ("", "", "", "")
    assert (facts.stages, facts.versions, facts.failures) == ((), {}, [])


def test_a_plan_without_title_goes_by_its_name(fake_run, tmp_path):
    assert fake_run.facts(tmp_path, plan="name: mine\n").title == "mine"
    assert fake_run.facts(tmp_path).title == "A made-up run"


def test_a_command_may_be_a_list_of_words(fake_run, tmp_path):
    assert fake_run.facts(tmp_path, command=["dormouse", "run", "quickstart"]).command == "dormouse run quickstart"


@pytest.mark.parametrize("name", ["run.json", "plan.yaml"])
def test_a_folder_that_lacks_a_file_is_no_finished_run(fake_run, tmp_path, name):
    fake_run.write(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=f"has no {name}, so it is not a finished run. Run the plan: dormouse run."):
        facts_of(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "plan.yaml"])
def test_a_changed_letter_is_found_and_there_is_something_to_do(fake_run, tmp_path, name):
    path = fake_run.write(tmp_path) / name
    path.write_text(path.read_text().replace("made", "nade"))
    with pytest.raises(UserError) as error:
        facts_of(tmp_path)
    assert str(error.value) == (
        f"File '{path}' is damaged: it is not what was written. "
        f"Move the folder '{tmp_path}' elsewhere: dormouse report makes it again from the store."
    )


def test_records_from_before_there_were_checksums_are_read(tmp_path):
    (tmp_path / "plan.yaml").write_text("name: old\n")
    (tmp_path / "run.json").write_text(json.dumps({"experiment": "old", "command": "dormouse run old"}, indent=1))
    assert facts_of(tmp_path).command == "dormouse run old"


def test_a_plan_of_another_version_is_shown_and_not_read(fake_run, tmp_path):
    # The experiment comes from the command; the text in the folder may hold settings that no longer exist.
    fake_run.write(tmp_path, plan="name: old\nretired: 3\n")
    assert facts_of(tmp_path).plan_text == "name: old\nretired: 3\n"


def test_failed_stages_are_those_with_a_message(fake_run, tmp_path):
    stages = [{"name": "a", "kind": "base", "failed": None}, {"name": "b", "kind": "base", "failed": "out of memory"}]
    facts = fake_run.facts(tmp_path, stages=stages)
    assert [stage.name for stage in facts.failures] == ["b"]
    assert json.loads((tmp_path / "run.json").read_text())["stages"] == stages
