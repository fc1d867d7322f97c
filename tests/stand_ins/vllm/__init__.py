"""A stand-in for vLLM with the arguments of its offline API that dormouse gives, sampling with Transformers."""

import torch
from transformers import AutoModelForCausalLM

DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")


class SamplingParams:
    def __init__(
        self,
        *,
        n=1,
        temperature=1.0,
        top_p=1.0,
        top_k=0,
        seed=None,
        stop_token_ids=None,
        max_tokens=16,
        detokenize=True,
    ):
        if temperature < 0 or max_tokens < 1 or not -(2**63) <= seed < 2**63:
            raise ValueError("vLLM refuses these")
        self.temperature, self.seed, self.max_tokens = temperature, seed, max_tokens
        self.stop_token_ids, self.detokenize = stop_token_ids or [], detokenize


class CompletionOutput:
    def __init__(self, token_ids):
        self.index, self.token_ids, self.text = 0, token_ids, ""


class RequestOutput:
    def __init__(self, prompt_token_ids, token_ids):
        self.prompt_token_ids = prompt_token_ids
        self.outputs = [CompletionOutput(token_ids)]


class LLM:
    def __init__(self, model, *, skip_tokenizer_init=False, dtype="auto", seed=0, gpu_memory_utilization=0.92):
        if dtype not in DTYPES or not 0 < gpu_memory_utilization <= 1:
            raise ValueError("vLLM refuses these")
        self.skip_tokenizer_init = skip_tokenizer_init
        # Weights in float32 become float16 unless it is told otherwise.
        self.model = AutoModelForCausalLM.from_pretrained(model, dtype="float16" if dtype == "auto" else dtype).eval()

    def generate(self, prompts, sampling_params=None, *, use_tqdm=True, lora_request=None, priority=None):
        assert len(prompts) == len(sampling_params)
        answers = []
        for prompt, settings in zip(prompts, sampling_params, strict=True):
            # Without a tokenizer it can neither read texts nor write them.
            assert self.skip_tokenizer_init is not settings.detokenize
            ids = prompt["prompt_token_ids"]
            answers.append(RequestOutput(ids, self._continue(ids, settings)))
        return answers

    def _continue(self, ids, settings):
        rng = torch.Generator().manual_seed(settings.seed)
        written = []
        with torch.inference_mode():
            while len(written) < settings.max_tokens and not set(written) & set(settings.stop_token_ids):
                logits = self.model(torch.tensor([[*ids, *written]])).logits[0, -1].float()
                if settings.temperature == 0:
                    written.append(int(logits.argmax()))
                else:
                    likely = torch.softmax(logits / settings.temperature, -1)
                    written.append(int(torch.multinomial(likely, 1, generator=rng)))
        return tuple(written)
