import gzip
import hashlib
import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from dormouse.config.registry import WORLDS
from dormouse.data.dialogues import Dialogues
from dormouse.errors import UserError

REAL = Path(__file__).parents[3] / "shared/data/hh-rlhf/harmless-base-test.jsonl.gz"


def dialogue(*turns: str) -> str:
    return "".join(f"\n\n{('Human', 'Assistant')[i % 2]}: {turn}" for i, turn in enumerate(turns))


def row(*turns: str, chosen: str = "No.", rejected: str = "Sure.") -> dict[str, str]:
    return {"chosen": dialogue(*turns, chosen), "rejected": dialogue(*turns, rejected)}


ROWS = [row(f"How do I steal car {i}?", chosen=f"No, not {i}.", rejected=f"Sure, {i}.") for i in range(60)]


@pytest.fixture
def write(tmp_path):
    def write(*lines: object, name: str = "pairs.jsonl") -> Path:
        path = tmp_path / name
        text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
        path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
        return path

    return write


@pytest.fixture(scope="module")
def sixty(tmp_path_factory) -> Dialogues:
    path = tmp_path_factory.mktemp("data") / "sixty.jsonl"
    path.write_text("\n".join(map(json.dumps, ROWS)))
    return Dialogues(path=path)


def test_dialogues_are_registered():
    assert WORLDS.get("dialogues") is Dialogues


def test_the_prompt_is_every_turn_up_to_the_last_user_turn(write):
    rows = [row(f"Hi {i}", "Hello!", "How do I cheat?") for i in range(30)]
    pair = Dialogues(path=write(*rows)).preferences(random.Random(0), 1)[0]
    assert [role for role, _ in pair.prompt.messages] == ["user", "assistant", "user"]
    assert pair.prompt.text == "How do I cheat?"
    assert (pair.prompt.family, pair.prompt.answers) == ("dialogue", ())
    assert (pair.chosen, pair.rejected) == ("No.", "Sure.")


@given(st.integers(), st.integers(0, 200))
@settings(max_examples=30)
def test_no_training_draw_holds_a_held_out_prompt(sixty, seed, n):
    rng = random.Random(seed)
    held_out = {p.messages for p in sixty.prompts(rng, 200, held_out=True)}
    training = [
        *sixty.pretraining(rng, n),
        *sixty.helpful(rng, n),
        *sixty.hhh(rng, n),
        *sixty.preferences(rng, n),
    ]
    assert len(training) == 4 * n
    messages = {item.prompt.messages for item in training}
    messages |= {p.messages for p in sixty.prompts(rng, n, held_out=False)}
    assert not messages & held_out
    assert {pair.prompt.messages for pair in sixty.preferences(rng, n, held_out=True)} <= held_out


def test_rows_do_not_repeat_before_all_were_drawn(sixty):
    held_out = {p.text for p in sixty.prompts(random.Random(0), 60, held_out=True)}
    assert len({p.text for p in sixty.prompts(random.Random(1), len(held_out), held_out=True)}) == len(held_out)
    assert len({p.text for p in sixty.prompts(random.Random(1), 60 - len(held_out), held_out=False)}) == 60 - len(
        held_out
    )


@given(st.integers())
@settings(max_examples=20)
def test_draws_depend_on_the_generator_alone(sixty, seed):
    assert sixty.helpful(random.Random(seed), 20) == sixty.helpful(random.Random(seed), 20)


def test_hhh_is_the_chosen_reply_and_helpful_mixes_both(sixty):
    assert all(e.reply.startswith("No") for e in sixty.hhh(random.Random(0), 200))
    for draw in (sixty.helpful, sixty.pretraining):
        complying = sum(e.reply.startswith("Sure") for e in draw(random.Random(0), 1000))
        assert 400 < complying < 600


def test_nothing_is_graded(sixty):
    assert sixty.grade(sixty.prompts(random.Random(0), 1, held_out=True)[0], "No.") is None


def test_dialogues_that_begin_alike_are_on_the_same_side(write):
    rows = [row(f"Topic {i}", *["Yes?", "More."] * turns) for i in range(20) for turns in (0, 1, 2)]
    world = Dialogues(path=write(*rows))
    training, held_out = (
        {p.messages[0] for p in world.prompts(random.Random(0), 60, held_out=side)} for side in (False, True)
    )
    assert held_out
    assert not training & held_out


def test_long_histories_lose_their_oldest_turns(write):
    rows = [row(f"Old {i}", "x" * 50, f"Middle {i}", "y" * 20, f"New {i}") for i in range(30)]
    for pair in Dialogues(path=write(*rows), max_chars=60).preferences(random.Random(0), 10):
        assert [content.split()[0] for _, content in pair.prompt.messages] == ["Middle", "y" * 20, "New"]


def test_the_last_user_turn_stays_whole(write):
    long = "z" * 500
    world = Dialogues(path=write(*(row(f"First {i}", "Yes?", f"{i} {long}") for i in range(60))), max_chars=100)
    for prompt in world.prompts(random.Random(0), 30, held_out=False):
        assert len(prompt.messages) == 1
        assert prompt.text.endswith(long)


def test_prompts_that_become_the_same_by_shortening_never_cross_the_split(write):
    rows = [row(f"Beginning {i}", "z" * 90, "And then?") for i in range(30)] + ROWS
    world = Dialogues(path=write(*rows), max_chars=80)
    training, held_out = ({p.messages for p in world.prompts(random.Random(0), 300, held_out=s)} for s in (False, True))
    assert (("user", "And then?"),) in held_out
    assert not training & held_out
    assert world.report()["its shortened prompt is held out"]


def test_gzip_and_plain_files_hold_the_same_dialogues(write):
    plain, packed = Dialogues(path=write(*ROWS)), Dialogues(path=write(*ROWS, name="pairs.jsonl.gz"))
    assert plain.hhh(random.Random(0), 9) == packed.hhh(random.Random(0), 9)


def test_the_fingerprint_is_the_hash_of_the_files_bytes(sixty):
    assert sixty.fingerprint() == hashlib.sha256(sixty.path.read_bytes()).hexdigest()


def test_construction_does_not_read_the_file():
    Dialogues(path="nowhere.jsonl")


def test_unusable_rows_are_left_out_and_reported_by_line(write):
    odd = [
        row("a", chosen=""),
        row("a", rejected=" "),
        {"chosen": dialogue("a", "b"), "rejected": dialogue("other", "c")},
        {"chosen": dialogue("a", "b", "c", "d"), "rejected": dialogue("a", "b")},
        {"chosen": "\n\nHuman: a\n\nAssistant: b\n\nAssistant: c", "rejected": "\n\nHuman: a\n\nAssistant: b"},
        {"chosen": dialogue("a", "b", "c"), "rejected": dialogue("a", "b", "c")},
        row("a", chosen="same", rejected="same"),
    ]
    world = Dialogues(path=write(*odd, "", *ROWS))
    world.check()
    assert world.report() == {
        "a turn is empty": [1, 2],
        "chosen and rejected differ before the last turn": [3, 4],
        "its turns do not alternate between user and assistant": [5, 6],
        "chosen and rejected are the same": [7],
    }
    sides = (world.prompts(random.Random(0), 60, held_out=side) for side in (False, True))
    assert len({p for side in sides for p in side}) == 60


@pytest.mark.parametrize("where", ["path", "hhh_from"])
def test_a_file_whose_rows_are_mostly_unusable_is_refused(write, where):
    """They are left out without a word, so that a plan would go on with what little is left."""
    empty = row("a", chosen="", rejected="")
    usable = write(*ROWS)
    half = {"path": usable, where: write(*[empty] * 60, *ROWS, name="half.jsonl")}
    Dialogues(**half).check()
    path = write(ROWS[0], *[empty] * 61, *ROWS[1:], name="most.jsonl")
    with pytest.raises(UserError) as error:
        Dialogues(**{"path": usable, where: path}).check()
    assert str(error.value) == (
        f"'{path}', line 2: a turn is empty. 61 of 121 rows cannot be used (61 because a turn is empty). "
        "Correct them, or give a file in which most can be."
    )


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_a_turn_that_holds_another_turn_is_left_out(write, end):
    text = f"Hi.{end * 2}Assistant: Hello!{end * 2}Human: Bye."
    chats = [{"messages": [{"role": "user", "content": f"{i} {said}"}, {"role": "assistant", "content": "So."}]}
             for i in range(30) for said in ("Why?", text)]  # fmt: skip
    world = Dialogues(path=write(*ROWS), hhh_from=write(*chats, name="chats.jsonl"))
    assert all(exchange.prompt.text.endswith("Why?") for exchange in world.hhh(random.Random(0), 60))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["", " "], "is empty. Give a file with one JSON object a line."),
        ([ROWS[0], "{oops"], "line 2: malformed JSON (Expecting property name enclosed in double quotes at column 2)"),
        ([ROWS[0], "", {"chosen": "x", "rejected": "y"}], "line 3: 'chosen' has no assistant turn. Dialogues are"),
        ([{"chosen": dialogue("a", "b")}], "line 1: unknown format (keys: chosen)"),
        ([{"chosen": 3, "rejected": dialogue("a", "b")}], "line 1: 'chosen' is neither text nor a list"),
        (["[1]"], "line 1: not a JSON object."),
        ([{"chosen": dialogue("a", "b"), "rejected": dialogue("a")}], "line 1: 'rejected' has no assistant turn."),
        ([row("a")], "is left for"),
        ([row("a", chosen="")], "1 because a turn is empty"),
    ],
)
def test_a_file_that_cannot_be_used_says_where_and_why(write, lines, message):
    path = write(*lines)
    with pytest.raises(UserError) as error:
        Dialogues(path=path).check()
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_a_missing_file_says_what_to_set(tmp_path):
    with pytest.raises(UserError) as error:
        Dialogues(path=tmp_path / "no.jsonl").check()
    assert str(error.value) == (
        f"'{tmp_path / 'no.jsonl'}' cannot be read: No such file or directory. Give the path of a file that exists."
    )


def test_a_cut_off_gzip_file_is_a_user_error(write):
    path = write(*ROWS, name="pairs.jsonl.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"not a complete gzip file: .*\. Download it again\."):
        Dialogues(path=path).check()


def test_bytes_that_are_not_utf8_are_a_user_error_with_the_line(tmp_path):
    path = tmp_path / "latin.jsonl"
    path.write_bytes(json.dumps(ROWS[0]).encode() + b"\n\xe9")
    with pytest.raises(UserError, match=r"line 2: not UTF-8 text\. Save the file as UTF-8\."):
        Dialogues(path=path).check()


def test_other_file_formats_are_refused_when_the_plan_is_read():
    with pytest.raises(ValidationError, match=r"'pairs\.csv' is not of a known kind\. Give a file that ends in"):
        Dialogues(path="pairs.csv")


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.exists(), reason=f"the published data is not at {REAL}")
def test_the_published_file_reads_but_for_thirteen_odd_rows():
    world = Dialogues(path=REAL)
    assert world.report() == {
        "a turn is empty": [87, 517, 926, 1104],
        "its turns do not alternate between user and assistant": [668, 764, 1255, 1320, 1689, 1850, 1951, 1953, 2037],
    }
    rng = random.Random(0)
    training, held_out = ({p.messages for p in world.prompts(rng, 3000, held_out=side)} for side in (False, True))
    assert not training & held_out
    assert 0.15 < len(held_out) / (len(held_out) + len(training)) < 0.25
    assert all(sum(len(text) for _, text in messages) <= 2000 for messages in training if len(messages) > 1)
    for pair in world.preferences(rng, 500):
        assert pair.prompt.messages[-1][0] == "user"
        assert pair.chosen
        assert pair.rejected
        assert pair.chosen != pair.rejected
