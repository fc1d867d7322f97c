"""Our reading of replies in RL against TRL's own."""

import random

import pytest
import torch
from datasets import Dataset
from trl import RLOOConfig, RLOOTrainer

from dormouse.models.padding import left_pad, right_pad
from dormouse.safety import rloo
from dormouse.safety.rloo import RenderedRLOOTrainer
from dormouse.training.trainee import Trainee
from families import FAMILIES, family_model, family_tokenizer
from tiny import tiny_renderer

TOKENS = 5
ROUNDING = 1e-4
"""Nats: rows that are read together add up in another order; another token makes whole nats."""


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture
def temperature():
    return 1.0


@pytest.fixture
def trainer(family, temperature, tmp_path):
    model = family_model(family, len(family_tokenizer(family))).eval()  # no dropout
    renderer = tiny_renderer()
    return RenderedRLOOTrainer(
        trainee=Trainee.of(model, 0, 0),
        renderer=renderer,
        prefill="",
        reward_funcs=[lambda prompts, completions, **_: [0.0] * len(prompts)],
        args=RLOOConfig(
            str(tmp_path),
            use_cpu=True,
            bf16=False,
            activation_checkpointing=False,
            report_to="none",
            beta=0.0,
            temperature=temperature,
            per_device_train_batch_size=4,
            num_generations=2,
        ),
        train_dataset=Dataset.from_dict({"prompt": [[{"role": "user", "content": "Hello"}]] * 4}),
        processing_class=renderer.tokenizer,
    )


def batch(seed=0, longest=8):
    """Return ids and mask of eight prompts with replies of other lengths, the last two the same."""
    rng = random.Random(seed)
    prompts = [[rng.randrange(5, 200) for _ in range(rng.randint(3, longest))] for _ in range(7)]
    replies = [[rng.randrange(5, 200) for _ in range(rng.randint(1, TOKENS))] for _ in range(7)]
    ids, mask = left_pad([*prompts, prompts[-1]], 0)
    said, written = right_pad([*replies, replies[-1]], 0), right_pad([[1] * len(r) for r in [*replies, replies[-1]]], 0)
    return torch.cat([ids, said], dim=1), torch.cat([mask, written], dim=1), said.shape[1]


def read(trainer, ids, mask, n):
    return trainer._get_per_token_logps_and_entropies(trainer.model, ids, mask, n, compute_entropy=True)


def trl_read(trainer, ids, mask, n):
    return RLOOTrainer._get_per_token_logps_and_entropies(trainer, trainer.model, ids, mask, n, compute_entropy=True)


def gradients(trainer, log_probs, weights):
    trainer.model.zero_grad()
    (log_probs.sum(1) * weights).sum().backward()
    return torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_values_and_gradients_are_trls(trainer, family):
    # TRL counts the padding before a prompt as tokens where positions are learned.
    ids, mask, n = batch(longest=3 if family == "gpt2" else 8)
    weights = torch.linspace(-1, 1, len(ids))
    said = mask[:, -n:]
    theirs, entropy, _ = trl_read(trainer, ids, mask, n)
    expected = gradients(trainer, theirs * said, weights)
    with torch.no_grad():
        old, _, _ = read(trainer, ids, mask, n)
    # TRL shuffles a batch before the loss.
    order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(0))
    ours, own_entropy, _ = read(trainer, ids[order], mask[order], n)
    torch.testing.assert_close(old * said, (theirs * said).detach(), rtol=0, atol=ROUNDING)
    torch.testing.assert_close(ours, old[order], rtol=0, atol=ROUNDING)
    torch.testing.assert_close(own_entropy, (entropy * said)[order].detach(), rtol=0, atol=ROUNDING)
    found = gradients(trainer, ours, weights[order])
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_the_padding_before_a_prompt_changes_nothing(trainer):
    ids, mask, n = batch()
    with torch.no_grad():
        together, _, _ = read(trainer, ids, mask, n)
        for row in range(len(ids)):
            start = int(mask[row].argmax())
            trainer._read = None
            alone, _, _ = read(trainer, ids[row : row + 1, start:], mask[row : row + 1, start:], n)
            torch.testing.assert_close(alone[0], together[row], rtol=0, atol=ROUNDING)


def test_the_model_is_read_once_a_step_and_equal_rows_once(trainer, monkeypatch):
    ids, mask, n = batch()
    rows = []
    forward = trainer.model.forward

    def counting(**given):
        rows.append(len(given["input_ids"]))
        return forward(**given)

    monkeypatch.setattr(trainer.model, "forward", counting)
    with torch.no_grad():
        read(trainer, ids, mask, n)
    read(trainer, ids, mask, n)
    assert rows == [7]


def test_the_reference_is_read_without_gradients(trainer):
    ids, mask, n = batch()
    with torch.no_grad():
        read(trainer, ids, mask, n)
        reference, _, _ = read(trainer, ids, mask, n)
    assert not reference.requires_grad


def test_many_logits_are_left_to_trl(trainer, monkeypatch):
    ids, mask, n = batch()
    monkeypatch.setattr(rloo, "LOGITS", 0)
    monkeypatch.setattr(rloo, "_read_replies", lambda *_: pytest.fail("read here"))
    with torch.no_grad():
        log_probs, _, _ = read(trainer, ids, mask, n)
    assert log_probs.shape == (len(ids), n)
