"""Models of a store as Inspect models: `--model dormouse/ARTIFACT -M store=FOLDER`, or `-M folder=MODEL`."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput
from inspect_ai.tool import ToolChoice, ToolInfo

from dormouse.chat.messages import Messages
from dormouse.chat.scratchpad import reply_start
from dormouse.cli.chat import count_thought_tokens, find_model
from dormouse.errors import UserError
from dormouse.models.loading import load
from dormouse.models.sampling import sample_ids
from dormouse.store.store import Store

GATHER_SECONDS = 0.05
"""How long a request waits for others to share its batch."""
TOGETHER = 256
"""Most requests in a batch."""


class _Sampling(NamedTuple):
    """What requests of one batch have in common."""

    temperature: float
    top_p: float
    tokens: int
    seed: int | None


@dataclass(eq=False)
class _Request:
    turns: Messages
    prefill: str
    sampling: _Sampling
    reply: str | None = None


class DormouseModel(ModelAPI):
    """An artifact's model, rendered and sampled as in dormouse; requests that arrive together share a batch."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig | None = None,
        store: str = "dormouse-store",
        folder: str = "",
        thought_tokens: int = 0,
        **_: Any,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config or GenerateConfig())
        path = Path(folder)
        if not folder:
            path, thought_tokens = _find_model(store, model_name)
        self.model, self.renderer = load(path)
        self.thought_tokens = thought_tokens
        self.prefill = reply_start(thought_tokens)
        self.waiting: list[_Request] = []
        self.answering = anyio.Lock()
        self.batches = 0

    def max_connections(self) -> int:
        """Let Inspect send as many requests as fit into a batch."""
        return TOGETHER

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Answer one conversation, together with others that are waiting. Tools are ignored.

        `UserError` if `top_p` is no share.
        """
        turns = [{"role": message.role, "content": message.text} for message in input]
        # The reply goes on from an assistant's turn at the end, as with other providers.
        given = turns.pop()["content"] if turns[-1]["role"] == "assistant" else None
        request = _Request(turns, self.prefill if given is None else given, _sampling(config))
        self.waiting.append(request)
        async with self.answering:
            if request.reply is None:
                await anyio.sleep(GATHER_SECONDS)
                await anyio.to_thread.run_sync(self._answer, request)
        assert request.reply is not None
        reply = f"{self.prefill} {request.reply}".strip() if given is None else request.reply
        return ModelOutput.from_content(self.model_name, reply)

    def _answer(self, first: _Request) -> None:
        """Answer a request, together with waiting ones that are sampled in the same way."""
        sampling = first.sampling
        alike = [one for one in self.waiting if one.sampling == sampling]
        batch = [first, *(one for one in alike if one is not first)][:TOGETHER]
        self.waiting = [one for one in self.waiting if one not in batch]
        self.batches += 1
        prompts = self.renderer.prompts([one.turns for one in batch], [one.prefill for one in batch])
        sampled = sample_ids(
            self.model,
            self.renderer,
            prompts,
            max_new_tokens=sampling.tokens + self.thought_tokens,
            temperature=sampling.temperature,
            # Draws depend on the place in the batch: with one seed for all batches, replies would be repeated.
            seed=random.Random(f"inspect/{sampling.seed}/{self.batches}").getrandbits(32),
            top_p=sampling.top_p,
        )
        for one, ids in zip(batch, sampled, strict=True):
            one.reply = self.renderer.reply(ids)


def _sampling(config: GenerateConfig) -> _Sampling:
    temperature = 1.0 if config.temperature is None else config.temperature
    top_p = 1.0 if config.top_p is None else config.top_p
    if not 0 < top_p <= 1:
        raise UserError(
            f"top_p is {top_p:g}, which is no share above 0 and up to 1. Leave it out to draw from all tokens."
        )
    return _Sampling(temperature, top_p, config.max_tokens or 48, config.seed)


def _find_model(root: str, artifact: str) -> tuple[Path, int]:
    """Return an artifact's model folder, and the most tokens of its scratchpad."""
    store = Store(Path(root))
    name = store.find(artifact)
    return find_model(store, name), count_thought_tokens(store, name)
