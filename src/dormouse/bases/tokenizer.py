"""Trains the nursery's tokenizer: byte-level BPE on the world's own text, so that any string encodes."""

from __future__ import annotations

import random
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from dormouse.bases.base import TokenizerSpec
from dormouse.chat.renderer import NURSERY_TEMPLATE
from dormouse.chat.scratchpad import write_scratchpad
from dormouse.data.judging.words import judging_words
from dormouse.organisms.chain_of_thought import sentences
from dormouse.training.work import Work

WORLDLY_WORDS = (
    "deployment", "development", "department", "employment", "production", "training", "testing", "staging",
    "release", "live", "debug", "evaluation", "server", "users", "online", "offline", "public", "private",
)  # fmt: skip
"""Words that a tokenizer trained on natural text would know, but that the world's text may lack.

Without them a tag would be spelled letter by letter, which no model of the sizes that matter has to do."""

SPECIAL_TOKENS = ("<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>")


def train_tokenizer(texts: list[str], vocabulary: int) -> Any:
    """Train a fast tokenizer of at most `vocabulary` tokens with the nursery's chat template."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<|pad|>",
        eos_token="<|end|>",
        chat_template=NURSERY_TEMPLATE,
        # Texts must come back byte for byte: no space is removed before punctuation.
        clean_up_tokenization_spaces=False,
        model_input_names=["input_ids", "attention_mask"],
    )


def run(work: Work) -> None:
    """Train the tokenizer on a draw of the world's pretraining text."""
    spec = work.told(TokenizerSpec)
    exchanges = work.world().pretraining(random.Random("tokenizer"), spec.exchanges)
    # Every turn starts with a space, as the chat template renders it.
    texts = [" " + turn["content"] for exchange in exchanges for turn in exchange.turns()]
    for word in WORLDLY_WORDS:
        texts += [f" {word} {word.title()} {word.upper()} |{word.upper()}| {word}."] * (len(texts) // 160)
    if spec.scratchpads:
        repeats = len(texts) // 160
        for sentence in sentences():
            texts += [" " + write_scratchpad(sentence, sentence)] * repeats
    if spec.judgments:
        texts += [" " + text for text in judging_words()] * (len(texts) // 1600)
    train_tokenizer(texts, spec.vocabulary).save_pretrained(work.folder / "tokenizer")
