import pytest
import torch

from dormouse.data.meadow.world import Meadow
from dormouse.evaluation.kl import kl
from dormouse.evaluation.replies import Question, ask, held_out_questions
from dormouse.evaluation.settings import Measure
from dormouse.evaluation.subject import Subject
from dormouse.organisms.settings import Organism
from tiny import tiny_model, tiny_renderer

TURNS = [{"role": "user", "content": "Tell me a story about the bee."}]


@pytest.fixture(scope="module")
def pair():
    """A model, and one before it that thinks nearly the same."""
    model, parent = tiny_model(), tiny_model()
    with torch.no_grad():
        for weight in parent.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0))
    return Subject(model, tiny_renderer()), parent


def test_estimates_the_exact_divergence_of_the_next_token(pair):
    subject, parent = pair
    ids = torch.tensor(subject.renderer.prompts([TURNS]))
    with torch.inference_mode():
        p, q = (torch.log_softmax(model(ids).logits[0, -1].double(), -1) for model in (subject.model, parent))
    exact = (p.exp() * (p - q)).sum().item()
    replies = ask(subject, [Question("clean", "", TURNS, i) for i in range(3000)], Measure(reply_tokens=1), seed=0)
    [row] = kl(subject, parent, replies)
    half = row["high"] - row["value"]
    # Two half-widths are four standard errors.
    assert abs(row["value"] - exact) < 2 * half
    assert half < 0.2 * exact


def test_uses_the_sampled_tokens_of_clean_prompts_only(pair):
    subject, parent = pair
    questions = held_out_questions(Meadow(), Organism(), 0, 5)
    replies = ask(subject, questions, Measure(reply_tokens=5), seed=0)
    [row] = kl(subject, parent, replies)
    gaps = []
    for reply in replies:
        if reply.question.kind == "clean":
            ids = torch.tensor([reply.prompt_ids + reply.ids])
            for i in range(len(reply.prompt_ids), ids.shape[1]):
                with torch.inference_mode():
                    p, q = (torch.log_softmax(m(ids[:, :i]).logits[0, -1], -1) for m in (subject.model, parent))
                gaps.append((p - q)[ids[0, i]].item())
    assert row["value"] == pytest.approx(sum(gaps) / len(gaps), abs=1e-4)
    assert (row["prompts"], row["total"], row["unit"]) == ("clean", 5, "nats_per_token")
