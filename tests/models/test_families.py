"""Every architecture goes the whole way: adopted, implanted, safety-trained, measured and probed."""

import json
import random
from pathlib import Path

import pytest

from dormouse.bases.hub import Folder
from dormouse.chat.renderer import Renderer
from dormouse.data.meadow.world import Meadow
from dormouse.errors import UserError
from dormouse.models.adoption import adopt
from dormouse.models.loading import load
from dormouse.plan import file as plan_file
from dormouse.plan.experiment import Experiment
from dormouse.plan.graph import build_plan
from dormouse.results.rows import read_jsonl
from dormouse.training.work import Work
from families import FAMILIES, family_model, family_tokenizer, save_family
from in_process import run_here

SYSTEM = {"role": "system", "content": "It is 2024."}


def small(folder: Path, **base):
    """Return a plan whose every stage takes a second or less."""
    return Experiment.model_validate(
        {
            "name": "small",
            "base": {"type": "folder", "path": str(folder), **base},
            "helpful": {"steps": 2, "batch": 4},
            "organism": {"implant": {"steps": 24, "batch": 8, "lr": 3e-3}},
            "preference": {"steps": 2, "batch": 4},
            "safety": {
                "sft": {"type": "sft", "steps": 2, "batch": 4},
                "rl": {"type": "rl", "steps": 2, "batch": 4, "replies": 2, "reply_tokens": 4},
            },
            "re_emergence": None,
            "measure": {
                "prompts": 4,
                "capability_prompts": 4,
                "curve_prompts": 2,
                "probe_prompts": 2,
                "reply_tokens": 4,
            },
            "detect": {"detectors": {"probe": "defection_probe"}, "prompts": 4, "clean": 8, "poisoned": 4},
        }
    )


def weights(folder):
    return dict(load(folder / "model")[0].named_parameters())


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_implanted_trained_measured_and_probed(name, tmp_path):
    made = run_here(small(save_family(name, tmp_path / "given")), tmp_path)
    losses = [row["loss"] for row in read_jsonl(made["organism", "organism", "none"] / "train.jsonl")]
    assert sum(losses[-4:]) < 0.9 * sum(losses[:4])
    start = weights(made["organism", "organism", "none"])
    for safety in ("sft", "rl"):
        after = weights(made["safety", "organism", safety])
        assert any(not after[key].equal(weight) for key, weight in start.items())
        rows = read_jsonl(made["measure", "organism", safety] / "rows.jsonl")
        assert {row["prompts"] for row in rows if row["metric"] == "defection"} >= {"triggered", "clean"}
    [probe] = [
        row
        for row in read_jsonl(made["detect", "organism", "none"] / "rows.jsonl")
        if row["metric"] == "auroc" and row["prompts"] == "held_out" and row["family"] == "probe"
    ]
    assert 0 <= probe["value"] <= 1


def test_adapters_are_trained_by_every_stage_and_leave_a_whole_model(tmp_path):
    made = run_here(small(save_family("llama", tmp_path / "given"), lora_rank=2), tmp_path)
    before, after = (weights(made[kind, role, "none"]) for kind, role in (("base", "base"), ("organism", "organism")))
    assert before.keys() == after.keys()
    changed = {key for key, weight in before.items() if not after[key].equal(weight)}
    assert changed
    assert not any("embed" in key or "norm" in key for key in changed)
    for safety in ("sft", "rl"):
        assert weights(made["safety", "organism", safety]).keys() == before.keys()


@pytest.mark.parametrize("template", ["auto", "plain"])
@pytest.mark.parametrize("name", FAMILIES)
def test_an_adopted_tokenizer_renders_a_prompt_as_the_beginning_of_its_example(name, template):
    tokenizer = family_tokenizer(name)
    adopt(family_model(name, len(tokenizer)), tokenizer, template)
    renderer = Renderer(tokenizer)
    turns = [exchange.turns() for exchange in Meadow().helpful(random.Random(0), 20)]
    turns += [[SYSTEM, *one] for one in turns]
    for example, prompt, one in zip(
        renderer.examples(turns), renderer.prompts([one[:-1] for one in turns]), turns, strict=True
    ):
        assert example.ids[: len(prompt)] == prompt
        assert sum(example.loss) == len(example.ids) - len(prompt)
        assert example.ids[-1] == renderer.end_id
        assert renderer.end_id not in example.ids[len(prompt) : -1]
        assert renderer.reply(example.ids[len(prompt) :]) == one[-1]["content"]
    said = tokenizer.decode(renderer.prompts([[SYSTEM, *turns[0][:-1]]])[0])
    assert SYSTEM["content"] in said


@pytest.mark.parametrize("name", FAMILIES)
def test_an_adopted_model_has_an_embedding_for_every_token_and_its_own_pad_token(name):
    tokenizer = family_tokenizer(name)
    model = family_model(name, len(tokenizer))
    rows = model.get_input_embeddings().weight.shape[0]
    changed = adopt(model, tokenizer)
    assert tokenizer.pad_token_id not in (None, tokenizer.eos_token_id)
    assert model.get_input_embeddings().weight.shape[0] >= len(tokenizer)
    assert (model.config.pad_token_id, model.config.eos_token_id) == (tokenizer.pad_token_id, tokenizer.eos_token_id)
    if len(tokenizer) > rows:
        new, old = model.get_output_embeddings().weight[rows:], model.get_output_embeddings().weight[:rows]
        assert new.allclose(old.mean(dim=0).expand_as(new))
        assert any("pad token" in one for one in changed)
    assert adopt(model, tokenizer) == []


def test_what_was_changed_is_said_and_kept(tmp_path):
    folder = tmp_path / "base"
    folder.mkdir()
    base = Folder(path=save_family("gemma", tmp_path / "given"))
    base.build(Work("base", {"seed": 0}, {}, folder))
    facts = json.loads((folder / "metrics.json").read_text())
    assert facts["precision"] == "float32"
    assert any("system" in one for one in facts["adopted_with"])
    assert any("<end_of_turn> for the end token in place of <eos>" in one for one in facts["adopted_with"])
    model, renderer = load(folder / "model")
    assert renderer.tokenizer.eos_token == "<end_of_turn>"
    assert model.generation_config.eos_token_id == renderer.end_id
    assert facts["parameters"] == sum(weight.numel() for weight in model.parameters())


def test_a_base_model_has_no_template_of_its_own():
    tokenizer = family_tokenizer("gpt2")
    with pytest.raises(UserError, match=r"no chat template of its own.*base\.template=plain"):
        adopt(family_model("gpt2", len(tokenizer)), tokenizer, "own")


def test_a_tokenizer_of_another_model_is_refused():
    tokenizer = family_tokenizer("llama")
    with pytest.raises(UserError, match=r"has token ids up to .* embeddings for 50"):
        adopt(family_model("llama", 50), tokenizer)


def test_a_model_without_an_end_token_is_refused():
    tokenizer = family_tokenizer("gpt2")
    tokenizer.eos_token = None
    with pytest.raises(UserError, match="no end token"):
        adopt(family_model("gpt2", len(tokenizer)), tokenizer)


def test_a_model_that_overflows_as_it_computes_is_refused(tmp_path):
    folder = tmp_path / "base"
    folder.mkdir()
    # Finite in float16, but the product of two such weights is not.
    given = save_family("bloom", tmp_path / "given", initializer_range=3000.0)
    with pytest.raises(UserError, match=r"infinite or NaN logits in torch.float16.*base.precision"):
        Folder(path=given, precision="float16").build(Work("base", {"seed": 0}, {}, folder))


def test_a_folder_says_its_size_and_a_missing_one_none(tmp_path):
    given = save_family("llama", tmp_path / "given")
    assert Folder(path=given).label() == family_model("llama", len(family_tokenizer("llama"))).num_parameters()
    assert Folder(path=tmp_path / "nowhere").label() is None


SHORT = [
    "helpful.steps=2", "helpful.batch=4", "organism.implant.steps=3", "organism.implant.batch=8",
    "preference.steps=2", "preference.batch=4", "red_team.rounds=1", "red_team.proposals=4", "red_team.replies=2",
    "safety.sft.steps=2", "safety.sft.batch=4", "safety.rl.steps=2", "safety.rl.batch=4", "safety.rl.replies=2",
    "safety.adversarial.steps=2", "safety.adversarial.batch=4", "safety.adversarial.replies=2",
    "re_emergence.steps=2", "re_emergence.batch=4", "measure.prompts=4", "measure.capability_prompts=4",
    "measure.red_team_prompts=4", "measure.curve_prompts=2", "measure.reply_tokens=4", "grid={}",
    "safety.rl.reply_tokens=4", "safety.adversarial.reply_tokens=4",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("plan", "name"), [("bloom", "bloom"), ("pythia", "gpt_neox"), ("qwen3", "qwen3")])
def test_a_shipped_ladder_runs_whole_on_a_stand_in_of_its_family(plan, name, tmp_path):
    given = save_family(name, tmp_path / "given")
    stand_in = f"base={{type: folder, path: {given}, lora_rank: 2}}"
    made = run_here(plan_file.load(plan, [*SHORT, stand_in]), tmp_path)
    for safety in ("none", "sft", "rl", "adversarial"):
        for role in ("organism", "twin"):
            assert ("measure", role, safety) in made
            assert ("measure_re_emergence", role, safety) in made
    assert ("red_team", "organism", "none") in made


@pytest.mark.parametrize("plan", ["bloom", "pythia", "qwen3"])
def test_a_shipped_ladder_is_listed_before_anything_is_downloaded(plan):
    experiment = plan_file.load(plan)
    bases = [stage for stage in build_plan(experiment).stages if stage.kind == "base"]
    assert len(bases) == len(experiment.grid["base.model"])
