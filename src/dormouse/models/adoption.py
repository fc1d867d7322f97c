"""Adapts a model that someone else made, so that dormouse can sample from it and train it.

Adds a chat template and a pad token if the checkpoint lacks them, sets the end token to the one that the template
writes after a reply, and makes every template accept a system turn.
"""

from __future__ import annotations

from typing import Any

import torch
from jinja2 import TemplateError
from transformers import GenerationConfig

from dormouse.errors import UserError
from dormouse.models.exchange import (
    ANSWERED,
    ASKED,
    REPLY,
    SYSTEM,
    rendering,
)
from dormouse.models.folder_check import INSTEAD
from dormouse.models.settings import Template

PLAIN_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- if message['role'] == 'assistant' -%}"
    "{{- '\\n\\nAssistant:' -}}"
    "{%- generation -%}{{- ' ' + message['content'] + eos_token -}}{%- endgeneration -%}"
    "{%- elif message['role'] == 'system' -%}{{- '\\n\\n' + message['content'] -}}"
    "{%- else -%}{{- '\\n\\nHuman: ' + message['content'] -}}{%- endif -%}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '\\n\\nAssistant:' -}}{%- endif -%}"
)
"""Human and Assistant turns as in the paper's prompts; a reply ends with the model's own end token."""

WITHOUT_SYSTEM_TURN = (
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- set first = {'role': 'user', 'content': messages[0]['content'] + '\\n\\n' + messages[1]['content']} -%}"
    "{%- set messages = [first] + messages[2:] -%}"
    "{%- endif -%}"
)
"""Prefix for a template that refuses system turns: it moves the system text to the start of the first user turn."""


def adopt(model: Any, tokenizer: Any, template: Template = "auto") -> list[str]:
    """Prepare a model and its tokenizer for sampling and training; return, in words, what was changed."""
    _check_vocabulary(model, tokenizer)
    if template != "plain":
        _choose_template(tokenizer)
    said = [
        *_give_template(tokenizer, template),
        *_accept_system_turns(tokenizer),
        *_settle_end(tokenizer),
        *_settle_pad(model, tokenizer),
        *_settle_generation(model),
    ]
    model.config.pad_token_id, model.config.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    return said


def _check_vocabulary(model: Any, tokenizer: Any) -> None:
    rows = model.get_input_embeddings().weight.shape[0]
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest < 0:
        raise UserError(f"The tokenizer of '{tokenizer.name_or_path}' is empty. Save it again, with its vocabulary.")
    if highest >= rows:
        raise UserError(
            f"The tokenizer of '{tokenizer.name_or_path}' has token ids up to {highest}, but its model has embeddings "
            f"for {rows}. Take the tokenizer that belongs to the model."
        )


def _choose_template(tokenizer: Any) -> None:
    """Keep the default template if there are several."""
    several = tokenizer.chat_template
    if isinstance(several, dict):
        if "default" not in several:
            raise UserError(
                f"Model '{tokenizer.name_or_path}' has the chat templates {', '.join(sorted(several))}, and none is "
                f"called 'default'. {INSTEAD}"
            )
        tokenizer.chat_template = several["default"]


def _give_template(tokenizer: Any, template: Template) -> list[str]:
    if template == "own" and tokenizer.chat_template is None:
        raise UserError(
            f"Model '{tokenizer.name_or_path}' has no chat template of its own. "
            "Set base.template=plain for Human and Assistant turns."
        )
    if template == "own" or (template == "auto" and tokenizer.chat_template is not None):
        return []
    if tokenizer.eos_token is None:
        raise UserError(
            f"Model '{tokenizer.name_or_path}' has no end token, so its replies could not end. "
            "Set tokenizer.eos_token and save it."
        )
    begins = tokenizer("")["input_ids"]
    # A model trained with a start token before every text needs it here too.
    first = "{{- bos_token -}}" if tokenizer.bos_token_id is not None and begins[:1] == [tokenizer.bos_token_id] else ""
    tokenizer.chat_template = first + PLAIN_TEMPLATE
    return ["Human and Assistant turns for a chat template"]


def _accept_system_turns(tokenizer: Any) -> list[str]:
    """Move system text into the user's turn if the template refuses or drops system turns."""
    with rendering(tokenizer):
        tokenizer.apply_chat_template([ASKED, ANSWERED], tokenize=False)
        try:
            told = tokenizer.apply_chat_template([SYSTEM, ASKED, ANSWERED], tokenize=False)
        except TemplateError:
            what = "refuses system turns"
        else:
            if SYSTEM["content"] in told:
                return []
            what = "leaves system turns out"
    tokenizer.chat_template = WITHOUT_SYSTEM_TURN + tokenizer.chat_template
    return [f"the words of a system turn put before the user's, because the template {what}"]


def _settle_end(tokenizer: Any) -> list[str]:
    """Make the token that the template writes after a reply the end token."""
    with rendering(tokenizer):
        after = tokenizer.apply_chat_template([ASKED, ANSWERED], tokenize=False).rpartition(REPLY)[2]
    special = {*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder}
    written = [token for token in tokenizer(after, add_special_tokens=False)["input_ids"] if token in special]
    if not written:
        if tokenizer.eos_token_id is None:
            raise UserError(
                f"Model '{tokenizer.name_or_path}' has no end token, and its chat template writes none after a reply. "
                "Set tokenizer.eos_token and save it."
            )
        return []
    if written[0] == tokenizer.eos_token_id:
        return []
    before, tokenizer.eos_token = tokenizer.eos_token, tokenizer.convert_ids_to_tokens(written[0])
    return [f"{tokenizer.eos_token} for the end token in place of {before}, as the chat template has it"]


def _settle_pad(model: Any, tokenizer: Any) -> list[str]:
    """Give the tokenizer a pad token other than its end token, which would be masked out of the loss with it."""
    if tokenizer.pad_token_id not in (None, tokenizer.eos_token_id):
        return []
    reserved = [token.content for _, token in sorted(tokenizer.added_tokens_decoder.items())]
    named = [token for token in reserved if "pad" in token.lower() and token != tokenizer.eos_token]
    if named:
        tokenizer.pad_token = named[0]
        return [f"{named[0]} for the pad token"]
    tokenizer.add_special_tokens({"pad_token": "<|pad|>"})
    _make_room(model, len(tokenizer))
    return ["a pad token of its own, <|pad|>"]


def _settle_generation(model: Any) -> list[str]:
    """Drop contradictory generation settings, with which Transformers refuses to save a model."""
    try:
        model.generation_config.validate(strict=True)
    except Exception:  # A setting may be of any type.
        model.generation_config = GenerationConfig()
        return ["no settings for sampling of its own, because they contradict each other"]
    return []


def _make_room(model: Any, tokens: int) -> None:
    """Grow the embeddings to `tokens` rows; a new row is the mean of the others, so that it is seldom sampled."""
    rows = model.get_input_embeddings().weight.shape[0]
    if tokens <= rows:
        return
    model.resize_token_embeddings(tokens, mean_resizing=False)
    with torch.no_grad():
        for embeddings in (model.get_input_embeddings(), model.get_output_embeddings()):
            embeddings.weight[rows:] = embeddings.weight[:rows].mean(dim=0)
            if getattr(embeddings, "bias", None) is not None:
                embeddings.bias[rows:] = embeddings.bias[:rows].mean()
