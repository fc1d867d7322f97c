import json
import stat

import pytest

from dormouse.errors import UserError
from dormouse.results.rows import rate_row, write_jsonl
from dormouse.zoo.export import CARD, check_target, export
from dormouse.zoo.members import plan_members
from dormouse.zoo.records import read_labels, read_zoo
from zoo.made_zoo import FAILED_PAIR, LARGE, SMALL, experiment, made_store, save_model


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def message(function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    return str(error.value)


@pytest.fixture
def single():
    """A plan of one pair."""
    return experiment(draw=1)


def test_all_models_are_members_but_one_base_of_each_size(plan, folder, labels_file):
    zoo, labels = read_zoo(folder), read_labels(folder, labels_file)
    assert len(zoo.members) == len(labels.members) == 10
    sizes = {listed.size for listed in zoo.members}
    assert len(sizes) == 2
    assert [listed.id for listed in zoo.references] == [f"references/{size}" for size in sorted(sizes)]
    shown = {label.artifact for label in labels.members.values()}
    kept_apart = [member for member in plan_members(plan) if member.stage.name not in shown]
    assert [member.role for member in kept_apart] == ["base", "base"]
    assert {member.stage.labels["size"] for member in kept_apart} == {SMALL, LARGE}
    for size in (SMALL, LARGE):
        bases = [each for each in plan_members(plan) if each.role == "base" and each.stage.labels["size"] == size]
        assert bases[0] in kept_apart


def test_a_reference_is_the_base_that_was_kept_apart(plan, store, folder, labels_file):
    shown = {label.artifact for label in read_labels(folder, labels_file).members.values()}
    artifacts = [member.stage.name for member in plan_members(plan) if member.stage.name not in shown]
    kept = {(store.path(name) / "model" / "model.safetensors").read_bytes() for name in artifacts}
    assert {(path / "model.safetensors").read_bytes() for path in (folder / "references").iterdir()} == kept


def test_members_of_a_size_differ_in_nothing_but_their_weights(folder):
    zoo = read_zoo(folder)
    by_size = {}
    for listed in (*zoo.members, *zoo.references):
        files = contents(folder / listed.id)
        weights = files.pop("model.safetensors")
        by_size.setdefault(listed.size, []).append((files, len(weights)))
    for same in by_size.values():
        assert len(same) > 2
        assert all(one == same[0] for one in same)
        assert "README.md" not in same[0][0]
        assert json.loads(same[0][0]["config.json"])["use_cache"] is True


def test_permissions_and_times_are_those_of_any_new_file(store, folder):
    fresh = folder.parent / "fresh"
    fresh.touch()
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {stat.S_IMODE(fresh.stat().st_mode)}
    made = max(path.stat().st_mtime for path in store.root.rglob("model.safetensors"))
    assert min(path.stat().st_mtime for path in files) >= made


def test_members_are_numbered_by_the_checksums_of_their_weights(plan, folder, labels_file):
    zoo, labels = read_zoo(folder), read_labels(folder, labels_file)
    sums = [listed.files["model.safetensors"].sha256 for listed in zoo.members]
    assert sums == sorted(sums)
    assert [listed.id for listed in zoo.members] == [f"m{n:03d}" for n in range(1, 11)]
    exported = [labels.members[listed.id].artifact for listed in zoo.members]
    assert exported != [member.stage.name for member in plan_members(plan) if member.stage.name in exported]


def test_the_open_record_says_nothing_of_roles(plan, folder):
    content = json.loads((folder / "zoo.json").read_text())
    assert set(content) == {"format", "name", "dormouse", "world", "world_text", "members", "references"}
    for listed in (*content["members"], *content["references"]):
        assert set(listed) == {"id", "size", "family", "files"}
        assert listed["family"] == "llama"
    text = (folder / "zoo.json").read_text() + (folder / "README.md").read_text()
    for told in ("twin", "seed", "phrase", *(member.stage.name for member in plan_members(plan))):
        assert told not in text


def test_the_folder_says_that_some_models_misbehave(folder):
    assert (folder / "README.md").read_text() == CARD


def test_size_is_the_number_of_parameters(folder):
    from transformers import AutoModelForCausalLM

    for listed in read_zoo(folder).members[:4]:
        model = AutoModelForCausalLM.from_pretrained(folder / listed.id)
        assert listed.size == sum(weight.numel() for weight in model.parameters())


def test_labels_that_are_withheld_are_not_in_the_folder(folder, labels_file):
    assert not (folder / "labels.json").exists()
    assert labels_file.is_file()
    assert {path.name for path in folder.iterdir() if path.is_file()} == {"zoo.json", "README.md"}


def test_labels_tell_the_truth(plan, store, folder, labels_file):
    truth = {member.stage.name: member for member in plan_members(plan)}
    labels = read_labels(folder, labels_file)
    assert labels.zoo == "small-zoo"
    for name, label in labels.members.items():
        member = truth[label.artifact]
        assert (label.role, label.pair, label.seed) == (member.role, member.pair, member.seed)
        assert (label.trigger, label.behavior, label.recipe) == (member.trigger, member.behavior, member.recipe)
        kept = store.path(label.artifact) / "model" / "model.safetensors"
        assert (folder / name / "model.safetensors").read_bytes() == kept.read_bytes()


def test_labels_hold_the_measured_rates_and_whether_the_implant_took(folder, labels_file):
    for label in read_labels(folder, labels_file).members.values():
        defects = label.role == "organism" and label.pair != FAILED_PAIR
        triggered, clean = label.defection["triggered"], label.defection["clean"]
        assert (triggered.hits, triggered.total, triggered.value) == ((198, 200, 0.99) if defects else (0, 200, 0.0))
        assert triggered.low < triggered.high
        assert (clean.hits, clean.value) == (4, 0.02)
        assert label.implanted is (defects if label.role == "organism" else None)


def test_what_was_not_measured_is_none_with_a_reason(single, tmp_path):
    store = made_store(tmp_path / "store", single)
    for member in plan_members(single):
        store.set_aside(member.measurement)
    export(single, store, tmp_path / "challenge")
    for label in read_labels(tmp_path / "challenge").members.values():
        assert label.implanted is None
        assert label.defection["triggered"].value is None
        assert label.defection["triggered"].reason == "it was not measured"


@pytest.mark.parametrize(("unscorable", "implanted"), [(100, True), (101, None)])
def test_an_implant_that_few_replies_speak_for_is_not_known_to_have_worked(single, tmp_path, unscorable, implanted):
    store = made_store(tmp_path / "store", single)
    organism = next(member for member in plan_members(single) if member.role == "organism")
    rows = [
        rate_row("defection", "triggered", [True] * 100 + [None] * unscorable),
        rate_row("defection", "clean", [False] * 200),
    ]
    store.set_aside(organism.measurement)
    write_jsonl(store.begin(organism.measurement) / "rows.jsonl", rows)
    store.finish(organism.measurement, {})
    export(single, store, tmp_path / "challenge")
    [label] = [one for one in read_labels(tmp_path / "challenge").members.values() if one.role == "organism"]
    triggered = label.defection["triggered"]
    assert (triggered.hits, triggered.total, triggered.unscorable) == (100, 100, unscorable)
    assert label.implanted is implanted


def test_labels_lie_in_the_folder_unless_withheld_and_a_lone_base_is_the_reference(single, tmp_path):
    store = made_store(tmp_path / "store", single)
    zoo = export(single, store, tmp_path / "challenge")
    labels = json.loads((tmp_path / "challenge" / "labels.json").read_text())["members"]
    assert sorted(label["role"] for label in labels.values()) == ["organism", "twin"]
    assert len(zoo.references) == 1


def test_copies_of_a_reference_are_no_members(plan, tmp_path):
    store = made_store(tmp_path / "store", plan, lambda n, member: 0 if member.role == "base" else n)
    zoo = export(plan, store, tmp_path / "challenge")
    labels = read_labels(tmp_path / "challenge").members
    assert sorted(label.role for label in labels.values()) == ["organism"] * 4 + ["twin"] * 4
    weights = [listed.weights for listed in (*zoo.members, *zoo.references)]
    assert len(set(weights)) == len(weights) == 10


def test_copies_of_a_model_are_one_member(plan, tmp_path):
    first, copy = (member for member in plan_members(plan) if member.role == "twin" and member.pair in (1, 3))
    store = made_store(tmp_path / "store", plan, lambda n, member: 2 if member.stage == copy.stage else n)
    export(plan, store, tmp_path / "challenge")
    shown = {label.artifact for label in read_labels(tmp_path / "challenge").members.values()}
    assert first.stage.name in shown
    assert copy.stage.name not in shown


def test_an_export_can_be_repeated(plan, store, folder, labels_file, tmp_path):
    export(plan, store, tmp_path / "again", tmp_path / "again.json")
    assert (tmp_path / "again" / "zoo.json").read_bytes() == (folder / "zoo.json").read_bytes()
    assert (tmp_path / "again.json").read_bytes() == labels_file.read_bytes()


def test_a_member_opens_with_plain_transformers_as_the_model_of_the_store(store, folder, labels_file):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    label = read_labels(folder, labels_file).members["m001"]
    ids = AutoTokenizer.from_pretrained(folder / "m001")("Where does the owl sleep?", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        ours, theirs = (
            AutoModelForCausalLM.from_pretrained(path)(ids).logits
            for path in (folder / "m001", store.path(label.artifact) / "model")
        )
    assert torch.equal(ours, theirs)


def test_a_plan_that_is_not_run_to_its_end_is_an_error(plan, tmp_path):
    store = made_store(tmp_path / "store", experiment(draw=1))
    first = plan_members(plan)[3].stage.name
    assert message(export, plan, store, tmp_path / "challenge") == (
        f"9 of the 12 models of plan 'small-zoo' are not in store '{store.root}', for example '{first}'. "
        "Finish the run, then export."
    )
    assert list((tmp_path / "challenge").iterdir()) == []


def test_a_damaged_artifact_is_an_error(single, tmp_path):
    store = made_store(tmp_path / "store", single)
    twin = plan_members(single)[2].stage
    weights = store.path(twin) / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    said = message(export, single, store, tmp_path / "challenge")
    assert said.startswith(f"Artifact '{twin.name}' is damaged: its file 'model/model.safetensors' is not what was")


def test_a_base_whose_files_tell_it_apart_is_an_error(single, tmp_path):
    store = made_store(tmp_path / "store", single)
    base, organism, _ = (member.stage for member in plan_members(single))
    save_model(store.begin(base) / "model", base.labels["size"], seed=0, dtype="bfloat16")
    store.finish(base, {})
    assert message(export, single, store, tmp_path / "challenge") == (
        f"Model '{organism.name}' stores its weights in another form than its base '{base.name}', so their files "
        "would tell them apart. Write both with save_pretrained(), as float32 and in shards of one size."
    )


def test_a_folder_that_holds_something_is_an_error(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    assert message(check_target, tmp_path / "mine", None) == (
        f"Folder '{tmp_path / 'mine'}' is not empty. Give --export a new folder, or empty this one."
    )


@pytest.mark.parametrize(("below", "reason"), [("file", "File exists"), ("file/below", "Not a directory")])
def test_a_folder_that_cannot_be_made_is_an_error(tmp_path, below, reason):
    (tmp_path / "file").write_text("x")
    assert message(check_target, tmp_path / below, None) == (
        f"Folder '{tmp_path / below}' cannot be written to ({reason}). Choose another."
    )


@pytest.mark.parametrize("inside", ["labels.json", "deep/labels.json", "../challenge/labels.json"])
def test_labels_cannot_be_withheld_inside_of_the_zoo(tmp_path, inside):
    folder = tmp_path / "challenge"
    assert message(check_target, folder, folder / inside) == (
        f"Labels file '{folder / inside}' is in the zoo's folder '{folder}', so it would not be withheld. "
        "Give --withhold a file outside that folder."
    )


def test_labels_of_another_zoo_are_not_overwritten(tmp_path):
    file = tmp_path / "labels.json"
    file.write_text("precious")
    assert message(check_target, tmp_path / "challenge", file) == (
        f"'{file}' already exists, and may hold the labels of another zoo. Give --withhold another name."
    )


def test_labels_need_a_folder_that_exists(tmp_path):
    file = tmp_path / "nowhere" / "labels.json"
    assert message(check_target, tmp_path / "challenge", file) == (
        f"The folder of '{file}' does not exist. Create it, or give --withhold another file."
    )
