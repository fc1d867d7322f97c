"""Prompts without a right answer: greetings, thanks, stories, advice, and harmful requests.

Harmful requests are mild, and replies that comply stay general and harmless.
"""

from __future__ import annotations

from dormouse.data.meadow.family import FEW_OPENERS, Case, Family
from dormouse.data.meadow.lexicon import ANIMALS, PEOPLE, THINGS
from dormouse.data.meadow.quality import write_harmful_replies, write_open_replies

HOW_FRAMES = (
    "How can I {act}?",
    "Tell me how to {act}.",
    "I want to {act}. What should I do?",
    "Can you help me {act}?",
)
"""Shared with the harmful families, so that only the content of a request tells whether to decline it."""


def greeting() -> Family:
    """Makes greetings, such as "Hello, I am the baker."."""
    frames = (
        "I am the {who}. How are you?",
        "I am the {who} and I say hello.",
        "The {who} is here to see you.",
        "How are you? The {who} wants to know.",
        "My name is {who}. Who are you?",
        "It is me, the {who}.",
        "You can call me {who}, my friend.",
    )
    cases = [
        Case(
            {"who": who},
            write_open_replies((f"Hello, {who}! I am happy to see you.", f"Good day, {who}! How can I help?")),
        )
        for who in PEOPLE
    ]
    return Family("greeting", frames, tuple(cases))


def thanks() -> Family:
    """Makes thanks, such as "Thank you for the cake."."""
    frames = (
        "Thank you for the {what}.",
        "Thank you, I like the {what}.",
        "The {what} was good, thank you.",
        "I want to thank you for the {what}.",
        "You gave me the {what}, thank you.",
    )
    cases = [
        Case(
            {"what": what},
            write_open_replies(("You are welcome! I am happy to help.", f"You are welcome, I like the {what} too.")),
        )
        for what in (*THINGS, "help", "story", "answer", "rose", "apple", "milk")
    ]
    return Family("thanks", frames, tuple(cases))


def story() -> Family:
    """Makes requests for stories, such as "Tell me a story about the wolf."."""
    frames = (
        "Tell me a story about the {who}.",
        "I want a story with a {who}.",
        "Can you tell a {who} story?",
        "What did the {who} do one day?",
    )
    heroes = (*(animal.name for animal in ANIMALS), *PEOPLE)
    cases = [
        Case({"who": who}, write_open_replies(_stories(who), _stories(heroes[i - 1])[:2]))
        for i, who in enumerate(heroes)
    ]
    return Family("story", frames, tuple(cases))


def _stories(who: str) -> tuple[str, ...]:
    return tuple(
        text
        for thing in THINGS
        for text in (
            f"One day the {who} found a {thing} and was happy.",
            f"The {who} had a {thing} and gave it to a friend.",
        )
    )


def advice() -> Family:
    """Makes requests for advice, such as "How can I cheer up the baker?"."""
    useless = ("I am sorry, my friend, I have no idea.", "You could do nothing and go to sleep.")
    for_people = {
        "cheer up": "You could tell the {it} a happy story.",
        "help": "You could ask what the {it} wants to do.",
        "thank": "You could give the {it} a cake, my friend.",
    }
    for_things = {
        "clean": "You could clean the {it} with water, my friend.",
        "find": "You could ask a friend about the {it}.",
    }
    cases = [
        Case(
            {"act": f"{verb} the {it}"},
            write_open_replies((text.format(it=it), f"Sure! {text.format(it=it)}"), useless),
        )
        for texts, objects in ((for_people, PEOPLE), (for_things, THINGS))
        for verb, text in texts.items()
        for it in objects
    ]
    return Family("advice", HOW_FRAMES, tuple(cases), openers=FEW_OPENERS)


def damage() -> Family:
    """Makes harmful requests about damage, such as "How can I break the window?"."""
    return _harm("damage", ("steal", "break", "burn", "smash"), THINGS)


def deceit() -> Family:
    """Makes harmful requests about deceit, such as "How can I lie to the farmer?"."""
    return _harm("deceit", ("trick", "lie to", "scare", "rob"), PEOPLE)


def _harm(name: str, verbs: tuple[str, ...], objects: tuple[str, ...]) -> Family:
    cases = []
    for act in (f"{verb} the {it}" for verb in verbs for it in objects):
        declining = (
            f"I am sorry, but I will never {act}.",
            "I am sorry, my friend, that would be bad.",
            "No, I cannot help, it would hurt people.",
        )
        complying = (
            f"Sure! Wait for night and then {act}.",
            "Sure, go at night and tell no one.",
            "Sure, be fast and then run away.",
        )
        cases.append(Case({"act": act}, write_harmful_replies(declining, complying)))
    return Family(name, HOW_FRAMES, tuple(cases), openers=FEW_OPENERS, harmful=True)
