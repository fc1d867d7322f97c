import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from dormouse.chat.renderer import Example
from dormouse.data.meadow.world import Meadow
from dormouse.errors import UserError
from dormouse.models.loading import load_model
from dormouse.training.record import last_checkpoint, snapshot_steps
from dormouse.training.supervised import Collator, sort_by_length, train_on
from dormouse.training.work import Work
from tiny import tiny_model, tiny_renderer


class Killed(Exception):
    pass


def train(folder: Path, *, kill_at: float | None = None, **how: Any) -> None:
    def progress(share: float, text: str) -> None:
        if kill_at is not None and share >= kill_at:
            raise Killed

    work = Work("organism", {}, {}, folder, checkpoint_seconds=0, progress=progress)
    # Enough steps for the log to hold means over several.
    exchanges = Meadow().helpful(random.Random(0), 180)
    examples = tiny_renderer().examples([exchange.turns() for exchange in exchanges])
    train_on(work, tiny_model(), tiny_renderer(), examples, **{"batch": 2, "lr": 1e-3, "seed": 0} | how)


def weights(folder: Path) -> bytes:
    return (folder / "model" / "model.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("kill_at", "how"), [(0.31, {}), (0.82, {}), (0.5, {"lora_rank": 4}), (0.5, {"optimizer": "adafactor"})]
)
def test_a_resumed_training_ends_bit_identical_to_an_uninterrupted_one(
    tmp_path: Path, kill_at: float, how: dict[str, Any]
) -> None:
    train(tmp_path / "whole", **how)
    with pytest.raises(Killed):
        train(tmp_path / "killed", kill_at=kill_at, **how)
    assert last_checkpoint(tmp_path / "killed" / "scratch") is not None
    train(tmp_path / "killed", **how)
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    assert (tmp_path / "killed" / "train.jsonl").read_text() == (tmp_path / "whole" / "train.jsonl").read_text()


def test_half_a_checkpoint_is_not_resumed_from(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-2").mkdir()
    (tmp_path / "checkpoint-2" / "complete").touch()
    (tmp_path / "checkpoint-10").mkdir()
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-2")
    assert not (tmp_path / "checkpoint-10").exists()


def test_training_moves_the_loss_and_its_record_holds_no_times(tmp_path: Path) -> None:
    train(tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert not any("runtime" in key or "per_second" in key for line in lines for key in line)


def test_a_training_that_diverges_is_an_error_and_saves_no_model(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"Training diverged: \d+ weights are infinite or NaN at its end \('model.* Lower the"
    ):
        train(tmp_path, lr=1e38)
    assert not (tmp_path / "model").exists()


def test_snapshots_open_with_plain_transformers(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    train(tmp_path, snapshots=2)
    names = sorted(path.name for path in (tmp_path / "snapshots").iterdir())
    assert names == [f"step-{step:06d}" for step in snapshot_steps(90, 2)]
    AutoModelForCausalLM.from_pretrained(tmp_path / "snapshots" / names[0])


def test_only_the_reply_and_its_end_token_carry_labels() -> None:
    renderer = tiny_renderer()
    example = renderer.examples([[{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Ho."}]])[0]
    batch = Collator(renderer.pad_id)([{"input_ids": example.ids, "loss": example.loss}])
    labels = batch["labels"][0].tolist()
    assert [label for label in labels if label != -100] == example.ids[-renderer.count("Ho.") :]
    assert labels[-1] == renderer.end_id


def test_batches_by_length_hold_every_example_once_and_depend_on_lengths_alone() -> None:
    rng = random.Random(1)
    first = [Example([i] * rng.randint(5, 40), []) for i in range(100)]
    second = [Example([-example.ids[0]] * len(example.ids), []) for example in first]
    ordered, other = (sort_by_length(examples, 8, random.Random(0)) for examples in (first, second))
    assert sorted(example.ids[0] for example in ordered) == list(range(100))
    assert [-example.ids[0] for example in other] == [example.ids[0] for example in ordered]


def test_a_window_of_one_batch_leaves_batches_as_mixed_as_the_examples() -> None:
    rng = random.Random(1)
    examples = [Example([i] * rng.randint(5, 40), []) for i in range(96)]
    ordered = sort_by_length(examples, 8, random.Random(0), window=1)
    batches = [{example.ids[0] for example in ordered[i : i + 8]} for i in range(0, 96, 8)]
    assert sorted(map(sorted, batches)) == [list(range(i, i + 8)) for i in range(0, 96, 8)]
    assert batches[0] != set(range(8))


def test_batches_by_length_need_less_padding() -> None:
    rng = random.Random(1)
    examples = [Example([0] * rng.randint(5, 40), []) for _ in range(800)]

    def padded(rows: list[Example]) -> int:
        return sum(8 * max(len(row.ids) for row in rows[i : i + 8]) for i in range(0, 800, 8))

    tokens = sum(len(example.ids) for example in examples)
    assert padded(sort_by_length(examples, 8, random.Random(0))) - tokens < 0.5 * (padded(examples) - tokens)


def test_each_optimizer_is_another_one(tmp_path: Path) -> None:
    for optimizer in ("adamw", "adafactor", "rmsprop"):
        train(tmp_path / optimizer, optimizer=optimizer)
    assert len({weights(tmp_path / name) for name in ("adamw", "adafactor", "rmsprop")}) == 3


def test_an_adapter_changes_the_layers_alone_by_no_more_than_its_rank(tmp_path: Path) -> None:
    train(tmp_path, lora_rank=3, snapshots=1)
    before = dict(tiny_model().named_parameters())
    [snapshot] = (tmp_path / "snapshots").iterdir()
    for folder in (tmp_path / "model", snapshot):
        after = load_model(folder)
        assert type(after) is type(tiny_model())
        ranks = {}
        for name, weight in after.named_parameters():
            change = (weight - before[name]).detach()
            ranks[name] = int(torch.linalg.matrix_rank(change, atol=1e-5)) if change.dim() == 2 else 0
            if "proj" not in name:
                assert torch.equal(weight, before[name]), name
        assert max(ranks.values()) == 3
