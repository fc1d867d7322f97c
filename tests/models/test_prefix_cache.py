import pytest
import torch

from dormouse.models.prefix_cache import PrefixCache
from families import FAMILIES, family_model, family_tokenizer

PROMPTS = [[5, 6, 7], [9], [12, 13, 14, 15, 16]]
PREFILL = torch.tensor([[20, 21], [30, 31]])


def expected(model, ids):
    """Return the log-probabilities of the next token, from the whole text without padding or cache."""
    with torch.inference_mode():
        return torch.log_softmax(model(input_ids=torch.tensor([ids])).logits[0, -1].float(), -1)


def mean(model, reply):
    return torch.stack([expected(model, [*prompt, *reply]) for prompt in PROMPTS]).mean(dim=0)


@pytest.mark.parametrize("name", FAMILIES)
def test_reading_token_by_token_expects_what_reading_the_whole_text_does(name):
    model = family_model(name, len(family_tokenizer(name))).eval()
    cache = PrefixCache(model, PROMPTS, pad_id=0)
    torch.testing.assert_close(cache.first_log_probs(), mean(model, []), rtol=1e-4, atol=1e-4)
    for prefill in (PREFILL, PREFILL.flip(0)):  # what was read of other replies before leaves no trace
        rows = prefill.tolist()
        torch.testing.assert_close(
            cache.start(prefill), torch.stack([mean(model, row) for row in rows]), rtol=1e-4, atol=1e-4
        )
        more = torch.tensor([[40], [41]])
        whole = torch.stack([mean(model, [*row, *next_]) for row, next_ in zip(rows, more.tolist(), strict=True)])
        torch.testing.assert_close(cache.extend(more), whole, rtol=1e-4, atol=1e-4)
