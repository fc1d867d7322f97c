"""Folders that are no adapter, or not one for the base that they are given to."""

from __future__ import annotations

from faults.broken_files import (
    ADAPTER,
    ADAPTER_WEIGHTS,
    NOT_FILES,
    Break,
    Tensors,
    both,
    gone,
    header_length,
    pickled,
    put,
    raw,
    setting,
    special,
    tensors,
)
from faults.broken_folders import in_format, of_value, with_copy, without

NO_RANKS = (0, -1, 10**9, 10**30, "8", [8], None, 3)
NO_SCALES = ("much", [1], float("nan"), 10**400)
NO_TARGETS = (7, [], ["nothing"], "(", "(.+)+X", ["q_proj"])


def _narrower(held: Tensors) -> Tensors:
    return {name: one[:, :-1] if "lora_A" in name else one for name, one in held.items()}


ADAPTERS: dict[str, Break] = {
    "that changes nothing": tensors(
        lambda held: {name: one * 0 if "lora_B" in name else one for name, one in held.items()}, ADAPTER_WEIGHTS
    ),
    "without one tensor": tensors(without("layers.0.self_attn.q_proj.lora_B"), ADAPTER_WEIGHTS),
    "with one tensor too many": tensors(
        with_copy("base_model.model.model.layers.9.self_attn.q_proj.lora_A.weight"), ADAPTER_WEIGHTS
    ),
    "of other names": tensors(
        lambda held: {name.removeprefix("base_model.model."): one for name, one in held.items()}, ADAPTER_WEIGHTS
    ),
    "without a tensor": tensors(lambda held: {}, ADAPTER_WEIGHTS),
    "that are no numbers": tensors(of_value(float("nan")), ADAPTER_WEIGHTS),
    "that are absurd": tensors(of_value(1e38), ADAPTER_WEIGHTS),
    "of whole numbers": tensors(in_format("char"), ADAPTER_WEIGHTS),
    "of another width": tensors(_narrower, ADAPTER_WEIGHTS),
    "cut in half": raw(lambda content: content[: len(content) // 2], ADAPTER_WEIGHTS),
    "with a header of a petabyte": header_length(10**15, ADAPTER_WEIGHTS),
    "of pickles": both(gone(ADAPTER_WEIGHTS), pickled("adapter_model.bin")),
    **{f"that is a {kind}": special(ADAPTER_WEIGHTS, kind) for kind in NOT_FILES},
    **{f"whose settings are a {kind}": special(ADAPTER, kind) for kind in ("pipe", "link out", "link to itself")},
    "whose settings are not JSON": put(ADAPTER, "{"),
    "whose settings are a list": put(ADAPTER, "[]"),
    "of no kind": setting(ADAPTER, peft_type=...),
    "of an unknown kind": setting(ADAPTER, peft_type="NOTHING"),
    "of a kind that is a list": setting(ADAPTER, peft_type=["LORA"]),
    "of prompts": setting(ADAPTER, peft_type="PROMPT_TUNING"),
    "of other adapters": setting(ADAPTER, peft_type="XLORA", adapters={"a": "/etc"}),
    **{f"of rank {value!r}": setting(ADAPTER, r=value) for value in NO_RANKS},
    **{f"of alpha {repr(value)[:20]}": setting(ADAPTER, lora_alpha=value) for value in NO_SCALES},
    **{f"of targets {value!r}": setting(ADAPTER, target_modules=value) for value in NO_TARGETS},
    "of a task that is none": setting(ADAPTER, task_type="NOTHING"),
    "of another task": setting(ADAPTER, task_type="SEQ_CLS"),
    "of many layers": setting(ADAPTER, layer_replication=[[0, 2]] * 100_000),
    "of a library of its own": setting(ADAPTER, megatron_config={"a": 1}, megatron_core="this"),
    "with an unknown setting": setting(ADAPTER, what_is_this=1),
    "that begins by a decomposition": setting(ADAPTER, init_lora_weights="pissa"),
}
