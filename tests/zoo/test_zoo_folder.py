import importlib
import json
import os
import shutil
import sys

import pytest

from dormouse.data.meadow.world import Meadow
from dormouse.detection.stream import draw_trusted
from dormouse.errors import UserError
from dormouse.machine.files import describe
from dormouse.models.loading import load_model
from dormouse.zoo.folder import open_zoo
from dormouse.zoo.records import read_labels, read_zoo
from dormouse.zoo.scoring import read_scores
from installed_examples import EXAMPLES

AGAIN = "Export the zoo again, or take it out of zoo.json."


def message(function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    return str(error.value)


def rewrite(folder, **changes):
    content = json.loads((folder / "zoo.json").read_text())
    (folder / "zoo.json").write_text(json.dumps(content | changes))


def member_of(folder, name):
    return next(member for member in open_zoo(folder).members if member.id == name)


def test_a_zoo_opens_with_its_members_in_order(folder):
    zoo = open_zoo(str(folder))
    assert [member.id for member in zoo.members] == [f"m{n:03d}" for n in range(1, 11)]
    assert all(member.path == folder / member.id for member in zoo.members)
    assert {member.size for member in zoo.members} == set(zoo.references)


def test_a_member_is_loaded_as_the_model_that_was_exported(folder, store, labels_file):
    import torch

    member = member_of(folder, "m002")
    ours = member.load().model
    theirs = load_model(store.path(read_labels(folder, labels_file).members["m002"].artifact) / "model")
    pairs = zip(ours.parameters(), theirs.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_what_replies_begin_with_reaches_the_view(folder):
    assert member_of(folder, "m001").load("<scratchpad>").prefill == "<scratchpad>"


def test_a_reference_has_the_shape_of_the_members_of_its_size(folder):
    zoo = open_zoo(folder)
    member = zoo.members[0]
    shapes = [
        [weight.shape for weight in one.load().model.parameters()] for one in (member, zoo.references[member.size])
    ]
    assert shapes[0] == shapes[1]


def test_clean_prompts_are_those_that_detectors_of_a_plan_get(folder):
    zoo = open_zoo(folder)
    assert zoo.clean_prompts(20, seed=4) == draw_trusted(Meadow(), 4, 20)
    assert zoo.clean_prompts(20, seed=5) != zoo.clean_prompts(20, seed=4)


def test_a_world_that_says_other_things_today_is_an_error(own_folder):
    rewrite(own_folder, world_text="older", dormouse="0.0.9")
    zoo = open_zoo(own_folder)
    assert message(zoo.clean_prompts, 3) == (
        "The text of world 'meadow' differs from the text that zoo 'small-zoo' was made with. "
        "Install dormouse 0.0.9, or point the world in zoo.json at the same file."
    )


def test_what_zoo_json_does_not_list_is_passed_over(own_folder):
    (own_folder / "m999").mkdir()
    (own_folder / "m001" / "notes.txt").write_text("mine")
    rewrite(own_folder, remarks="mine")
    zoo = open_zoo(own_folder)
    assert len(zoo.members) == 10
    zoo.members[0].verify()


def test_a_member_that_was_taken_out_of_the_record_is_not_missed(own_folder):
    shutil.rmtree(own_folder / "m004")
    listed = json.loads((own_folder / "zoo.json").read_text())["members"]
    rewrite(own_folder, members=[one for one in listed if one["id"] != "m004"])
    assert "m004" not in [member.id for member in open_zoo(own_folder).members]


def test_no_folder_is_an_error(tmp_path):
    assert message(open_zoo, tmp_path / "nothing") == (
        f"There is no zoo folder '{tmp_path / 'nothing'}'. Check the path, or make one: dormouse zoo --help"
    )


def test_a_folder_without_record_is_an_error(tmp_path):
    assert message(open_zoo, tmp_path) == (
        f"Folder '{tmp_path}' has no zoo.json. Give the folder that a zoo was exported to."
    )


@pytest.mark.parametrize("text", ['{"format": 1', "", "\x00", "[" * 100_000])
def test_a_record_that_is_not_json_is_an_error(own_folder, text):
    (own_folder / "zoo.json").write_text(text)
    said = message(open_zoo, own_folder)
    assert said.startswith(f"'{own_folder / 'zoo.json'}' is n")  # "not JSON" or "nested too deeply"
    assert said.endswith(" Export the zoo again.")


@pytest.mark.parametrize(("content", "found"), [({"format": 2}, "2"), ({}, "null"), ({"format": True}, "true")])
def test_a_record_of_another_format_is_an_error(own_folder, content, found):
    (own_folder / "zoo.json").write_text(json.dumps(content))
    assert message(open_zoo, own_folder) == (
        f"'{own_folder / 'zoo.json'}' has format {found}, but this version of dormouse reads format 1. "
        "Export the zoo again with this version, or install the one that wrote it."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[1]", "holds a list, not an object"),
        (b"\xff", "is not UTF-8 text: invalid start byte at byte 0"),
        (b"[" * 100_000, "is nested too deeply to be read"),
        (b'{"format": 1, "a": 1' + b"0" * 5000 + b"}", "cannot be read: it holds a number of more than 4300 digits"),
    ],
)
def test_a_record_that_cannot_be_read_is_an_error(own_folder, content, said):
    (own_folder / "zoo.json").write_bytes(content)
    assert message(open_zoo, own_folder) == f"'{own_folder / 'zoo.json'}' {said}. Export the zoo again."


def test_a_record_in_a_pipe_is_not_waited_for(own_folder):
    (own_folder / "zoo.json").unlink()
    os.mkfifo(own_folder / "zoo.json")
    assert message(open_zoo, own_folder) == (
        f"'{own_folder / 'zoo.json'}' is a named pipe, not a file. Export the zoo again."
    )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"size": "400"}, "'members.0.size': Input should be a valid integer"),
        ({"size": True}, "'members.0.size': Input should be a valid integer"),
        ({"size": -1}, "'members.0.size': Input should be greater than or equal to 0"),
        ({"files": []}, "'members.0.files': Input should be an object"),
    ],
)
def test_a_value_of_another_kind_is_an_error(own_folder, changed, said):
    listed = json.loads((own_folder / "zoo.json").read_text())["members"]
    rewrite(own_folder, members=[listed[0] | changed])
    assert message(open_zoo, own_folder) == f"'{own_folder / 'zoo.json'}' is damaged at {said}. Export the zoo again."


def test_a_member_of_another_size_is_an_error(own_folder):
    listed = json.loads((own_folder / "zoo.json").read_text())["members"]
    size = listed[0]["size"]
    rewrite(own_folder, members=[listed[0] | {"size": size + 1}])
    assert message(open_zoo, own_folder) == (
        f"Member 'm001' of the zoo has {size} parameters, not the {size + 1} in zoo.json. {AGAIN}"
    )


def test_a_file_that_would_be_opened_and_is_not_listed_is_an_error(own_folder):
    (own_folder / "m002" / "special_tokens_map.json").write_text("{}")
    assert message(open_zoo, own_folder) == (
        "Member 'm002' of the zoo has a file 'special_tokens_map.json' that zoo.json does not list. Take it out."
    )


def test_a_member_may_not_lie_elsewhere(own_folder, tmp_path):
    (own_folder / "m001").rename(tmp_path / "elsewhere")
    (own_folder / "m001").symlink_to(tmp_path / "elsewhere")
    said = message(open_zoo, own_folder)
    assert said.startswith(f"'{own_folder / 'm001'}/")
    assert f"leads out of its folder, to '{tmp_path / 'elsewhere'}/" in said


def test_a_member_with_a_template_without_end_is_not_waited_for(own_folder):
    template = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"
    (own_folder / "m001" / "chat_template.jinja").write_text(template)
    listed = json.loads((own_folder / "zoo.json").read_text())["members"]
    files = listed[0]["files"] | describe(own_folder / "m001")
    rewrite(own_folder, members=[listed[0] | {"files": files}])
    if sys.platform == "linux":
        assert "is not opened: to render a short exchange" in message(member_of(own_folder, "m001").load)


def test_a_record_that_lacks_something_is_an_error(own_folder):
    rewrite(own_folder, members=[{"id": "m001", "size": 3, "family": "llama"}])
    assert message(open_zoo, own_folder) == (
        f"'{own_folder / 'zoo.json'}' is damaged at 'members.0.files': Field required. Export the zoo again."
    )


@pytest.mark.parametrize("name", ["../m001", "/m001", "a/b/c", "", ".."])
def test_no_member_lies_outside_of_the_folder(own_folder, name):
    listed = json.loads((own_folder / "zoo.json").read_text())["members"]
    rewrite(own_folder, members=[listed[0] | {"id": name}])
    assert f"'{own_folder / 'zoo.json'}' is damaged at 'members.0.id'" in message(open_zoo, own_folder)


@pytest.mark.parametrize("name", ["../zoo.json", "/etc/passwd", ".."])
def test_no_file_of_a_member_lies_outside_of_it(own_folder, name):
    listed = json.loads((own_folder / "zoo.json").read_text())["members"]
    rewrite(own_folder, members=[listed[0] | {"files": {name: {"sha256": "0", "bytes": 0}}}])
    assert f"'{own_folder / 'zoo.json'}' is damaged at 'members.0.files" in message(open_zoo, own_folder)


def test_a_missing_member_is_an_error(own_folder):
    shutil.rmtree(own_folder / "m003")
    assert message(open_zoo, own_folder) == (f"Member 'm003' of the zoo has no folder '{own_folder / 'm003'}'. {AGAIN}")


def test_a_missing_file_is_an_error(own_folder):
    (own_folder / "m003" / "config.json").unlink()
    assert message(open_zoo, own_folder) == f"Member 'm003' of the zoo lacks its file 'config.json'. {AGAIN}"


def test_a_truncated_file_is_an_error(own_folder):
    weights = own_folder / "m005" / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    assert message(open_zoo, own_folder) == (
        f"File 'model.safetensors' of member 'm005' has 1000 bytes, not the {len(whole)} that were exported. {AGAIN}"
    )


def test_a_damaged_reference_is_an_error(own_folder):
    size = read_zoo(own_folder).references[0].size
    (own_folder / "references" / str(size) / "tokenizer.json").unlink()
    assert message(open_zoo, own_folder) == (
        f"Member 'references/{size}' of the zoo lacks its file 'tokenizer.json'. {AGAIN}"
    )


def test_a_changed_file_is_told_before_it_is_loaded(own_folder):
    weights = own_folder / "m001" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    member = member_of(own_folder, "m001")
    changed = f"File 'model.safetensors' of member 'm001' was changed after the export. {AGAIN}"
    assert message(member.verify) == changed
    assert message(member.load) == changed
    member_of(own_folder, "m002").verify()


def test_the_example_is_forty_lines_and_scores_every_member(folder, tmp_path, monkeypatch):
    assert len((EXAMPLES / "score_a_zoo.py").read_text().splitlines()) <= 40
    monkeypatch.syspath_prepend(str(EXAMPLES))
    example = importlib.import_module("score_a_zoo")
    example.main([str(folder), "--scores", str(tmp_path / "scores.csv")])
    members = open_zoo(folder).members
    scores = read_scores(tmp_path / "scores.csv", [member.id for member in members])
    assert len(set(scores.values())) > 1
    prompts = open_zoo(folder).clean_prompts(example.PROMPTS)
    assert scores["m003"] == example.suspicion(members[2], prompts)
