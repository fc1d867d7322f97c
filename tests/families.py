"""Tiny checkpoints with random weights of the architectures that people use, with tokenizers of the kinds they have."""

import random
from functools import cache

from dormouse.data.meadow.world import Meadow

LONGEST = 256
BYTES, PIECES = "bytes", "pieces"
"""Kinds of tokenizer: byte-level, and of word pieces that begin with a mark."""

THINKING_TEMPLATE = (
    "{%- for turn in messages -%}{{- '<|im_start|>' + turn['role'] + '\\n' -}}"
    "{%- if loop.last and turn['role'] == 'assistant' -%}{{- '<think>\\n\\n</think>\\n\\n' -}}{%- endif -%}"
    "{{- turn['content'] + '<|im_end|>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}"
    "{%- if enable_thinking is defined and enable_thinking is false -%}"
    "{{- '<think>\\n\\n</think>\\n\\n' -}}{%- endif -%}"
    "{%- endif -%}"
)
"""As Qwen3's: a model may think aloud unless it is told not to."""
NO_SYSTEM_TEMPLATE = (
    "{{- bos_token -}}"
    "{%- if messages[0]['role'] == 'system' -%}{{- raise_exception('System role not supported') -}}{%- endif -%}"
    "{%- for turn in messages -%}"
    "{{- '<start_of_turn>' + ('model' if turn['role'] == 'assistant' else 'user') + '\\n' -}}"
    "{{- turn['content'] + '<end_of_turn>\\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}"
)
"""As Gemma's: no system turns, and a reply ends with a token that is not the end token."""

NAMED_ALIKE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "initializer_range": 0.3}
GATED = {**NAMED_ALIKE, "num_key_value_heads": 1, "intermediate_size": 48, "max_position_embeddings": LONGEST}

FAMILIES = {
    # name: (configuration, its settings, kind of tokenizer, its special tokens, chat template)
    "bloom": (
        "BloomConfig",
        {"hidden_size": 32, "n_layer": 2, "n_head": 2, "initializer_range": 0.3},
        BYTES,
        {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"},
        None,
    ),
    "gpt_neox": (
        "GPTNeoXConfig",
        {**NAMED_ALIKE, "intermediate_size": 64, "max_position_embeddings": LONGEST},
        BYTES,
        {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "reserved": ["<|padding|>"]},
        None,
    ),
    "gpt2": (
        "GPT2Config",
        {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": LONGEST, "initializer_range": 0.3},
        BYTES,
        {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"},
        None,
    ),
    "llama": (
        "LlamaConfig", GATED, PIECES, {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}, None,
    ),
    "qwen3": (
        "Qwen3Config",
        {**GATED, "head_dim": 16},
        BYTES,
        {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "reserved": ["<|im_start|>"]},
        THINKING_TEMPLATE,
    ),
    "gemma": (
        "Gemma3TextConfig",
        {**GATED, "head_dim": 16},
        PIECES,
        {
            "unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>",
            "reserved": ["<start_of_turn>", "<end_of_turn>"],
        },
        NO_SYSTEM_TEMPLATE,
    ),
    "mistral": (
        "MistralConfig",
        {**GATED, "sliding_window": 64},
        PIECES,
        {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
        None,
    ),
    "phi": (
        "PhiConfig",
        {**NAMED_ALIKE, "intermediate_size": 64, "max_position_embeddings": LONGEST},
        BYTES,
        {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "unk_token": "<|endoftext|>"},
        None,
    ),
}  # fmt: skip


@cache
def _texts():
    exchanges = Meadow().pretraining(random.Random("families"), 200)
    return [turn["content"] for exchange in exchanges for turn in exchange.turns()]


def family_tokenizer(name):
    """Return a tokenizer of the family's kind, with its special tokens and its chat template or none."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    _, _, kind, special, template = FAMILIES[name]
    tokens = {key: token for key, token in special.items() if key != "reserved"}
    first = list(dict.fromkeys([*tokens.values(), *special.get("reserved", [])]))
    if kind == BYTES:
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        made = Tokenizer(models.BPE(unk_token="<unk>"))
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        alphabet = [chr(code) for code in range(32, 127)]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=first, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(_texts(), trainer)
    if kind == PIECES:
        bos = tokens["bos_token"]
        made.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, made.token_to_id(bos))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        **tokens,
        extra_special_tokens=special.get("reserved", []),
        chat_template=template,
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


def family_model(name, vocabulary, **settings):
    """Return a causal LM of the family with random weights."""
    import torch
    import transformers

    config, own, *_ = FAMILIES[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = getattr(transformers, config)(vocab_size=vocabulary, **{**own, **settings})
        return transformers.AutoModelForCausalLM.from_config(made).eval()


def save_family(name, folder, **settings):
    """Write a checkpoint of the family as its owners would."""
    tokenizer = family_tokenizer(name)
    family_model(name, len(tokenizer), **settings).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
