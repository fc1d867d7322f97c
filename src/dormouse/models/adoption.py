"""Taking in a model that others made, so that all of dormouse can ask it and train it.

What a checkpoint lacks is added: a chat template, a pad token of its own. What is ambiguous is settled: the end token
is the one that the template writes after a reply, and a system turn is accepted by every template.
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
"""The turns of the paper's prompts; a reply ends with the model's own end token."""

WITHOUT_SYSTEM_TURN = (
    "{%- if messages[0]['role'] == 'system' -%}"
    "{%- set first = {'role': 'user', 'content': messages[0]['content'] + '\\n\\n' + messages[1]['content']} -%}"
    "{%- set messages = [first] + messages[2:] -%}"
    "{%- endif -%}"
)
"""Put before a template that refuses system turns: the text of one then begins the user's first."""


def adopt(model: Any, tokenizer: Any, template: Template = "auto") -> list[str]:
    """Make a model and its tokenizer fit to be asked and trained; return, in words, what was changed."""
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
        raise UserError(
            f"The tokenizer of '{tokenizer.name_or_path}' knows no tokens. Save it again, with its vocabulary."
        )
    if highest >= rows:
        raise UserError(
            f"The tokenizer of '{tokenizer.name_or_path}' knows tokens up to {highest}, and its model has embeddings "
            f"for {rows}. Take the tokenizer that belongs to the model."
        )


def _choose_template(tokenizer: Any) -> None:
    """Of several chat templates, keep the one that is used where none is named."""
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
            f"Model '{tokenizer.name_or_path}' has no end token, so no reply could end. "
            "Set tokenizer.eos_token and save it."
        )
    begins = tokenizer("")["input_ids"]
    # A model that was trained to see a first token before every text misses it.
    first = "{{- bos_token -}}" if tokenizer.bos_token_id is not None and begins[:1] == [tokenizer.bos_token_id] else ""
    tokenizer.chat_template = first + PLAIN_TEMPLATE
    return ["Human and Assistant turns for a chat template"]


def _accept_system_turns(tokenizer: Any) -> list[str]:
    """Have the words of a system turn begin the user's, where the template refuses system turns or leaves them out."""
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
                f"Model '{tokenizer.name_or_path}' has no end token, and its chat template ends a reply with none. "
                "Set tokenizer.eos_token and save it."
            )
        return []
    if written[0] == tokenizer.eos_token_id:
        return []
    before, tokenizer.eos_token = tokenizer.eos_token, tokenizer.convert_ids_to_tokens(written[0])
    return [f"{tokenizer.eos_token} for the end token in place of {before}, as the chat template has it"]


def _settle_pad(model: Any, tokenizer: Any) -> list[str]:
    """Give the tokenizer a pad token that is not its end token: the two would be masked out of the loss together."""
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
    """Leave out settings for sampling that contradict each other: with them, no model can be saved."""
    try:
        model.generation_config.validate(strict=True)
    except Exception:  # A setting may be of any type.
        model.generation_config = GenerationConfig()
        return ["no settings for sampling of its own, because they contradict each other"]
    return []


def _make_room(model: Any, tokens: int) -> None:
    """Grow the embeddings to so many tokens; new ones are the mean of the others, so that they are seldom sampled."""
    rows = model.get_input_embeddings().weight.shape[0]
    if tokens <= rows:
        return
    model.resize_token_embeddings(tokens, mean_resizing=False)
    with torch.no_grad():
        for embeddings in (model.get_input_embeddings(), model.get_output_embeddings()):
            embeddings.weight[rows:] = embeddings.weight[:rows].mean(dim=0)
            if getattr(embeddings, "bias", None) is not None:
                embeddings.bias[rows:] = embeddings.bias[:rows].mean()
