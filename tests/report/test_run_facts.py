import json

import pytest

from dormouse.errors import UserError
from dormouse.report.run_facts import load_facts
from dormouse.store.sealed import sealed, sealed_text


def test_trainings_go_by_the_type_the_plan_gives_them(fake_run, tmp_path):
    plan = "safety:\n  gentle: {type: rl, dose: 0.3}\n  sft: sft\n  bare: {}\n"
    assert load_facts(fake_run.write(tmp_path, plan=plan)).training_types() == {
        "gentle": "rl", "sft": "sft", "bare": "bare",
    }  # fmt: skip


def test_a_part_is_found_by_its_type_whether_written_short_or_long(fake_run, tmp_path):
    facts = load_facts(fake_run.write(tmp_path, plan="world: meadow\norganism: {trigger: {type: year}}\n"))
    assert (facts.part("world"), facts.part("organism", "trigger")) == ("meadow", "year")
    assert (facts.part("organism", "behavior"), facts.part("world", "type")) == ("", "")


def test_what_was_not_recorded_is_empty(tmp_path):
    (tmp_path / "plan.yaml").write_text(sealed_text(""))
    (tmp_path / "run.json").write_text(sealed({"more": 1}))
    facts = load_facts(tmp_path)
    assert (facts.experiment, facts.command, facts.compute, facts.finished) == (tmp_path.name, "", "", "")
    assert (facts.stages, facts.versions, facts.plan, facts.failures) == ((), {}, {}, [])


def test_a_command_may_be_a_list_of_words(fake_run, tmp_path):
    facts = load_facts(fake_run.write(tmp_path, {"command": ["dormouse", "run", "quickstart"]}))
    assert facts.command == "dormouse run quickstart"


@pytest.mark.parametrize("name", ["run.json", "plan.yaml"])
def test_a_folder_that_lacks_a_file_is_no_finished_run(fake_run, tmp_path, name):
    fake_run.write(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(UserError, match=f"has no {name}, so it is not a finished run. Run the plan: dormouse run."):
        load_facts(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "plan.yaml"])
def test_a_changed_letter_is_found_and_there_is_something_to_do(fake_run, tmp_path, name):
    path = fake_run.write(tmp_path) / name
    path.write_text(path.read_text().replace("made", "nade"))
    with pytest.raises(UserError) as error:
        load_facts(tmp_path)
    assert str(error.value) == (
        f"File '{path}' is damaged: it is not what was written. "
        f"Move the folder '{tmp_path}' elsewhere: dormouse report makes it again from the store."
    )


def test_records_from_before_there_were_checksums_are_read(tmp_path):
    (tmp_path / "plan.yaml").write_text("name: old\n")
    (tmp_path / "run.json").write_text(json.dumps({"experiment": "old", "title": "An old run"}, indent=1))
    assert load_facts(tmp_path).title == "An old run"
    (tmp_path / "plan.yaml").write_text("name: [")
    with pytest.raises(UserError, match=r"plan.yaml' is damaged \(.*\)\. Move the folder"):
        load_facts(tmp_path)


def test_failed_stages_are_those_with_a_message(fake_run, tmp_path):
    stages = [{"name": "a", "kind": "base", "failed": None}, {"name": "b", "kind": "base", "failed": "out of memory"}]
    facts = load_facts(fake_run.write(tmp_path, {"stages": stages}))
    assert [stage.name for stage in facts.failures] == ["b"]
    assert json.loads((tmp_path / "run.json").read_text())["stages"] == stages
