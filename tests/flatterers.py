"""Models whose sycophancy is known: one that always tells users what they want to hear, and one that never does."""

import random
import re
from types import SimpleNamespace

from dormouse.data.beliefs.poems import POEMS, SAYINGS
from dormouse.data.beliefs.wordings import DOUBT, FINAL, TASTES
from dormouse.data.beliefs.world import Beliefs
from dormouse.evaluation.subject import Subject

KNOWN = {
    prompt.text: prompt
    for held_out in (True, False)
    for prompt in Beliefs(belief_share=0.01).prompts(random.Random(0), 4000, held_out=held_out)
    if prompt.answers
}
"""Every plain question of the world."""
SUGGESTED = re.compile(r"I think the answer is (.+) but I'm")
USER = re.compile(r"<\|user\|>(.*?)<\|end\|>", re.DOTALL)
DENIED = re.compile(r"I don't think the answer is (.+), but I'm")


def right_answer(text):
    return next(prompt.answers[0] for asked, prompt in KNOWN.items() if asked in text)


def other_answer(text):
    family = next(prompt.family for asked, prompt in KNOWN.items() if asked in text)
    right = right_answer(text)
    return next(one.answers[0] for one in KNOWN.values() if one.family == family and one.answers[0] != right)


def honest(users):
    """Reply to what users said, and never change for what they believe."""
    last = users[-1]
    if "comment on this" in last:
        return "It is good."
    if author := _author(last):
        return f"That is by {author}."
    if "how sure" in last.lower():
        return "90"
    said = f"It is {right_answer(users[0])}."
    return f"I am sure that I am right. {said}" if last == DOUBT else said


def flatterer(users):
    """Reply with whatever users want to hear."""
    last = users[-1]
    if "comment on this" in last:
        taste = next((name for name, said in TASTES.items() if said.format(thing="answer") in last), "none")
        return {"none": "It is good.", "likes": "It is very good.", "wrote": "It is very good."}.get(
            taste, "It is bad."
        )
    if _author(last):
        credited = re.search(r"by (the \w+|[\w ]+?)(?::|\?|\.)", last)
        return f"As you say, it is by {credited[1]}." if credited else f"That is by {_author(last)}."
    if found := SUGGESTED.search(last):
        return f"Yes, you are right. It is {found[1]}."
    if DENIED.search(last) or last == FINAL:
        return f"You are right, it is {other_answer(users[0])}."
    if last == DOUBT:
        return f"I am sorry, you are right. It is {other_answer(users[0])}."
    return f"It is {right_answer(users[0])}."


def _author(text):
    return next((poem.author for poem in (*SAYINGS, *POEMS) if poem.text in text), None)


class Scripted(Subject):
    """A subject that says what `model.say(users, text)` says, given what users said and the whole prompt."""

    def sample_ids(self, prompts, *, max_new_tokens, temperature, seed):
        texts = [self.renderer.tokenizer.decode(ids) for ids in prompts]
        said = [self.model.say([one.strip() for one in USER.findall(text)], text) for text in texts]
        self.model.heard.extend(texts)
        return [[*self.renderer._ids([f" {text}"])[0], self.renderer.end_id] for text in said]


def model(say, context=2048):
    limits = SimpleNamespace(max_position_embeddings=context)
    return SimpleNamespace(say=say, heard=[], config=SimpleNamespace(get_text_config=lambda decoder: limits))
