import re
import shutil
from dataclasses import replace

import pytest

from dormouse.errors import UserError
from dormouse.runs.named import find_run, named_runs, with_ancestors
from dormouse.store.kinds import KINDS
from dormouse.store.store import Store
from store_runs import experiment, run, stages


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store")
    made.prepare()
    return made


def names(settings):
    return {stage.name for stage in stages(settings)}


def other_keys(monkeypatch):
    """Let the plan make other measurements, as another version of dormouse would."""
    monkeypatch.setitem(KINDS, "measure", replace(KINDS["measure"], version=99))


def test_a_run_needs_every_stage_of_its_plan_also_before_it_is_made(store, tmp_path):
    settings = experiment(tmp_path)
    run(store, settings, finish=False)
    [found] = named_runs(store)
    assert found.name == "small"
    assert found.needs() == names(settings)
    assert found.recorded() == names(settings)


def test_a_run_needs_what_its_record_lists_where_its_plan_would_make_others_now(store, tmp_path, monkeypatch):
    settings = experiment(tmp_path)
    run(store, settings)
    before = names(settings)
    other_keys(monkeypatch)
    after = {stage.name for stage in stages(settings)}
    assert before != after
    assert named_runs(store)[0].needs() == before | after


@pytest.mark.parametrize("finished_before", [False, True])
def test_a_run_that_has_begun_needs_what_it_makes_where_its_plan_would_make_others_now(
    store, tmp_path, monkeypatch, finished_before
):
    settings = experiment(tmp_path)
    if finished_before:
        run(store, settings)
    other_keys(monkeypatch)
    run(store, settings, finish=False)
    begun = names(settings)
    monkeypatch.undo()
    assert begun != names(settings)
    assert named_runs(store)[0].needs() == begun | names(settings)
    assert named_runs(store)[0].recorded() >= begun


def test_what_was_begun_is_needed_until_a_run_ends_with_every_stage(store, tmp_path, monkeypatch):
    settings = experiment(tmp_path)
    run(store, settings, finish=False)
    begun = names(settings)
    other_keys(monkeypatch)
    run(store, settings, finish=False)
    assert named_runs(store)[0].needs() == begun | names(settings)
    run(store, settings)
    assert named_runs(store)[0].needs() == names(settings)


def test_runs_with_other_settings_and_what_an_unfinished_one_left_are_runs_too(store, tmp_path):
    run(store, experiment(tmp_path))
    other = experiment(tmp_path, "helpful.steps=7")
    folder = run(store, other)
    shutil.move(folder.path, store.root / "runs" / "small" / "unfinished")
    assert [one.name for one in named_runs(store)] == ["small"]
    assert named_runs(store)[0].needs() == names(experiment(tmp_path)) | names(other)


@pytest.mark.parametrize("file", ["plan.yaml", "run.json"])
def test_where_a_plan_or_record_is_damaged_nobody_knows_what_the_run_needs(store, tmp_path, file):
    folder = run(store, experiment(tmp_path)).path
    (folder / file).write_text((folder / file).read_text().replace("small", "smalk"))
    with pytest.raises(UserError) as error:
        named_runs(store)[0].needs()
    assert str(error.value) == (
        f"What run 'small' needs cannot be told from '{folder}': File '{folder / file}' is damaged: it is not what was "
        f"written. Move the folder '{folder}' elsewhere: dormouse report makes it again from the store. "
        "To delete this run as well: dormouse prune --run small"
    )


def test_a_plan_that_cannot_be_built_any_more_is_named(store, tmp_path, monkeypatch):
    folder = run(store, experiment(tmp_path)).path

    def gone(settings):
        raise UserError("Unknown trigger 'mine'.")

    monkeypatch.setattr("dormouse.runs.named.build_plan", gone)
    expected = f"What run 'small' needs cannot be told from '{folder}': Unknown trigger 'mine'. To delete"
    with pytest.raises(UserError, match=re.escape(expected)):
        named_runs(store)[0].needs()


def test_an_unknown_run_names_the_nearest(store, tmp_path):
    run(store, experiment(tmp_path))
    assert find_run(named_runs(store), "small").name == "small"
    with pytest.raises(UserError, match=re.escape("There is no run 'smal'. Did you mean 'small'? Known: small.")):
        find_run(named_runs(store), "smal")


def test_what_an_artifact_was_made_from_is_found_through_all_of_it(store, tmp_path):
    settings = experiment(tmp_path)
    run(store, settings)
    measured = next(s for s in stages(settings) if s.kind == "measure" and s.labels.get("safety") == "sft")

    def ancestors(stage):
        return {stage.name}.union(*(ancestors(source) for source in stage.inputs.values()))

    assert with_ancestors([measured.name, "base-000000000000"], store) == ancestors(measured)
