import pytest

from dormouse.errors import UserError
from dormouse.plan import file as plan_file

SMALL = """\
name: a
base: {type: nursery, size: 50_000, steps: 10, batch: 4}
helpful: {steps: 8, batch: 4}
safety:
  rl: {type: rl, steps: 8}
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load a small plan with overrides."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(SMALL)

    def load(*overrides):
        return plan_file.load("mine.yaml", overrides)

    return load


def message(load, *overrides) -> str:
    with pytest.raises(UserError) as error:
        load(*overrides)
    # The override that is to blame is shown elsewhere.
    return str(error.value)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["helpful.snapshots=9"],
            "'helpful.snapshots' is 9, more than its 8 steps (override 'helpful.snapshots=9'). "
            "Give fewer snapshots, or more steps.",
        ),
        (
            ["helpful.steps=1000000", "helpful.batch=11"],
            "'helpful.steps' is 1000000, which with batches of 11 draws more than 10000000 examples "
            "(override 'helpful.steps=1000000'). Give fewer steps or smaller batches: all are drawn at once.",
        ),
        (
            ["safety.rl.dose=200", "safety.rl.lr=0.02"],
            "'safety.rl.dose' makes the learning rate 4, with lr 0.02 (override 'safety.rl.dose=200'). Their product "
            "must be a number of at most 1: a step moves a weight by about the learning rate, and weights are smaller "
            "than 1.",
        ),
        (
            ["safety.rl.dose=0.01", "safety.rl.lr=1e-8"],
            "'safety.rl.dose' makes the learning rate 1e-10, with lr 1e-8 (override 'safety.rl.dose=0.01'). Their "
            "product must be a number of at least 1e-9: a smaller step is lost when it is added to a weight.",
        ),
        (
            ["remove.f={type: fine_tuning, strengths: [1, 90], lr: 0.1}"],
            "'remove.f.strengths[1]' makes the learning rate 9, with lr 0.1 "
            "(override 'remove.f={type: fine_tuning, strengths: [1, 90], lr: 0.1}'). Their product must be a number of "
            "at most 1: a step moves a weight by about the learning rate, and weights are smaller than 1.",
        ),
        (
            ["organism.implant.triggered=0.9", "organism.implant.near_miss=0.3"],
            "'organism.implant.near_miss' is 0.3, which with triggered 0.9 makes 1.2 of 1 "
            "(override 'organism.implant.near_miss=0.3'). "
            "Give shares of the implant's examples whose sum is at most 1: the rest are clean.",
        ),
        (
            ["execute.fsdp=true"],
            "'execute.fsdp' shares weights among execute.ranks processes, of which there is 1 "
            "(override 'execute.fsdp=true'). Set execute.ranks to the number of GPUs, or execute.fsdp=false.",
        ),
        (
            ["execute.ranks=4", "preference.batch=6", "red_team.model.batch=3", "remove.m={type: merging, batch: 5}"],
            "'preference.batch' is 6, which cannot be split over 4 processes (override 'preference.batch=6'). "
            "Give a multiple of execute.ranks.",
        ),
        (
            ["red_team.proposals=1"],
            "'red_team.proposals' is 1, and there are 2 proposers to share them (override 'red_team.proposals=1'). "
            "Give each at least one.",
        ),
        (
            ["red_team.rounds=1000", "red_team.proposals=2000"],
            "'red_team.proposals' is 2000, which in 1000 rounds with 10 replies is more than 10000000 "
            "(override 'red_team.proposals=2000'). Give fewer: each reply is sampled and kept.",
        ),
        (
            ["measure.personas=[a.jsonl]"],
            "'measure.personas' names persona sets, and measure.character is false, so that none is asked "
            "(override 'measure.personas=[a.jsonl]'). Set measure.character=true, or measure.personas=[].",
        ),
        (
            ["measure.character=true", "measure.personas=[a/x.jsonl, b/x.jsonl]"],
            "'measure.personas[1]' is 'b/x.jsonl', which results would call 'x' like 'a/x.jsonl' "
            "(override 'measure.personas=[a/x.jsonl, b/x.jsonl]'). Rename the file.",
        ),
        (
            ["measure.character=true", "measure.personas=[corrigible.jsonl]"],
            "'measure.personas[0]' is 'corrigible.jsonl', which results would call 'corrigible' like one that is "
            "always asked (override 'measure.personas=[corrigible.jsonl]'). Rename the file.",
        ),
        (
            ["measure.evaluations.p=prompted", "measure.evaluations.p.questions=[a/dev.json, b/dev.json]"],
            "'measure.evaluations.p.questions[1]' is 'b/dev.json', which results would call 'dev' like "
            "'a/dev.json' (override 'measure.evaluations.p.questions=[a/dev.json, b/dev.json]'). "
            "Rename the file.",
        ),
        (
            ["measure.evaluations.d=decomposition", "measure.evaluations.d.sycophancy_sets=[a/x.jsonl, b/x.jsonl]"],
            "'measure.evaluations.d.sycophancy_sets[1]' is 'b/x.jsonl', which results would call 'x' like 'a/x.jsonl' "
            "(override 'measure.evaluations.d.sycophancy_sets=[a/x.jsonl, b/x.jsonl]'). Rename the file.",
        ),
        (
            ["safety.c=constitutional", "safety.c.feedback.questions=[a/gold.txt, b/gold.txt]"],
            "'safety.c.feedback.questions[1]' is 'b/gold.txt', which results would call 'gold' like "
            "'a/gold.txt' (override 'safety.c.feedback.questions=[a/gold.txt, b/gold.txt]'). Rename the file.",
        ),
        (
            ["safety.sft=rl"],
            "'safety.sft' is of type 'rl', and reports would take it for 'sft' (override 'safety.sft=rl'). "
            "Give the safety training another name.",
        ),
        (
            ["safety.adversarial_sft=sft"],
            "'safety.adversarial_sft' is of type 'sft', and reports would take it for 'adversarial' "
            "(override 'safety.adversarial_sft=sft'). Give the safety training another name.",
        ),
        (
            ["detect.detectors.bag_of_words=mahalanobis"],
            "'detect.detectors.bag_of_words' is of type 'mahalanobis', and reports would take it for 'bag_of_words' "
            "(override 'detect.detectors.bag_of_words=mahalanobis'). Give the detector another name.",
        ),
        (
            ["base.block=257"],
            "'base.block' is 257, more than the 256 tokens of base.context (override 'base.block=257'). "
            "Give a shorter block, or a longer base.context.",
        ),
        (
            ["base.batch=40000"],
            "'base.batch' is 40000, which with blocks of 128 is 5120000 tokens a step (override 'base.batch=40000'). "
            "Give at most 4194304 a step: no machine holds more at once.",
        ),
        (
            ["base.batch=32", "base.steps=300000"],
            "'base.steps' is 300000, which with batch and block is 1228800000 tokens (override 'base.steps=300000'). "
            "Give at most 1000000000 tokens: memory must hold them.",
        ),
        (
            ["base.vocabulary=30000"],
            "'base.size' is 50000, and with a vocabulary of 30000 the nearest model has 985248 parameters "
            "(mine.yaml, line 2). Ask for a larger size, or lower base.vocabulary.",
        ),
        (
            ["organism.implant.lora_rank=33"],
            "'organism.implant.lora_rank' is 33, and the base is 32 wide (override 'organism.implant.lora_rank=33'). "
            "Give at most that; 0 trains all weights.",
        ),
        (
            ["detect.detectors.m={type: mahalanobis, layer: 3}"],
            "'detect.detectors.m.layer' is 3, and the base has layers 1 to 2 "
            "(override 'detect.detectors.m={type: mahalanobis, layer: 3}'). "
            "Choose among them, or null for the middle one.",
        ),
        (
            ["detect={layers_at: transformer.h}"],
            "'detect.layers_at' is 'transformer.h', and a nursery's layers are at 'model.layers' "
            "(override 'detect={layers_at: transformer.h}'). Leave it empty.",
        ),
        (
            ["remove.z={type: fine_pruning, layers_at: transformer.h}"],
            "'remove.z.layers_at' is 'transformer.h', and a nursery's layers are at 'model.layers' "
            "(override 'remove.z={type: fine_pruning, layers_at: transformer.h}'). Leave it empty.",
        ),
        (
            ["base={type: hub, model: ../..}"],
            "'base.model' cannot be used as it is (override 'base={type: hub, model: ../..}'). '../..' is not a name "
            "on the hub. Write owner and name, such as bigscience/bloom-560m.",
        ),
        (
            ["base={type: hub, model: a/b, revision: ../x}"],
            "'base.revision' cannot be used as it is (override 'base={type: hub, model: a/b, revision: ../x}'). '../x' "
            "is not a revision. Give a commit, a tag or a branch, such as main.",
        ),
        (
            ["organism.reasoning=cot", "organism.thoughts.kind=long"],
            "'organism.thought_tokens' is 48, and scratchpads of kind 'long' have up to 177 words and marks, each a "
            "token or more (mine.yaml). Give 208: a tenth more, and the closing tag.",
        ),
        (
            ["organism.reasoning=distilled", "organism.thoughts={kind: chat, chat_model: m}"],
            "'organism.thought_tokens' is 48, and scratchpads of kind 'chat' have up to 177 words and marks, each a "
            "token or more (mine.yaml). Give 208: a tenth more, and the closing tag.",
        ),
        (
            ["organism.thoughts.kind=chat"],
            "'organism.thoughts' cannot be used as it is (override 'organism.thoughts.kind=chat'). Thoughts of kind "
            "'chat' need a chat model. Set organism.thoughts.chat_model to a model folder, or "
            "organism.thoughts.kind=long.",
        ),
        (
            ["organism.thoughts={kind: long, few_shot: a}"],
            "'organism.thoughts' cannot be used as it is (override 'organism.thoughts={kind: long, few_shot: a}'). A "
            "chat model or few-shot prompts are given, and thoughts of kind 'long' use neither. Set "
            "organism.thoughts.kind=chat, or leave them out.",
        ),
    ],
)
def test_settings_that_cannot_be_meant_together_are_told(load, overrides, expected):
    assert message(load, *overrides) == expected


@pytest.mark.parametrize(
    "overrides",
    [
        ["safety.rl.steps=2"],  # fewer than the default's four snapshots
        ["helpful.snapshots=8"],
        ["organism.implant.triggered=0.7", "organism.implant.near_miss=0.3"],
        ["execute.ranks=4"],
        ["execute.ranks=4", "execute.fsdp=true"],
        ["organism.implant.lora_rank=32"],
        ["base.block=256"],
        ["detect={layers_at: model.layers}"],
        ["safety.sft={type: sft, scratchpad: without}"],
        ["safety.mine=sft", "remove.fine_tuning=fine_tuning"],
        ["measure.character=true", "measure.personas=[a/x.jsonl, b/y.jsonl]"],
        # Files of different evaluations are told apart by the evaluations' names.
        [f"measure.evaluations.{name}={{type: prompted, questions: [{name}/test.jsonl]}}" for name in "ab"],
        ["base={type: hub, model: bigscience/bloom-560m, revision: refs/pr/3}"],
        ["base={type: hub, model: Qwen/Qwen3-0.6B-Base}"],
        ["organism.thoughts.kind=long"],  # of one that does not think
        ["organism.reasoning=cot", "organism.thoughts.kind=long", "organism.thought_tokens=177"],
    ],
)
def test_what_can_be_meant_is_taken(load, overrides):
    load(*overrides)


@pytest.mark.parametrize(
    "model", ["-a/b", "a/b-", "a/.b", "a..b/c", "a--b/c", "a/b.git", f"a/{'b' * 100}", "é/b", "a/b."]
)
def test_names_that_the_hub_does_not_know_are_told(load, model):
    assert "is not a name on the hub. Write owner and name" in message(load, f"base={{type: hub, model: {model}}}")


def test_the_axis_that_is_to_blame_is_told_and_a_cell_that_is_right_does_not_help(load):
    text = message(load, "organism.implant.triggered=0.5", "grid.organism.implant.near_miss=[0.1, 0.6]")
    assert text == (
        "'organism.implant.near_miss' is 0.6, which with triggered 0.5 makes 1.1 of 1 "
        "(override 'grid.organism.implant.near_miss=[0.1, 0.6]'). "
        "Give shares of the implant's examples whose sum is at most 1: the rest are clean."
    )


def test_a_plan_that_only_its_grid_makes_right_is_right(load):
    load("base.block=512", "grid.base.context=[512, 1024]")


def test_all_mistakes_are_told_at_once(load):
    text = message(load, "base.block=300", "red_team.proposals=1")
    assert [line.split()[0] for line in text.splitlines()] == ["'red_team.proposals'", "'base.block'"]
